import { sourceKey } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { CloseCode, closeCodeName } from '../base/close-code.ts';
import type { SocketAddress } from '../base/address.ts';
import type { SendArena } from '../base/send-arena.ts';
import { KeyedLimiter, TokenBucket } from '../base/token-bucket.ts';
import {
  HalfOpen,
  openHello,
  type AuthenticHello,
  type HelloOrigin,
  type ServerHandshakeTools,
} from '../session/index.ts';
import { Command } from '../wire/command.ts';
import { HELLO_ACK_HEADER_BYTES, MIN_UDP_HELLO_BYTES, readHello } from '../wire/hello.ts';
import { KICK_MAX_BYTES, writeKick } from '../wire/kick.ts';
import type { WireMemory } from '../wire/memory.ts';
import { PATH_PROBE_BYTES, writePathProbe } from '../wire/path-probe.ts';
import { commandOf, SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../wire/segment.ts';
import type { DropReason } from './drop-reason.ts';
import type { LoginSessionsConfig } from './endpoint-config.ts';
import type { EndpointPort } from './endpoint-port.ts';
import { HalfOpenTable } from './half-open-table.ts';
import type { SessionGroup } from './session-group.ts';
import type { SessionEntry } from './session-table.ts';

/** What the handshakes ask of their endpoint. */
export interface HandshakeHost {
  /** The session with this `conv` that logged in. */
  findLogin(conv: number): SessionEntry | undefined;
  /** No new sessions are taken. */
  readonly isDraining: boolean;
  /** Keys that are not needed any more once everything written was sealed. */
  retireKeys(half: HalfOpen): void;
  /** Tells a client that its conversation is not to be had here. @returns the reason to count. */
  sendReset(now: number, port: EndpointPort, conv: number, length: number, slot: number): DropReason;
  /** A clear session moved by a HELLO, and wants a turn. */
  moved(entry: SessionEntry): void;
  /** The source of a datagram, for limits. */
  sourceOf(port: EndpointPort, slot: number): string;
  /** A half-open handshake does not need its address slot any more. */
  releaseSlot(port: number, slot: number): void;
}

/** What a {@link Handshakes} works with. */
export interface HandshakeComponents extends ServerHandshakeTools {
  /** Unix time in ms. */
  readonly wallClock: Clock;
}

/**
 * A gateway's side of the handshakes: takes HELLOs, cheap checks first, answers them, and keeps what is half-open until
 * the first datagram with the client's key (protocol.md, "Handshake").
 */
export class Handshakes {
  readonly halfOpen: HalfOpenTable;
  private readonly tools: HandshakeComponents;
  private readonly config: LoginSessionsConfig;
  private readonly group: SessionGroup;
  private readonly host: HandshakeHost;
  private readonly perSource: KeyedLimiter;
  private readonly all = new TokenBucket({ ratePerSecond: MOST_HELLOS, burst: MOST_HELLOS });
  private readonly refusalsByCode = new Map<CloseCode, number>();
  /** HELLOs whose ticket and seal were right. */
  hellos = 0;

  constructor(
    tools: HandshakeComponents,
    group: SessionGroup,
    config: LoginSessionsConfig,
    host: HandshakeHost,
  ) {
    this.tools = tools;
    this.config = config;
    this.group = group;
    this.host = host;
    // A HELLO is repeated, so more of them than sessions may come.
    const perSource = 4 * config.admission.newSessionsPerSourcePerSecond;
    this.perSource = new KeyedLimiter({ ratePerSecond: perSource, burst: perSource, maxKeys: MAX_SOURCES });
    this.halfOpen = new HalfOpenTable(config.maxHalfOpen, tools.crypto, (half) => this.forget(half));
  }

  get refusals(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.refusalsByCode].map(([code, count]) => [closeCodeName(code), count]));
  }

  /** Takes a HELLO or HELLO_CLEAR. @returns why it was dropped, if it was. */
  handleHello(
    now: number,
    port: EndpointPort,
    memory: WireMemory,
    at: number,
    length: number,
    slot: number,
  ): DropReason | undefined {
    // Nothing that is answered is shorter than its answer, and nothing costs cryptography that is not even well formed.
    if (!port.isReliable && length < MIN_UDP_HELLO_BYTES) return 'hello_too_short';
    const layout = readHello(memory.view, at, length);
    if (typeof layout === 'string') return layout;
    if (!this.all.has(now)) return 'rate_limit';
    const source = this.host.sourceOf(port, slot);
    // What one source sends beyond its limit takes nothing from the others.
    if (!this.perSource.take(source, now)) return 'rate_limit';
    this.all.take(now);
    const hello = openHello(this.tools, memory, at, length);
    if (hello === 'ticket_unknown_key') {
      // The token of a session that is here would end it: nobody is given that for a ticket anyone can make up.
      if (!this.isInUse(layout.conv)) this.host.sendReset(now, port, layout.conv, length, slot);
      return hello;
    }
    if (typeof hello === 'string') return hello;
    this.hellos++;
    return this.answer(now, port, memory, hello, length, slot, source);
  }

  /** Whether a sealed session with this `conv` is about to open. */
  isSealing(conv: number): boolean {
    return this.halfOpen.size > 0 && this.halfOpen.of(conv).some(({ seal }) => seal !== undefined);
  }

  /** Drops what is over. */
  expire(now: number): void {
    this.halfOpen.expire(now);
  }

  /** Takes a half-open one out of the table: its session opens. Those that the same client began before it are over. */
  finish(half: HalfOpen): void {
    this.halfOpen.dropOlder(half);
    this.halfOpen.take(half);
    this.releaseOrigins(half);
  }

  private answer(
    now: number,
    port: EndpointPort,
    memory: WireMemory,
    hello: AuthenticHello,
    length: number,
    slot: number,
    source: string,
  ): DropReason | undefined {
    const { conv, clientRandom, ticket } = hello;
    const { crypto } = this.tools;
    const entry = this.host.findLogin(conv);
    if (entry?.hello !== undefined) {
      if (!crypto.equal(entry.hello.ticket.secret, ticket.secret)) {
        this.host.sendReset(now, port, conv, length, slot);
        return 'conv_collision';
      }
      if (crypto.equal(entry.hello.clientRandom, clientRandom)) {
        return this.repeatOpen(now, port, memory, hello, entry.hello, entry, length, slot);
      }
    }
    const repeated = this.halfOpen.repeatedBy(conv, clientRandom);
    if (repeated !== undefined) return this.repeatHalfOpen(now, port, memory, hello, repeated, slot);
    // It is open by its own lights: here it would begin anew, in the middle of its streams.
    if (isOfOpenSession(memory, hello)) return this.host.sendReset(now, port, conv, length, slot);
    const clientAddress = this.clientAddressOf(port, memory, hello, slot);
    const network = clientAddress === undefined ? source : sourceKey(clientAddress);
    // Whoever comes for the place of its own session takes no other.
    const hasPlace = entry?.active === true && entry.source === network;
    const refusal = this.refusalOf(now, port, hello, network, hasPlace);
    if (refusal !== undefined) return this.refuse(port, hello, slot, refusal[0], refusal[1]);
    const early =
      port.config.earlyData === true && hello.earlyLength > 0
        ? memory.bytes.slice(hello.earlyAt, hello.earlyAt + hello.earlyLength)
        : undefined;
    const half = new HalfOpen(hello, this.tools, now + HALF_OPEN_MS, early);
    this.halfOpen.add(half);
    this.acknowledge(now, port, half, slot, this.originOf(port, half, slot, clientAddress));
    return undefined;
  }

  // A HELLO that came before is answered with the same random, so the same keys.

  /** Its session is open. */
  private repeatOpen(
    now: number,
    port: EndpointPort,
    memory: WireMemory,
    hello: AuthenticHello,
    half: HalfOpen,
    entry: SessionEntry,
    length: number,
    slot: number,
  ): DropReason | undefined {
    if (half.seal === undefined) {
      // Nor does one that is open move to a line that is not confidential.
      if (port.config.allowClear !== true) return 'clear_not_allowed';
      // One that began before is late: its client is open elsewhere.
      if (isOfOpenSession(memory, hello)) {
        const { number, isReliable } = port;
        entry.session.handleRepeatedHello(now, number, slot, isReliable, length, CLEAR_ACK_BYTES);
        this.host.moved(entry);
      }
    }
    this.acknowledge(now, port, half, slot);
    return undefined;
  }

  private repeatHalfOpen(
    now: number,
    port: EndpointPort,
    memory: WireMemory,
    hello: AuthenticHello,
    half: HalfOpen,
    slot: number,
  ): DropReason | undefined {
    let origin = half.originAt(port.number, slot);
    if (half.seal === undefined) {
      if (port.config.allowClear !== true) return 'clear_not_allowed';
      // A client that is open by its own lights moved at once, and was faster than the datagram that opens it here. An
      // answer would tell it that it is here; without one it asks again.
      if (origin === undefined && isOfOpenSession(memory, hello)) return 'path_not_allowed';
    }
    origin ??= this.originOf(port, half, slot, this.clientAddressOf(port, memory, hello, slot));
    if (origin === undefined) {
      // Nothing would open a clear session from there.
      if (half.seal === undefined) return 'path_not_allowed';
      half.isAnsweredElsewhere = true;
    }
    // The answer may be the first that arrives, and what the client makes of it takes a round trip.
    this.halfOpen.renew(half, now + HALF_OPEN_MS);
    this.acknowledge(now, port, half, slot, origin);
    return undefined;
  }

  private originOf(
    port: EndpointPort,
    half: HalfOpen,
    slot: number,
    clientAddress: SocketAddress | undefined,
  ): HelloOrigin | undefined {
    const origin = half.addOrigin(port.number, slot, clientAddress);
    if (origin !== undefined) port.carrier.retain(slot);
    return origin;
  }

  private clientAddressOf(
    port: EndpointPort,
    memory: WireMemory,
    { blockAt, earlyAt }: AuthenticHello,
    slot: number,
  ): SocketAddress | undefined {
    return blockAt < 0 ? undefined : port.blockAddress(memory, blockAt, earlyAt, slot);
  }

  private refusalOf(
    now: number,
    port: EndpointPort,
    hello: AuthenticHello,
    source: string,
    hasPlace: boolean,
  ): readonly [CloseCode, DropReason] | undefined {
    if (hello.ticket.expiresMs <= this.tools.wallClock.now())
      return [CloseCode.ticketExpired, 'ticket_expired'];
    if (hello.isClear && port.config.allowClear !== true) return [CloseCode.authFailed, 'clear_not_allowed'];
    if (this.host.isDraining) return [CloseCode.drain, 'draining'];
    if (this.halfOpen.isFull) return [CloseCode.overload, 'half_open_limit'];
    const full = this.group.admission.admit(now, source, hasPlace);
    return full === undefined ? undefined : [CloseCode.overload, full];
  }

  /** @param origin is asked to prove that it is there, with the first it sends. */
  private acknowledge(
    now: number,
    port: EndpointPort,
    half: HalfOpen,
    slot: number,
    origin?: HelloOrigin,
  ): void {
    const { conv } = half;
    const wnd = this.config.kcp.receiveWindow;
    half.writeAck(port.arenaTo(slot).selectNone(), SEGMENT_HEADER_BYTES + PATH_PROBE_BYTES, (arena, at) => {
      writeSegmentHeader(arena.view, at, conv, Command.windowTell, 0, wnd, 0, 0, 0, 0);
      if (origin === undefined || port.isReliable) return SEGMENT_HEADER_BYTES;
      const { challenge: data } = origin;
      const probe = { type: 'pathChallenge', conv, wnd, una: 0, ts: now | 0, data } as const;
      return SEGMENT_HEADER_BYTES + writePathProbe(arena, at + SEGMENT_HEADER_BYTES, probe);
    });
  }

  /** A client that proved itself is told why it may not come in, under keys only it can have; nothing is kept. */
  private refuse(
    port: EndpointPort,
    hello: AuthenticHello,
    slot: number,
    code: CloseCode,
    reason: DropReason,
  ): DropReason {
    const { conv } = hello;
    const half = new HalfOpen(hello, this.tools, 0);
    half.writeAck(port.arenaTo(slot).selectNone(), KICK_MAX_BYTES, (arena: SendArena, at: number) =>
      writeKick(arena, at, { type: 'kick', conv, wnd: 0, una: 0, code, retryAfterMs: 0, reason }),
    );
    this.host.retireKeys(half);
    this.refusalsByCode.set(code, (this.refusalsByCode.get(code) ?? 0) + 1);
    return reason;
  }

  /** Whether a session has this `conv`, or is about to. */
  private isInUse(conv: number): boolean {
    return this.host.findLogin(conv) !== undefined || this.halfOpen.of(conv).length > 0;
  }

  private forget(half: HalfOpen): void {
    this.releaseOrigins(half);
    this.host.retireKeys(half);
  }

  private releaseOrigins(half: HalfOpen): void {
    for (const { port, slot } of half.origins) this.host.releaseSlot(port, slot);
    half.origins = [];
  }
}

/** A clear session that is open says HELLO to be known on another path, and says so by a PATH_CHALLENGE in it. */
function isOfOpenSession({ view }: WireMemory, { isClear, earlyAt, earlyLength }: AuthenticHello): boolean {
  return isClear && earlyLength >= SEGMENT_HEADER_BYTES && commandOf(view, earlyAt) === Command.pathChallenge;
}

/** A HELLO_CLEAR_ACK with its WINS. */
const CLEAR_ACK_BYTES = HELLO_ACK_HEADER_BYTES + SEGMENT_HEADER_BYTES;
/** How long a handshake stays half-open after a HELLO: as long as a client waits by default, for it may be held up in between. */
const HALF_OPEN_MS = 10_000;
const MAX_SOURCES = 65_536;
/** HELLOs a second that are looked into, for all sources together. */
const MOST_HELLOS = 20_000;
