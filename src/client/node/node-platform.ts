import { randomInt } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { HandshakeCrypto } from '../../base/handshake-crypto.ts';
import { NO_LOG, type Logger } from '../../base/logger.ts';
import type { TlsClientOptions } from '../../carrier/node/tls-client.ts';
import { createHandshakeCrypto } from '../../crypto/handshake-keys.ts';
import { KeyLogFile } from '../../crypto/key-log-file.ts';
import { withKeyLog } from '../../crypto/key-log.ts';
import { NODE_CLOCK } from '../../endpoint/index.ts';
import { QlogTracer, resolveQlogOptions, type QlogOptions } from '../../qlog/index.ts';
import { checkNumber, checkObject, checkType, type GivenOptions } from '../../base/check-option.ts';
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
  /**
   * File that the keys of all sessions are appended to, so that captures of their traffic can be read: by whoever has the file.
   * For looking for faults. Default: none.
   */
  readonly keyLogFile?: string;
  /**
   * Records every session into a qlog file, or those that ended abnormally; see docs/qlog.md. For looking for faults. Default: none.
   */
  readonly qlog?: QlogOptions;
  /** Where carriers log. Default: nowhere. */
  readonly logger?: Logger;
}

/** What can be told of it before anything is done. @throws GatewayError `config_invalid`: which option, and what it must be. */
export function checkPlatformOptions(options: NodePlatformOptions): void {
  const given: GivenOptions = { ...options };
  for (const name of ['tls', 'qlog']) checkObject(given, name);
  checkNumber(given, 'socketBufferBytes', 1, MAX_BUFFER_BYTES);
  checkType(given, 'keyLogFile', 'string', 'the name of a file');
  if (options.qlog !== undefined) resolveQlogOptions(options.qlog);
}

/** The system counts in 31 bits, and doubles it. */
export const MAX_BUFFER_BYTES = 2 ** 30 - 1;

/**
 * Node, as a client needs it.
 * @throws GatewayError `io_failed` when the key log cannot be opened; `config_invalid`: what is wrong with `qlog`.
 */
export function createNodePlatform(options: NodePlatformOptions = {}): ClientPlatform {
  const { tls, socketBufferBytes, logger = NO_LOG } = options;
  const network = new NetworkWatch();
  const crypto = handshakeCrypto(options.keyLogFile, logger);
  const tracer = qlogTracer(options.qlog, logger);
  return {
    clock: NODE_CLOCK,
    wallClock: UNIX_CLOCK,
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
    createEndpoint: (config) => new NodeSessionEndpoint(config, crypto, tracer),
    onNetworkChange: (listener) => network.listen(listener),
    throwLater: (error) => {
      process.nextTick(() => {
        throw error;
      });
    },
  };
}

function qlogTracer(options: QlogOptions | undefined, logger: Logger): QlogTracer | undefined {
  if (options === undefined) return undefined;
  return new QlogTracer(resolveQlogOptions(options), { clock: NODE_CLOCK, wallClock: UNIX_CLOCK, logger });
}

function handshakeCrypto(keyLogFile: string | undefined, logger: Logger): HandshakeCrypto {
  const crypto = createHandshakeCrypto();
  if (keyLogFile === undefined) return crypto;
  const onLoss = (reason: string): void => logger.warn('keys are missing in the key log', { reason });
  const file = new KeyLogFile(keyLogFile, onLoss);
  logger.warn('keys are logged: who has the file can read all sessions', { file: keyLogFile });
  return withKeyLog(crypto, file.write);
}

const UNIX_CLOCK: Clock = { now: () => Date.now() };
