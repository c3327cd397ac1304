import { formatSocketAddress } from '../../../src/base/address.ts';
import type { FrontConfig, UdpBalancing } from '../../../src/gateway/config/config.ts';
import { block, familiesOf, includeFolder, listens, time } from './directives.ts';
import { gatewaysOf, ownerName, poolName } from './include-files.ts';

/** One of them is active; `plus` only ever by hand, as it needs NGINX Plus. */
export const UDP_VARIANTS = ['passive', 'active', 'transparent', 'plus'] as const;
export type UdpVariant = UdpBalancing | 'plus';

/** Name of the file of a variant, when it is active. */
export function udpFileName(variant: UdpVariant): string {
  return `stream.d/${FILE_NUMBERS[variant]}-kcp-udp-${variant}.conf`;
}

const FILE_NUMBERS: Readonly<Record<UdpVariant, string>> = {
  passive: '10',
  active: '11',
  transparent: '12',
  plus: '13',
};

/** The UDP server in one of its variants, on a port. */
export function udpFile(front: FrontConfig, port: number, variant: UdpVariant): string {
  return [
    HEADS[variant],
    owners(front, variant),
    ownerUpstreams(front),
    pool(front, variant),
    ...(variant === 'plus' ? [PLUS_MATCH] : []),
    ...servers(front, port, variant),
  ].join('\n');
}

const SWITCH = '# Exactly one of the files *-kcp-udp-*.conf is active; the others end in .off.';

const HEADS: Readonly<Record<UdpVariant, string>> = {
  passive: `# KCP over UDP, for small set-ups: nothing runs beside nginx. What it costs: a gateway that hangs, or whose host is gone, is never
# noticed (UDP has no connection that could fail). One that was stopped is noticed by nginx before 1.23 after a few lost
# datagrams, by later ones hardly ever. Sessions that logged in recover by themselves (their clients log in again, elsewhere);
# stock KCP peers need a new port or \`proxy_timeout\`. Also, a gateway that was away gets its share of new sessions back slowly:
# one for each fail_timeout. So rather take "active".
${SWITCH}
`,
  active: `# KCP over UDP, for most: \`kcpgate upstream-check\` asks every gateway once a second and rewrites the files that are included
# here. A gateway that drains keeps its sessions and gets no new ones; one that is down gives its sessions to another one, which tells
# their clients that they are gone.
${SWITCH}
`,
  transparent: `# KCP over UDP as in "active", and datagrams reach the gateways from the address and port of their client: no PROXY header, the
# listener has proxy_protocol: off, and a reload of nginx is not seen by gateways, as nothing changes for them. What it
# takes: answers of gateways have to come back through this host (they go to addresses of clients!), and here to nginx.
# systemd/kcpgate-tproxy@.service does the latter; README.md tells of the former.
${SWITCH}
`,
  plus: `# KCP over UDP with NGINX Plus, which asks the gateways itself: instead of "active" and \`kcpgate upstream-check\`. New sessions
# go only to gateways that answer and do not drain. Sessions of a gateway that is down are not led elsewhere: their clients
# notice by themselves. Not tested with NGINX Plus: try it before you trust it.
${SWITCH}
`,
};

/** Which upstream a datagram goes to, by the gateway that owns its session. */
function owners(front: FrontConfig, variant: UdpVariant): string {
  const isRewritten = variant === 'active' || variant === 'transparent';
  const lines = isRewritten
    ? [`include ${includeFolder(front)}/owners-udp.inc;`]
    : gatewaysOf(front.gateways, 'udp').map(
        ({ gatewayId, name }) => `${String(gatewayId)} ${ownerName('udp', gatewayId)}; # ${name}`,
      );
  const head =
    '# Sessions go to their owner, new ones and unknown gateways to the pool. Stock KCP peers choose their conversation id\n' +
    '# themselves: it may look like one of a gateway here, always the same one.\n';
  return head + block('map $kcpgate_owner $kcpgate_udp_upstream', [...lines, `default ${poolName('udp')};`]);
}

function ownerUpstreams({ gateways }: FrontConfig): string {
  const upstreams = gatewaysOf(gateways, 'udp').map(({ gatewayId, udp, name }) => {
    const address = udp === null ? '' : formatSocketAddress(udp);
    return `upstream ${ownerName('udp', gatewayId)} { server ${address}; } # ${name}\n`;
  });
  return `# Of one server each, which nginx therefore never takes for failed.\n${upstreams.join('')}`;
}

function pool(front: FrontConfig, variant: UdpVariant): string {
  const comments = [
    '# Shared by the workers, so that all see the same states.',
    `zone ${poolName('udp')} 256k;`,
    '# By address and conversation: a NAT that changes the port changes nothing, and clients behind one address are spread.',
    '# consistent: when a gateway goes, only its sessions move.',
    'hash $remote_addr$kcpgate_conv consistent;',
  ];
  return block(`upstream ${poolName('udp')}`, [...comments, ...poolServers(front, variant)]);
}

function poolServers(front: FrontConfig, variant: UdpVariant): string[] {
  if (variant === 'active' || variant === 'transparent') {
    return [
      '# max_fails=0 there: what nginx concludes by itself would only get in the way. A gateway that is away is "down", not deleted,',
      '# so that the ring of the hash stays as it is. Never without a server: it would be refused.',
      `include ${includeFolder(front)}/pool-udp.inc;`,
    ];
  }
  const failures = variant === 'passive' ? 'max_fails=2 fail_timeout=5s' : 'max_fails=0';
  const servers = gatewaysOf(front.gateways, 'udp').map(({ udp, weight, name }) => {
    const address = udp === null ? '' : formatSocketAddress(udp);
    return `server ${address}${weight === 1 ? '' : ` weight=${String(weight)}`} ${failures}; # ${name}`;
  });
  const reason =
    variant === 'passive'
      ? ['# After two failures out for 5 to 6 s. Fewer failures: one lost ICMP is enough.']
      : [];
  return [...reason, ...servers];
}

function servers(front: FrontConfig, port: number, variant: UdpVariant): string[] {
  if (variant !== 'transparent') return [server(front, port, familiesOf(front), variant)];
  // The address of a client can be that of a socket only towards a gateway of the same family; it was checked that there is one.
  const [first] = gatewaysOf(front.gateways, 'udp');
  return [server(front, port, [first?.udp?.family ?? 4], variant)];
}

function server(front: FrontConfig, port: number, families: readonly (4 | 6)[], variant: UdpVariant): string {
  return block('server', [
    '# reuseport: each worker has a socket of its own, and the kernel keeps a client with one of them. Without it, a burst of one client',
    '# is spread over workers: several sessions of nginx, for one of the client.',
    '# rcvbuf: more than net.core.rmem_max is not given; see sysctl.d/90-kcpgate.conf.',
    ...listens(port, 'udp reuseport rcvbuf=4m sndbuf=4m', families),
    '',
    `limit_conn kcpgate_udp_sources ${String(front.maxSessionsPerSource)};`,
    'js_preread kcpgate.udp;',
    'proxy_pass $kcpgate_udp_upstream;',
    '',
    ...addressOfClients(families, variant),
    '',
    '# A client from and to which nothing goes for so long is forgotten; it gets a new port and may get another gateway with its next',
    '# datagram. More than twice the idle timeout of sessions. Longer: descriptors, memory and ports for clients that are gone.',
    `proxy_timeout ${time(front.sessionTimeoutMs)};`,
    '# Later datagrams that are longer would be cut without a word.',
    'proxy_buffer_size 16k;',
    '# Leave proxy_responses and proxy_requests alone: with them nginx ends sessions that go on.',
    ...(variant === 'plus' ? PLUS_CHECK : []),
  ]);
}

function addressOfClients(families: readonly (4 | 6)[], variant: UdpVariant): string[] {
  if (variant === 'transparent') {
    const address = families.includes(6) ? '[$remote_addr]' : '$remote_addr';
    return [
      '# The port belongs to it: without, two clients behind one NAT could get the answers of each other. Only clients of the family of',
      '# the gateways can be served, so nginx listens on no other.',
      `proxy_bind ${address}:$remote_port transparent;`,
    ];
  }
  return [
    '# The gateway learns the client by a header in front of the first datagram of each session of nginx, and only there; if that one',
    '# is lost it knows the address of nginx only. Its listener needs proxy_protocol: proxy, and this host in trusted_proxies.',
    'proxy_protocol on;',
  ];
}

const PLUS_MATCH = `# A probe for any gateway (command 87, 40 bytes of payload), and an answer of one that is ready and does not drain: command 88, and
# nothing set in the byte behind the load.
match kcpgate_probe {
    send "\\x00\\x00\\x00\\x00\\x57\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x28\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00";
    expect ~ "(?s)^.{4}\\x58.{2}\\x00";
}
`;

const PLUS_CHECK: readonly string[] = [
  '',
  'health_check udp interval=1s jitter=100ms fails=2 passes=2 match=kcpgate_probe;',
  'health_check_timeout 300ms;',
  '# Sessions of a gateway that failed are ended: the next datagram goes to another one.',
  'proxy_session_drop on;',
];
