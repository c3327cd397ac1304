import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { Line, LineTransport } from '../../../src/client/node/index.ts';
import { isHostName } from '../../../src/gateway/config/server-address.ts';

/**
 * Reads one more line of the command line: `udp://host:port`, `tcp://host:port`, `tls://host:port` (TCP within TLS),
 * `ws://host:port/path`, `wss://host:port/path`. Its id is the text.
 */
export function lineArgument(text: string, before: readonly Line[] = []): readonly Line[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url === undefined ? undefined : SCHEMES.get(url.protocol);
  if (url === undefined || scheme === undefined)
    return refuse('write udp://host:port, or tcp, tls, ws, wss.');
  const { transport, tls, defaultPort } = scheme;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? defaultPort : Number(url.port);
  if (isIP(host) === 0 && !isHostName(host)) return refuse('the host is no name and no IP address.');
  if (port === undefined || port < 1) return refuse('the port is missing.');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    return refuse('it has no credentials and no #.');
  const path = `${url.pathname}${url.search}`;
  const isWebSocket = transport === 'ws' || transport === 'wss';
  if (!isWebSocket && !/^\/?$/.test(path)) return refuse('only ws and wss have a path.');
  if (before.some(({ id }) => id === text)) return refuse('it is there twice.');
  const way = { transport, tls, host, port, path: isWebSocket ? path : '' };
  return [...before, { id: text, gatewayId: 0, ...way, region: '', priority: 0, weight: 100 }];
}

interface Scheme {
  readonly transport: LineTransport;
  readonly tls: boolean;
  readonly defaultPort?: number;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ['udp:', { transport: 'udp', tls: false }],
  ['tcp:', { transport: 'tcp', tls: false }],
  ['tls:', { transport: 'tcp', tls: true }],
  ['ws:', { transport: 'ws', tls: false, defaultPort: 80 }],
  ['wss:', { transport: 'wss', tls: true, defaultPort: 443 }],
]);

function refuse(reason: string): never {
  throw new InvalidArgumentError(`It must be a line: ${reason}`);
}
