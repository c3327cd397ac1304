import type { FrontConfig } from '../../../src/gateway/config/config.ts';
import { gatewaysOf } from './include-files.ts';

/** `sysctl.d/90-kcpgate.conf`. */
export function sysctlFile(front: FrontConfig): string {
  const { udpPort, tcpPort, sharedPort, sharedInnerPort, httpPort } = front;
  const ports = [udpPort, tcpPort, sharedPort, httpPort].filter((port) => port !== null);
  if (sharedPort !== null) ports.push(sharedInnerPort, sharedInnerPort + 1);
  const reserved = [...new Set(ports)].filter((port) => port >= FIRST_EPHEMERAL).sort((a, b) => a - b);
  const reservation =
    reserved.length === 0
      ? '# net.ipv4.ip_local_reserved_ports: no port of this nginx lies in the range.'
      : `# But for those that nginx listens on.\nnet.ipv4.ip_local_reserved_ports = ${reserved.join(',')}`;
  return `# /etc/sysctl.d/90-kcpgate.conf, for the host of nginx and for those of gateways. Then: sysctl --system

# Sockets ask for 4 MiB (rcvbuf and sndbuf of nginx, socket_buffer of a gateway) and get no more than this.
net.core.rmem_max = 8388608
net.core.wmem_max = 8388608
# What the sockets of nginx towards gateways have, one for each UDP session: nginx before 1.31.3 cannot ask for more. It is
# the limit of a burst of one client, not memory that is taken.
net.core.rmem_default = 1048576
net.core.wmem_default = 1048576
# Packets that wait for a processor, of all sockets.
net.core.netdev_max_backlog = 8192

# Each UDP session of nginx needs a local port, whatever the number of gateways: this is the most that one local address can have
# (55,000; the default range has 28,000). When they are used up new clients get nothing, "no live upstreams" in the log of nginx
# means this, too. More: several local addresses (split_clients and proxy_bind), or udp_balancing: transparent.
net.ipv4.ip_local_port_range = ${String(FIRST_EPHEMERAL)} 65535
${reservation}

# Only where a firewall tracks connections (lsmod has nf_conntrack): each UDP session is two entries, one towards the client and one
# towards the gateway, and when the table is full packets are dropped. Better is not to track them at all ("notrack" in
# nftables, "-j CT --notrack" in iptables, for the UDP port here and for those of gateways). "-": no error where it is not there.
-net.netfilter.nf_conntrack_max = 1048576
-net.netfilter.nf_conntrack_udp_timeout_stream = ${String(Math.ceil(front.sessionTimeoutMs / 1000) + 30)}
`;
}

const FIRST_EPHEMERAL = 10_240;

/** `systemd/kcpgate-tproxy@.service`: what the kernel has to know for the transparent variant. */
export function transparentServiceFile(front: FrontConfig): string {
  // Not by the address of the gateway: one that is bound to any address has none yet when the kernel asks for a route.
  const rules = [
    ...new Set(
      gatewaysOf(front.gateways, 'udp').flatMap(({ udp }) => {
        if (udp === null) return [];
        const family = udp.family === 6 ? '-6' : '-4';
        return [`${family} rule ADD iif %i ipproto udp sport ${String(udp.port)} lookup ${TABLE}`];
      }),
    ),
  ];
  const families = [...new Set(rules.map((rule) => rule.slice(0, 2)))];
  const lines = [
    ...families.map((family) => `ExecStart=ip ${family} route replace local default dev lo table ${TABLE}`),
    ...rules.flatMap((rule) => [
      '# A rule can be there twice: away with the one of before, if any.',
      `ExecStart=-ip ${rule.replace('ADD', 'del')}`,
      `ExecStart=ip ${rule.replace('ADD', 'add')}`,
    ]),
    ...rules.map((rule) => `ExecStop=-ip ${rule.replace('ADD', 'del')}`),
    // The route stays: another instance of the unit may want it, and without rules it does nothing.
  ];
  return `# /etc/systemd/system/kcpgate-tproxy@.service: only for udp_balancing: transparent. Answers of gateways are addressed to clients; these
# rules give them to nginx instead, whose sockets have those addresses. The name behind the @ is that of the interface which
# answers come in by:
#
#   systemctl enable --now kcpgate-tproxy@eth1       gateways on other hosts, behind eth1
#   systemctl enable --now kcpgate-tproxy@lo         gateways on this host; their UDP ports must not be that of nginx
#
# On the hosts of gateways answers to clients have to go by this host. Where it is not the default gateway anyway:
#   ip route add default via ADDRESS_OF_THIS_HOST table ${TABLE}
#   ip rule add ipproto udp sport PORT_OF_THE_GATEWAY lookup ${TABLE}
[Unit]
Description=Answers of kcpgate gateways that come in by %i go to nginx
After=network-online.target
Wants=network-online.target
Before=nginx.service

[Service]
Type=oneshot
RemainAfterExit=yes
${lines.join('\n')}

[Install]
WantedBy=multi-user.target
`;
}

/** Of routes; any number that is free on the host. */
const TABLE = '4000';
