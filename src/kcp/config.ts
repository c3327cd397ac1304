import { KCP_PRESETS, type KcpPreset, type KcpPresetName } from './presets.ts';

/** How an engine behaves; everything but `conv` has a default. */
export interface KcpOptions extends Partial<KcpPreset> {
  /** Conversation id, unsigned 32 bits; the same on both sides. */
  readonly conv: number;
  /** Where `nodelay`, `intervalMs`, `fastResend` and `congestion` come from unless given themselves. Default `fast3`. */
  readonly preset?: KcpPresetName;
  /** The largest datagram in bytes, 50 to 9000. Default 1400. */
  readonly mtu?: number;
  /** Segments in flight at most, 1 to 65535. Default 1024. Costs up to that many times the MTU of memory. */
  readonly sendWindow?: number;
  /** Segments held for the application at most, 1 to 65535. Default 1024. Costs up to that many times the MTU of memory. */
  readonly receiveWindow?: number;
  /**
   * true: bytes are one stream, cut and merged as it fits (the peer sees no message boundaries). false: each send is one
   * message, cut into fragments. Default false.
   */
  readonly stream?: boolean;
  /** Transmissions of one segment after which the link counts as dead, 1 to 1000. Default 20. */
  readonly deadLink?: number;
  /** Payload bytes held towards the peer, sent or not; beyond it `send` takes no more. Default 4 MiB. */
  readonly maxQueueBytes?: number;
  /**
   * The largest message in message mode, both ways, 1 to 16 MiB; 0 = as large as fragments and windows allow. `send` refuses
   * a larger one; one that arrives is never delivered, see `KcpEngine.isOversize`. Default 0.
   */
  readonly maxMessageBytes?: number;
  /** Send NEW instead of PUSH until the first ACK, for a kcpgate peer; costs 20 bytes of each segment. Default false. */
  readonly announce?: boolean;
  /**
   * For a peer whose address is not proven: until its first ACK only a few segments are in flight and each is repeated a
   * few times, so that a forged source address is not flooded with what it never asked for. Default false.
   */
  readonly limitUntilHeard?: boolean;
  /**
   * The peer is a kcpgate peer that logged in, as this side: it has no flush tick, so half of `intervalMs` enters the
   * retransmission timeout; an ACK that `una` makes needless is left out where data leaves with it, but for three a second, which
   * tell the round trip; a window that comes late is not believed. With other peers it is as in the reference. Default false.
   */
  readonly loggedIn?: boolean;
  /** First `sn` of both directions; other than 0 only in tests. */
  readonly initialSequence?: number;
}

/** {@link KcpOptions} with every default filled in. */
export type KcpConfig = Required<Omit<KcpOptions, 'preset'>>;

/**
 * Fills in the defaults and checks the ranges.
 * @throws RangeError naming the option and its range.
 */
export function resolveKcpConfig(options: KcpOptions): KcpConfig {
  const preset = KCP_PRESETS[options.preset ?? 'fast3'];
  return {
    conv: inRange('conv', options.conv, 0, 0xffffffff),
    nodelay: options.nodelay ?? preset.nodelay,
    intervalMs: inRange('intervalMs', options.intervalMs ?? preset.intervalMs, 1, 5000),
    fastResend: inRange('fastResend', options.fastResend ?? preset.fastResend, 0, 255),
    congestion: options.congestion ?? preset.congestion,
    mtu: inRange('mtu', options.mtu ?? 1400, MIN_MTU, MAX_MTU),
    sendWindow: inRange('sendWindow', options.sendWindow ?? 1024, 1, MAX_WINDOW),
    receiveWindow: inRange('receiveWindow', options.receiveWindow ?? 1024, 1, MAX_WINDOW),
    stream: options.stream ?? false,
    deadLink: inRange('deadLink', options.deadLink ?? 20, 1, 1000),
    maxQueueBytes: inRange('maxQueueBytes', options.maxQueueBytes ?? 4 * 1024 * 1024, 1, 0x7fffffff),
    maxMessageBytes: inRange('maxMessageBytes', options.maxMessageBytes ?? 0, 0, MAX_MESSAGE_BYTES),
    announce: options.announce ?? false,
    limitUntilHeard: options.limitUntilHeard ?? false,
    loggedIn: options.loggedIn ?? false,
    initialSequence: (options.initialSequence ?? 0) | 0,
  };
}

/** What tells one conversation of an endpoint from the next. */
export type ConversationConfig = Pick<KcpConfig, 'conv' | 'stream' | 'limitUntilHeard' | 'loggedIn'>;

/**
 * The configuration of one conversation. Written out, not spread: every configuration then has the same shape, and the
 * packet path, which reads them all, stays monomorphic.
 */
export function configOfConversation(shared: KcpConfig, own: ConversationConfig): KcpConfig {
  return {
    conv: own.conv,
    nodelay: shared.nodelay,
    intervalMs: shared.intervalMs,
    fastResend: shared.fastResend,
    congestion: shared.congestion,
    mtu: shared.mtu,
    sendWindow: shared.sendWindow,
    receiveWindow: shared.receiveWindow,
    stream: own.stream,
    deadLink: shared.deadLink,
    maxQueueBytes: shared.maxQueueBytes,
    maxMessageBytes: shared.maxMessageBytes,
    announce: shared.announce,
    limitUntilHeard: own.limitUntilHeard,
    loggedIn: own.loggedIn,
    initialSequence: shared.initialSequence,
  };
}

/** The smallest and largest datagram an engine can be set to. */
export const MIN_MTU = 50;
export const MAX_MTU = 9000;
/** The window field has 16 bits; 65,536 would read as "closed". */
export const MAX_WINDOW = 65_535;
/** The largest message that can be allowed. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

function inRange(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(
    `${name} must be a whole number from ${String(min)} to ${String(max)}, not ${String(value)}`,
  );
}
