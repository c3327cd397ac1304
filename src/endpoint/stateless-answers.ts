import type { ResetTokens } from '../base/handshake-crypto.ts';
import { KeyedLimiter, TokenBucket } from '../base/token-bucket.ts';
import type { WireMemory } from '../wire/memory.ts';
import { PROBE_ACK_BYTES, writeProbeAck } from '../wire/probe-ack.ts';
import { readProbe } from '../wire/probe.ts';
import { RESET_BYTES, writeReset } from '../wire/reset.ts';
import { checkSegment } from '../wire/segment.ts';
import type { DropReason } from './drop-reason.ts';
import type { EndpointPort } from './endpoint-port.ts';
import { RepeatSpacing } from './repeat-spacing.ts';
import type { SourceNames } from './source-names.ts';

/** What PROBE_ACK says of this gateway. */
export interface GatewayCondition {
  readonly nodeNumber: number;
  readonly epochSeconds: number;
  /** 0 idle to 255 full. */
  readonly load: number;
  readonly draining: boolean;
  readonly notReady: boolean;
}

/**
 * Answers that need no session: PROBE_ACK and RESET. Never longer than what they answer, limited in number for each source
 * and for all together, and checked for that before anything is computed.
 */
export class StatelessAnswers {
  private readonly resetTokens: ResetTokens | undefined;
  private readonly sources: SourceNames;
  private readonly probes = new SourceLimit(PROBE_RATE);
  private readonly resets = new SourceLimit(RESET_RATE);
  private readonly repeats = new RepeatSpacing();
  private readonly hashSeed: number;

  /** @param hashSeed 32 random bits, so that nobody can choose whose RESETs are spaced out with his. Default 0: for tests. */
  constructor(resetTokens: ResetTokens | undefined, sources: SourceNames, hashSeed = 0) {
    this.resetTokens = resetTokens;
    this.sources = sources;
    this.hashSeed = hashSeed;
  }

  /** Answers a PROBE. @returns why not, if it did not. */
  answerProbe(
    now: number,
    port: EndpointPort,
    memory: WireMemory,
    at: number,
    length: number,
    slot: number,
    condition: GatewayCondition,
  ): DropReason | undefined {
    // What its header says of its length must be there.
    if (checkSegment(memory.view, at, at + length, 0) === 0) return 'probe_malformed';
    const probe = readProbe(memory, at);
    if (typeof probe === 'string') return 'probe_malformed';
    if (!this.probes.take(now, this.sources, port, slot)) return 'answer_limit';
    const arena = port.arenaTo(slot).selectNone();
    const out = arena.reserveWhole(PROBE_ACK_BYTES);
    if (out < 0) return 'answer_limit';
    const { conv, index, ts, number, nonce } = probe;
    writeProbeAck(arena, out, {
      type: 'probeAck',
      conv,
      index,
      ts,
      number,
      nonce,
      load: condition.load,
      draining: condition.draining,
      notReady: condition.notReady,
      address: port.carrier.addressOf(slot),
      nodeId: condition.nodeNumber,
      epochSeconds: condition.epochSeconds,
      retryAfterMs: 0,
    });
    arena.commitWhole(PROBE_ACK_BYTES, 0, 0, 0, 0);
    port.probesAnswered++;
    return undefined;
  }

  /**
   * Tells a client that its session is not known here. One that goes on all the same does not hear it: it is told ever more
   * rarely, because there may be others behind its network, or itself on another path, who would.
   * @param length of the datagram that is answered: a RESET is shorter.
   * @returns the reason to count: why there was no answer, or that the session is unknown.
   */
  reset(now: number, port: EndpointPort, conv: number, length: number, slot: number): DropReason {
    if (this.resetTokens === undefined || length <= RESET_BYTES) return 'unknown_session';
    const key = this.keyOf(port, conv, slot);
    if (!this.repeats.isDue(key, now)) return 'answer_limit';
    if (!this.resets.take(now, this.sources, port, slot)) return 'answer_limit';
    const arena = port.arenaTo(slot).selectNone();
    const out = arena.reserveWhole(RESET_BYTES);
    if (out < 0) return 'answer_limit';
    this.repeats.answered(key, now);
    writeReset(arena, out, { type: 'reset', conv, token: this.resetTokens.tokenOf(conv) });
    arena.commitWhole(RESET_BYTES, 0, 0, 0, 0);
    port.resetsSent++;
    return 'unknown_session';
  }

  /** Whose conversation it is, on which path. */
  private keyOf(port: EndpointPort, conv: number, slot: number): number {
    const hash = Math.imul(conv ^ this.hashSeed, 0x85ebca6b) ^ this.sources.hashOf(port, slot);
    return Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  }
}

/** Answers of one kind: limited for each network, and for all together; proxies that ask for themselves are apart. */
class SourceLimit {
  private readonly each: KeyedLimiter;
  private readonly all = new TokenBucket({ ratePerSecond: MOST_PER_SECOND, burst: MOST_PER_SECOND });
  /** Whoever decides by PROBEs which gateways get sessions must not be kept from it by clients. */
  private readonly proxies = new TokenBucket({ ratePerSecond: MOST_PER_SECOND, burst: MOST_PER_SECOND });

  constructor(rate: { readonly ratePerSecond: number; readonly burst: number }) {
    this.each = new KeyedLimiter({ ...rate, maxKeys: MAX_SOURCES });
  }

  /** What one source asks beyond its limit takes nothing from the others. */
  take(now: number, sources: SourceNames, port: EndpointPort, slot: number): boolean {
    const all = sources.isProxy(port, slot) ? this.proxies : this.all;
    if (!all.has(now) || !this.each.take(sources.networkOf(port, slot), now)) return false;
    return all.take(now);
  }
}

const MAX_SOURCES = 16_384;
/** A client probes its standbys every few seconds, and many clients may be behind one NAT; an answer is as long as its question. */
const PROBE_RATE = { ratePerSecond: 500, burst: 1_000 };
/** After a restart every client behind one NAT needs a RESET, all at the same time. */
const RESET_RATE = { ratePerSecond: 20, burst: 200 };
/** Answers of one kind a second, for all sources together. */
const MOST_PER_SECOND = 20_000;
