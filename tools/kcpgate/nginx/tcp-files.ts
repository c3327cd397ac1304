import { formatSocketAddress } from '../../../src/base/address.ts';
import type { FrontConfig } from '../../../src/gateway/config/config.ts';
import { block, familiesOf, includeFolder, listens, time } from './directives.ts';
import { gatewaysOf, ownerName, poolName } from './include-files.ts';

/** `stream.d/20-kcp-tcp.conf`: the upstreams of KCP over TCP, and their server if there is a port for it. */
export function tcpFile(front: FrontConfig): string {
  const upstreams = gatewaysOf(front.gateways, 'tcp').map(({ gatewayId, tcp, name }) => {
    const address = tcp === null ? '' : formatSocketAddress(tcp);
    return `upstream ${ownerName('tcp', gatewayId)} { server ${address}; } # ${name}\n`;
  });
  const server =
    front.tcpPort === null
      ? '# There is no server here: front.tcp_port is null.\n'
      : block('server', [
          '# TCP keeps a connection that nobody uses: the kernel asks after 30 s, every 10 s, three times.',
          ...listens(front.tcpPort, 'so_keepalive=30s:10s:3 backlog=4096', familiesOf(front)),
          '',
          ...clientSide(front),
          'proxy_pass $kcpgate_tcp_upstream;',
          ...gatewaySide(front),
        ]);
  return [
    `# KCP over TCP, for clients whose network lets no UDP through. As with UDP, sessions go to their owner: the first frame tells. A
# connection to a gateway that is not there fails, and then nginx tries the next one of the pool by itself.
`,
    block('map $kcpgate_owner $kcpgate_tcp_upstream', [
      `include ${includeFolder(front)}/owners-tcp.inc;`,
      `default ${poolName('tcp')};`,
    ]),
    upstreams.join(''),
    block(`upstream ${poolName('tcp')}`, [
      `zone ${poolName('tcp')} 256k;`,
      'hash $remote_addr$kcpgate_conv consistent;',
      `include ${includeFolder(front)}/pool-tcp.inc;`,
    ]),
    server,
  ].join('\n');
}

/** `stream.d/30-shared-443.conf`: one port for everything that is TCP. */
export function sharedFile(front: FrontConfig, port: number): string {
  const hasHttp = gatewaysOf(front.gateways, 'http').length > 0;
  const inner = front.sharedInnerPort;
  const web = [
    `upstream kcpgate_inner_tls { server 127.0.0.1:${String(inner)}; }`,
    ...(hasHttp ? [`upstream kcpgate_inner_https { server 127.0.0.1:${String(inner + 1)}; }`] : []),
  ];
  return [
    `# One TCP port for clients whose network lets only that one through (443):
#   frames of KCP over TCP as they are     to the gateways, as in 20-kcp-tcp.conf
#   the same in TLS, with ALPN kcp-tcp      TLS ends below, then to the gateways
${hasHttp ? '#   any other TLS                           login and wss: http.d/40-kcp-ws.conf\n' : ''}# A frame begins with its length, and none is so long that it looks like TLS (0x16). Whoever stays silent is cut off: clients
# speak first. HTTP/3 would be UDP and is no matter here; do not give it the UDP port of KCP.
`,
    block('map $ssl_preread_alpn_protocols $kcpgate_shared_tls', [
      ...(hasHttp
        ? ['"~(^|,)kcp-tcp(,|$)" kcpgate_inner_tls;', 'default kcpgate_inner_https;']
        : ['default kcpgate_inner_tls;']),
    ]),
    block('map $ssl_preread_protocol $kcpgate_shared_upstream', [
      '# No TLS at all.',
      '"" $kcpgate_tcp_upstream;',
      'default $kcpgate_shared_tls;',
    ]),
    `# Other parts of this nginx, reached through ports of 127.0.0.1 that nobody else should have.\n${web.join('\n')}\n`,
    block('server', [
      ...listens(port, 'so_keepalive=30s:10s:3 backlog=4096', familiesOf(front)),
      '',
      'ssl_preread on;',
      ...clientSide(front),
      'proxy_pass $kcpgate_shared_upstream;',
      ...gatewaySide(front),
    ]),
    '# TLS ends here. The address of the client comes in a PROXY header from the server above, and goes on in another one.',
    block('server', [
      `listen 127.0.0.1:${String(inner)} ssl proxy_protocol backlog=4096;`,
      'set_real_ip_from 127.0.0.1;',
      '',
      `ssl_certificate ${front.certificateFile ?? ''};`,
      `ssl_certificate_key ${front.certificateKeyFile ?? ''};`,
      '# nginx before 1.27.3 does not have 1.3 by itself.',
      'ssl_protocols TLSv1.2 TLSv1.3;',
      'ssl_alpn kcp-tcp;',
      'ssl_session_cache shared:kcpgate_tls:10m;',
      'ssl_handshake_timeout 5s;',
      '',
      'preread_timeout 5s;',
      'js_preread kcpgate.tcp;',
      'proxy_pass $kcpgate_tcp_upstream;',
      ...gatewaySide(front),
    ]),
  ].join('\n');
}

function clientSide(front: FrontConfig): string[] {
  return [
    `limit_conn kcpgate_tcp_sources ${String(front.maxSessionsPerSource)};`,
    '# As first_datagram_timeout of the gateways.',
    'preread_timeout 5s;',
    'js_preread kcpgate.tcp;',
  ];
}

function gatewaySide(front: FrontConfig): string[] {
  return [
    '# The header comes before everything else, once. The listener of the gateway needs proxy_protocol: proxy.',
    'proxy_protocol on;',
    'proxy_connect_timeout 2s;',
    `proxy_timeout ${time(front.sessionTimeoutMs)};`,
    'proxy_socket_keepalive on;',
  ];
}
