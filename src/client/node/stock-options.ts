import {
  checkLogger,
  checkNumber,
  checkOneOf,
  checkSignal,
  invalidOption,
  type GivenOptions,
} from '../../base/check-option.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { KCP_PRESETS, resolveKcpConfig, type KcpConfig, type KcpOptions } from '../../kcp/index.ts';
import type { PeerKind } from '../../session/index.ts';
import { checkClientSessionOptions } from '../sdk/check-session-options.ts';
import { MAX_BUFFER_BYTES } from './node-platform.ts';
import type { ClientSessionOptions } from '../sdk/session-options.ts';

/** What {@link connectStock} takes. The KCP parameters must suit the server's; nothing is negotiated. */
export interface StockOptions
  extends Omit<KcpOptions, 'conv' | 'announce' | 'initialSequence'>, ClientSessionOptions {
  /** Host name or IP address of the server. */
  readonly host: string;
  /** UDP port of the server. */
  readonly port: number;
  /** Conversation id. Default: random. */
  readonly conv?: number;
  /**
   * What the server is. `stock` (default): any KCP server; there is no handshake, so connecting cannot fail, and no end of
   * stream. `kcpgate`: a kcpgate gateway; connecting waits for its answer, both directions can end, and closes have a reason.
   */
  readonly peer?: PeerKind;
  /** With a kcpgate peer: how long to wait for its first answer, in ms. 1 to an hour; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Kernel socket buffers in bytes. Default 4 MiB; the kernel may give less. */
  readonly socketBufferBytes?: number;
  /** Where to log. Default: nowhere. */
  readonly logger?: Logger;
  /** Aborting it fails a connect under way and destroys the connection. */
  readonly signal?: AbortSignal;
}

/** @throws GatewayError `config_invalid`: which option, and what it must be. */
export function checkStockOptions(options: StockOptions): void {
  const given: GivenOptions = { ...options };
  if (typeof given.host !== 'string') throw invalidOption('host', 'must be a name or an address');
  if (given.port === undefined) throw invalidOption('port', 'is required');
  checkNumber(given, 'port', 1, 65_535);
  checkOneOf(given, 'peer', ['stock', 'kcpgate']);
  checkOneOf(given, 'preset', Object.keys(KCP_PRESETS));
  checkNumber(given, 'connectTimeoutMs', 1, 3_600_000);
  checkNumber(given, 'socketBufferBytes', 1, MAX_BUFFER_BYTES);
  checkClientSessionOptions(options);
  checkSignal(given);
  checkLogger(given);
}

/** The engine's configuration for these options. @throws GatewayError `config_invalid`. */
export function stockKcpConfig(options: StockOptions, randomConv: number): KcpConfig {
  try {
    return resolveKcpConfig({
      ...options,
      conv: options.conv ?? randomConv,
      announce: options.peer === 'kcpgate',
    });
  } catch (cause) {
    throw new GatewayError('config_invalid', cause instanceof Error ? cause.message : String(cause), {
      cause,
    });
  }
}
