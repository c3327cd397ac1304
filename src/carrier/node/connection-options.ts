import { NO_LOG, type Logger } from '../../base/logger.ts';
import { MAX_FRAMED_BYTES } from '../../wire/frame.ts';

/** What all carriers of connections can be told. */
export interface ConnectionOptions {
  /** The largest datagram taken, in bytes; a larger one ends its connection. 1 to 65,507. Default 2048. */
  readonly maxDatagramBytes?: number;
  /** The most datagrams in one batch, sent or received. Default 1024. */
  readonly maxBatch?: number;
  /** Memory of the send arena, for datagrams. Default 256 KiB. */
  readonly arenaBytes?: number;
  /**
   * The most bytes queued for one connection that the system does not take; beyond it the connection is reset as
   * `slow_consumer`. What is flushed at once to one that has nothing queued is always taken. Default 4 MiB.
   */
  readonly maxQueueBytes?: number;
  /** See `ConnectionControl.highWaterBytes`. Default 256 KiB. */
  readonly highWaterBytes?: number;
  /** How long the end of a connection may take, in ms: to hand over what is queued and to see the peer's end. Default 2000. */
  readonly lingerMs?: number;
  /** Default: no log. */
  readonly logger?: Logger;
}

/** What carriers that accept connections can be told besides. */
export interface ConnectionServerOptions extends ConnectionOptions {
  /** The most connections at once; further ones are closed. Default 10,000. */
  readonly maxConnections?: number;
  /** The most of one source (an IPv4 address, an IPv6 /64). Default 1000. */
  readonly maxConnectionsPerSource?: number;
  /**
   * A connection not confirmed for so long is closed, in ms, counted from its beginning: a PROXY header and a TLS handshake
   * are in it. Default 5000.
   */
  readonly firstDatagramTimeoutMs?: number;
}

/** Slots of connections that are gone may be retained for a while. */
export const SLOTS_PER_CONNECTION = 2;

/** {@link ConnectionOptions}, complete. */
export type ConnectionConfig = Required<ConnectionOptions>;

/** {@link ConnectionServerOptions}, complete. */
export type ConnectionServerConfig = Required<ConnectionServerOptions>;

/** @throws RangeError when `maxDatagramBytes` is out of range. */
export function resolveConnectionConfig(options: ConnectionOptions): ConnectionConfig {
  const maxDatagramBytes = options.maxDatagramBytes ?? 2048;
  if (!(maxDatagramBytes >= 1 && maxDatagramBytes <= MAX_FRAMED_BYTES)) {
    throw new RangeError(`maxDatagramBytes is 1 to ${MAX_FRAMED_BYTES}, not ${maxDatagramBytes}`);
  }
  return {
    maxDatagramBytes,
    maxBatch: options.maxBatch ?? 1024,
    arenaBytes: options.arenaBytes ?? 256 * 1024,
    maxQueueBytes: options.maxQueueBytes ?? 4 * 1024 * 1024,
    highWaterBytes: options.highWaterBytes ?? 256 * 1024,
    lingerMs: options.lingerMs ?? 2000,
    logger: options.logger ?? NO_LOG,
  };
}

/** @throws RangeError when `maxDatagramBytes` is out of range. */
export function resolveConnectionServerConfig(options: ConnectionServerOptions): ConnectionServerConfig {
  return {
    ...resolveConnectionConfig(options),
    maxConnections: options.maxConnections ?? 10_000,
    maxConnectionsPerSource: options.maxConnectionsPerSource ?? 1000,
    firstDatagramTimeoutMs: options.firstDatagramTimeoutMs ?? 5000,
  };
}
