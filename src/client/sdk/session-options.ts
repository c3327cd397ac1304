import type { Logger } from '../../base/logger.ts';
import type { LineChoice } from '../choose-line.ts';
import type { RememberedLine } from '../lines/line-candidate.ts';
import type { Seal } from '../login-answer.ts';
import type { SwitchOptions } from '../switching/switch-config.ts';
import type { LineKeeperOptions } from './line-keeper.ts';
import type { RedundantOptions } from './redundant-line.ts';

/** What every kind of client connection can be told of its session. */
export interface ClientSessionOptions {
  /** Closed with `idle_timeout` when nothing arrived for so long, in ms. 100 to a day; default 30,000. */
  readonly idleTimeoutMs?: number;
  /** Quiet for so long, the peer is asked for a sign of life, in ms; 0 = never. At most a day; default 10,000. */
  readonly keepAliveMs?: number;
  /** How long closing may take to get queued data across, in ms. 0 to an hour; default 5,000. */
  readonly closeTimeoutMs?: number;
  /** Payload memory at most, in bytes. 64 KiB or more; default 64 MiB. */
  readonly maxMemoryBytes?: number;
}

/** What a session that logged in is opened with. */
export interface SessionOptions extends ClientSessionOptions {
  /**
   * The line to begin on: its id, its transport, or what it must be like. Default: all are tried, and the first that leads to
   * the gateway is the one.
   */
  readonly line?: LineChoice;
  /** What led to the gateway the last time: it is tried first, a little before the others. Default: nothing is known. */
  readonly remembered?: RememberedLine;
  /** Seals to open sessions with, best first. Default: `aes-128-gcm` alone, `clear` in browsers. */
  readonly seal?: readonly Seal[];
  /** true: bytes are one stream. false: each send is one message. It must suit what the gateway leads to. Default false. */
  readonly stream?: boolean;
  /** How long connecting may take after the login, in ms: name, carrier and handshake. 1 to an hour; default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Goes out within the first datagram of the handshake, as far as it fits there, some 1,000 bytes. Whoever records that
   * datagram can send it again: only for what may be done twice. The gateway hands it on when the handshake is done. It arrives
   * in any case, only later where the gateway takes no early data. No more than `send` would take at once. Default: nothing.
   */
  readonly earlyData?: Uint8Array;
  /**
   * Whether the session watches its line and goes to another one when that fails or a better one is there; how, in the numbers of
   * {@link SwitchConfig}. Default: true, false where `line` is said.
   */
  readonly switching?: boolean | SwitchOptions;
  /**
   * Whether everything is sent on a second line as well, the first copy that arrives counts: for messages that must be fast.
   * The gateway does the same in the other direction. Only sealed sessions can. Default false.
   */
  readonly redundant?: boolean | RedundantOptions;
  /**
   * Without `switching`: whether a broken TCP or WebSocket connection is made again, until the idle timeout ends the session.
   * Default true.
   */
  readonly redial?: boolean;
  /** Bytes held towards the gateway, sent or not; beyond it `send` takes no more. 1 to 2^31 - 1; default 4 MiB. */
  readonly maxQueueBytes?: number;
  /** Where to log. Default: nowhere. */
  readonly logger?: Logger;
  /** Aborting it fails what is under way and destroys the connection. */
  readonly signal?: AbortSignal;
}

/** The defaults of {@link ClientSessionOptions}, filled in. */
export function clientSessionTerms(options: ClientSessionOptions): Required<ClientSessionOptions> {
  return {
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    keepAliveMs: options.keepAliveMs ?? 10_000,
    closeTimeoutMs: options.closeTimeoutMs ?? 5_000,
    maxMemoryBytes: options.maxMemoryBytes ?? 64 * 1024 * 1024,
  };
}

/** What is said of lines, with its defaults. */
export function lineKeeperOptions({ line, switching, redundant }: SessionOptions): LineKeeperOptions {
  return {
    switching: said(switching ?? line === undefined),
    redundant: said(redundant ?? false),
  };
}

function said<Options extends object>(value: boolean | Options): Partial<Options> | undefined {
  if (typeof value === 'object') return value;
  return value ? {} : undefined;
}
