import { formatSocketAddress } from '../../../src/base/address.ts';
import type { FrontConfig } from '../../../src/gateway/config/config.ts';
import { block, familiesOf, includeFolder, listens, time } from './directives.ts';
import { gatewaysOf, ownerName, poolName } from './include-files.ts';

/** `http.d/40-kcp-ws.conf`: login and WebSocket. */
export function httpFile(front: FrontConfig): string {
  const upstreams = gatewaysOf(front.gateways, 'http').map(({ gatewayId, http, name }) => {
    const address = http === null ? '' : formatSocketAddress(http);
    return `upstream ${ownerName('http', gatewayId)} { server ${address}; } # ${name}\n`;
  });
  return [
    head(front),
    block('map $kcpgate_owner $kcpgate_http_upstream', [
      `include ${includeFolder(front)}/owners-http.inc;`,
      `default ${poolName('http')};`,
    ]),
    upstreams.join(''),
    block(`upstream ${poolName('http')}`, [
      '# In turn, by weight: whoever answers a login gets the session, so that this is what spreads sessions over gateways.',
      `zone ${poolName('http')} 256k;`,
      `include ${includeFolder(front)}/pool-http.inc;`,
    ]),
    block('map $remote_addr $kcpgate_client', [
      '# The port, too. An IPv6 address has brackets then.',
      '"~:" "[$remote_addr]:$remote_port";',
      'default "$remote_addr:$remote_port";',
    ]),
    block('map $http_upgrade $kcpgate_connection', ['default upgrade;', '"" close;']),
    block('server', [
      ...listeners(front),
      `server_name ${front.serverName};`,
      'server_tokens off;',
      '',
      ...tls(front),
      `limit_conn kcpgate_http_sources ${String(front.maxSessionsPerSource)};`,
      'client_max_body_size 16k;',
      '# Requests are small: who takes longer is no client.',
      'client_header_timeout 10s;',
      'client_body_timeout 10s;',
      '',
      ...headers(),
      '',
      ...locations(front),
    ]),
  ].join('\n');
}

function head(front: FrontConfig): string {
  return `# Login over HTTP, and KCP in WebSocket messages, for browsers and for networks that let nothing else through.

log_format kcpgate_http escape=json
    '{"time":"$time_iso8601","client":"$remote_addr:$remote_port","request":"$request_method $uri","status":"$status",'
    '"upstream":"$upstream_addr","upstream_status":"$upstream_status","seconds":"$request_time","sent":"$bytes_sent",'
    '"agent":"$http_user_agent","connection":"$connection","worker":"$pid"}';
# A WebSocket is logged when it ends. The query of a request is not: it could hold something secret.
access_log ${front.logDirectory}/kcpgate-http.log kcpgate_http buffer=32k flush=5s;

# In each worker, as in stream.d/00-common.conf.
limit_conn_zone $binary_remote_addr$pid zone=kcpgate_http_sources:16m;
limit_conn_log_level notice;
# As a gateway says it.
limit_conn_status 429;
`;
}

function listeners(front: FrontConfig): string[] {
  const lines: string[] = [];
  if (front.sharedPort !== null) {
    const isShared = gatewaysOf(front.gateways, 'tcp').length > 0;
    if (isShared) {
      lines.push(
        '# TLS that came to the shared port (stream.d/30-shared-443.conf), with the address of the client in front.',
        `listen 127.0.0.1:${String(front.sharedInnerPort + 1)} ssl proxy_protocol backlog=4096;`,
        'set_real_ip_from 127.0.0.1;',
        'real_ip_header proxy_protocol;',
      );
    } else {
      lines.push(...listens(front.sharedPort, 'ssl backlog=4096', familiesOf(front)));
    }
  }
  if (front.httpPort !== null) {
    lines.push(
      '# Without TLS. Behind another proxy that ends TLS: say which one it is (set_real_ip_from 192.0.2.1; real_ip_header',
      '# X-Forwarded-For;), and below https instead of $scheme, or gateways refuse logins.',
      ...listens(front.httpPort, 'backlog=4096', familiesOf(front)),
    );
  }
  return lines;
}

function tls(front: FrontConfig): string[] {
  if (front.sharedPort === null) return [];
  return [
    `ssl_certificate ${front.certificateFile ?? ''};`,
    `ssl_certificate_key ${front.certificateKeyFile ?? ''};`,
    'ssl_protocols TLSv1.2 TLSv1.3;',
    'ssl_session_cache shared:kcpgate_https:10m;',
    '',
  ];
}

function headers(): string[] {
  return [
    '# What a client says about its address is overwritten, not added to: gateways believe this host (trusted_proxies of their http',
    '# listener, which has proxy_protocol: off).',
    'proxy_set_header Host $host;',
    'proxy_set_header X-Forwarded-For $kcpgate_client;',
    '# Gateways answer logins only over https, unless login.allow_http says otherwise.',
    'proxy_set_header X-Forwarded-Proto $scheme;',
    'proxy_set_header Upgrade $http_upgrade;',
    'proxy_set_header Connection $kcpgate_connection;',
    'proxy_http_version 1.1;',
    'proxy_connect_timeout 2s;',
  ];
}

function locations(front: FrontConfig): string[] {
  const { websocketPath, loginPath } = front;
  const webSocket = (upstream: string): string[] => [
    `proxy_pass http://${upstream}${websocketPath}$is_args$args;`,
    '# Both sides ping: a gateway every 20 s.',
    `proxy_read_timeout ${time(front.sessionTimeoutMs)};`,
    `proxy_send_timeout ${time(front.sessionTimeoutMs)};`,
    'proxy_buffering off;',
  ];
  return [
    '# A gateway that drains or is not ready answers 503: another one may have room. A login that was on its way is sent again, too,',
    '# which does no harm: it only gives a ticket.',
    ...block(`location = ${loginPath}`, [
      `proxy_pass http://${poolName('http')};`,
      'proxy_next_upstream error timeout http_503 non_idempotent;',
      'proxy_next_upstream_tries 3;',
      'proxy_next_upstream_timeout 6s;',
      'proxy_read_timeout 5s;',
    ])
      .trimEnd()
      .split('\n'),
    '',
    '# To the gateway with this id: what a line of a login names. When it is down, to another one, as all have the same path.',
    ...block(
      `location ~ ^${websocketPath.replaceAll('.', '\\.')}/(?<kcpgate_owner>[0-9]+)$`,
      webSocket('$kcpgate_http_upstream'),
    )
      .trimEnd()
      .split('\n'),
    '',
    '# To any gateway.',
    ...block(`location = ${websocketPath}`, webSocket(poolName('http')))
      .trimEnd()
      .split('\n'),
    '',
    'location / {',
    '    return 404;',
    '}',
  ];
}
