import { randomInt } from 'node:crypto';
import { NO_LOG, type Logger } from '../../base/logger.ts';
import type { TlsClientOptions } from '../../carrier/node/tls-client.ts';
import { NODE_CLOCK } from '../../endpoint/index.ts';
import type { ClientPlatform } from '../sdk/client-platform.ts';
import { NetworkWatch } from './network-watch.ts';
import { NodeSessionEndpoint } from './node-session-endpoint.ts';
import { openCarrier } from './open-carrier.ts';
import { resolveHost } from './resolve-host.ts';

/** What lines are opened with in Node. */
export interface NodePlatformOptions {
  /** How servers of TLS lines are checked. Default: as Node does it. */
  readonly tls?: TlsClientOptions;
  /** Kernel buffers of UDP sockets in bytes. Default 4 MiB; the kernel may give less. */
  readonly socketBufferBytes?: number;
  /** Sends requests; for agents and certificates of your own. Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Where carriers log. Default: nowhere. */
  readonly logger?: Logger;
}

/** Node, as a client needs it. */
export function createNodePlatform(options: NodePlatformOptions = {}): ClientPlatform {
  const { tls, socketBufferBytes, logger = NO_LOG } = options;
  const network = new NetworkWatch();
  return {
    clock: NODE_CLOCK,
    wallClock: { now: () => Date.now() },
    random: () => randomInt(2 ** 32) / 2 ** 32,
    transports: ['udp', 'tcp', 'ws', 'wss'],
    seals: ['aes-128-gcm', 'clear'],
    fetch: options.fetch ?? fetch,
    resolve: (host, port) => resolveHost(host, port),
    openLine: async (line, { address, maxDatagramBytes, isForProbes, timeoutMs, signal }) => {
      const [remote] = address === undefined ? await resolveHost(line.host, line.port) : [address];
      const shared = { tls, socketBufferBytes, logger, maxDatagramBytes, isForProbes, timeoutMs };
      return openCarrier(line, remote, shared, signal);
    },
    createEndpoint: (config) => new NodeSessionEndpoint(config),
    onNetworkChange: (listener) => network.listen(listener),
    throwLater: (error) => {
      process.nextTick(() => {
        throw error;
      });
    },
  };
}
