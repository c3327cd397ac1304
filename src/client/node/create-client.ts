import type { TlsClientOptions } from '../../carrier/node/tls-client.ts';
import { createClient as createSdkClient, type Client } from '../sdk/client.ts';
import type { ClientOptions } from '../sdk/client-options.ts';
import type { QlogOptions } from '../../qlog/index.ts';
import { checkPlatformOptions, createNodePlatform, type NodePlatformOptions } from './node-platform.ts';

/** What {@link createClient} takes in Node. */
export interface NodeClientOptions extends ClientOptions {
  /** How servers of TLS lines are checked. Default: as Node does it. */
  readonly tls?: TlsClientOptions;
  /** Kernel buffers of UDP sockets in bytes, less than 1 GiB. Default 4 MiB; the kernel may give less. */
  readonly socketBufferBytes?: number;
  /**
   * File that the keys of all sessions are appended to, so that captures of their traffic can be read: by whoever has the file.
   * For looking for faults. Default: none.
   */
  readonly keyLogFile?: string;
  /**
   * Records every session into a qlog file, or those that ended abnormally; see docs/qlog.md. For looking for faults. Default: none.
   */
  readonly qlog?: QlogOptions;
}

/**
 * Makes a client that uses every line: UDP, TCP, TLS and WebSocket. Nothing happens before its `connect`.
 * @throws GatewayError `config_invalid`: which option, and what it must be; `io_failed` when the key log cannot be opened.
 */
export function createClient({
  tls,
  socketBufferBytes,
  keyLogFile,
  qlog,
  ...options
}: NodeClientOptions): Client {
  const { fetch, logger } = options;
  const platformOptions: NodePlatformOptions = {
    ...(tls === undefined ? {} : { tls }),
    ...(socketBufferBytes === undefined ? {} : { socketBufferBytes }),
    ...(keyLogFile === undefined ? {} : { keyLogFile }),
    ...(qlog === undefined ? {} : { qlog }),
    ...(fetch === undefined ? {} : { fetch }),
    ...(logger === undefined ? {} : { logger }),
  };
  checkPlatformOptions(platformOptions);
  return createSdkClient(createNodePlatform(platformOptions), options);
}
