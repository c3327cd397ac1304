import type { CloseCode } from '../../../src/base/close-code.ts';
import type { SessionPort, Sink } from '../../../src/base/sink.ts';
import { resolveKcpConfig, SegmentPool, type KcpOptions } from '../../../src/kcp/index.ts';
import {
  Path,
  PathArena,
  Session,
  type PathOutput,
  type PeerKind,
  type SessionConfig,
  type SessionRole,
} from '../../../src/session/index.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** What a sink was told, in order. */
export class RecordingSink implements Sink {
  readonly received: number[] = [];
  readonly events: string[] = [];
  /** How many more bytes it takes before it says stop. */
  room = Number.POSITIVE_INFINITY;
  drainEnds = true;
  isClosed = false;
  readonly port: SessionPort;

  constructor(port: SessionPort) {
    this.port = port;
  }

  get text(): string {
    return this.received.map((byte) => String.fromCharCode(byte)).join('');
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.isClosed) throw new Error('written to after the close');
    for (let i = 0; i < length; i++) this.received.push(bytes[offset + i]!);
    this.room -= length;
    return this.room > 0;
  }
  flush(): void {
    // Nothing is gathered.
  }
  end(): void {
    if (this.isClosed) throw new Error('ended after the close');
    this.events.push('end');
  }
  writable(): void {
    this.events.push('writable');
  }
  drain(): void {
    this.events.push('drain');
    if (this.drainEnds) this.port.end();
  }
  opened(): void {
    this.events.push('opened');
  }
  close(code: number, reason: string): void {
    this.isClosed = true;
    this.events.push(`close ${String(code)} ${reason}`);
  }
}

/** What a host does about paths when there is only one. */
export const NO_PATHS = {
  retainPath: () => undefined,
  releasePath: () => undefined,
  breakPath: () => undefined,
  isSameHost: () => true,
  fillRandom: () => undefined,
};

/** One datagram on its way, as a test may judge it. */
export interface Passing {
  readonly from: SessionRole;
  readonly command: number;
  readonly bytes: Uint8Array;
}

export interface SessionPairOptions {
  readonly peer?: PeerKind;
  readonly kcp?: Partial<KcpOptions>;
  readonly gateway?: Partial<SessionConfig>;
  readonly client?: Partial<SessionConfig>;
  readonly delayMs?: number;
}

/** A client session and a gateway session over a link with a fixed delay, under a virtual clock. */
export class SessionPair {
  readonly clock = new VirtualClock(5_000);
  readonly pool = new SegmentPool();
  readonly client: Session;
  readonly gateway: Session;
  readonly clientSink: RecordingSink;
  readonly gatewaySink: RecordingSink;
  /** Datagrams for which it returns false are lost. */
  passes: (passing: Passing) => boolean = () => true;
  /** When the copies of a datagram that passes arrive, in ms from now. Default: one, after the fixed delay. */
  delays: (passing: Passing) => readonly number[] = () => [this.delayMs];
  /** Every datagram sent, lost or not. */
  readonly log: Passing[] = [];
  private readonly delayMs: number;
  private readonly arena = new DatagramArena();
  private readonly output: PathOutput = { arenaOf: () => this.pathArena };
  private readonly pathArena = new PathArena(this.arena);
  private readonly awake = new Set<Session>();
  private wire: { at: number; to: Session; bytes: Uint8Array }[] = [];

  constructor(options: SessionPairOptions = {}) {
    const peer = options.peer ?? 'kcpgate';
    this.delayMs = options.delayMs ?? 10;
    const make = (role: SessionRole, tag: number, extra: Partial<SessionConfig> = {}): Session => {
      const announce = role === 'client' && peer === 'kcpgate';
      const config: SessionConfig = {
        role,
        peer,
        kcp: resolveKcpConfig({ conv: 7, stream: true, ...options.kcp, announce }),
        idleTimeoutMs: 30_000,
        keepAliveMs: 0,
        closeTimeoutMs: 5_000,
        lingerMs: 3_000,
        copyBytesPerSecond: 0,
        earlyData: false,
        ...extra,
      };
      const path = new Path(0, 0, false, 0, { validated: true, announcing: false });
      const host = { ...NO_PATHS, wake: (session: Session) => this.awake.add(session) };
      return new Session(config, this.pool, host, tag, this.clock.now(), { path });
    };
    this.client = make('client', 1, options.client);
    this.gateway = make('gateway', 2, options.gateway);
    this.client.bind((this.clientSink = new RecordingSink(this.client)));
    this.gateway.bind((this.gatewaySink = new RecordingSink(this.gateway)));
    this.awake.add(this.client).add(this.gateway);
  }

  /** Runs for so many ms, or until the condition holds. Fails when it spins. */
  run(forMs: number, until: () => boolean = () => false): void {
    const end = this.clock.now() + forMs;
    let turnsAtThisMs = 0;
    while (!until()) {
      if (turnsAtThisMs++ > 1000) throw new Error(`the sessions spin at ${String(this.clock.now())}`);
      const now = this.clock.now();
      this.deliver(now);
      for (const session of [this.client, this.gateway]) {
        if (this.awake.has(session) || session.nextDeadline() <= now) this.drain(session, now);
      }
      const next = this.awake.size > 0 ? now : this.nextAt();
      if (next > end) {
        this.clock.advanceTo(end);
        return;
      }
      if (next > now) {
        this.clock.advanceTo(next);
        turnsAtThisMs = 0;
      }
    }
  }

  /** Datagrams were handed to a session: gives it a turn. */
  wake(session: Session): void {
    this.awake.add(session);
  }

  /** Queues text towards the other side. */
  send(from: Session, text: string): number {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    return from.send(bytes, 0, bytes.length);
  }

  /** What an endpoint does with a session it is about to destroy. */
  sayFarewell(session: Session, code: CloseCode): void {
    session.writeFarewell(this.output, code, 'destroyed');
    this.arena.drain((memory, offset, length) => {
      this.pass(session, memory.slice(offset, offset + length), this.clock.now());
    });
    session.destroy(code, 'destroyed');
  }

  /** How often one side sent a datagram that begins with this command. */
  count(from: SessionRole, command: number): number {
    return this.log.filter((passing) => passing.from === from && passing.command === command).length;
  }

  private deliver(now: number): void {
    const due = this.wire.filter(({ at }) => at <= now);
    this.wire = this.wire.filter(({ at }) => at > now);
    for (const { to, bytes } of due) {
      to.handleDatagram(now, bytes, new DataView(bytes.buffer), 0, bytes.length);
      this.awake.add(to);
    }
  }

  private drain(session: Session, now: number): void {
    this.awake.delete(session);
    let full = true;
    while (full) {
      full = session.drain(now, this.output);
      this.arena.drain((memory, offset, length) => {
        this.pass(session, memory.slice(offset, offset + length), now);
      });
    }
  }

  private pass(from: Session, bytes: Uint8Array, now: number): void {
    const passing = { from: from.config.role, command: bytes[4]!, bytes };
    this.log.push(passing);
    if (!this.passes(passing)) return;
    const to = from === this.client ? this.gateway : this.client;
    for (const delay of this.delays(passing)) this.wire.push({ at: now + delay, to, bytes });
  }

  private nextAt(): number {
    return Math.min(
      this.client.nextDeadline(),
      this.gateway.nextDeadline(),
      ...this.wire.map(({ at }) => at),
    );
  }
}
