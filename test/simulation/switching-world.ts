import { CloseCode } from '../../src/base/close-code.ts';
import { NO_LOG } from '../../src/base/logger.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { SessionPort, Sink } from '../../src/base/sink.ts';
import { resolveSwitchConfig, type SwitchOptions } from '../../src/client/switching/switch-config.ts';
import type { SwitchCommand } from '../../src/client/switching/switch-decision.ts';
import { SwitchMonitor, type SwitchLine } from '../../src/client/switching/switch-monitor.ts';
import { createResetTokens } from '../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../src/crypto/ticket-keyring.ts';
import { Endpoint, type SessionGroupConfig } from '../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../../src/kcp/index.ts';
import type { Path, Session, SessionObserver } from '../../src/session/index.ts';
import { PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { CheapCipher, createCheapCrypto, randomBytes } from './cheap-crypto.ts';
import type { ConnectionLine } from './connection-line.ts';
import { PERFECT_PIPE, type PipeProfile } from './connection-pipe.ts';
import type { DatagramLine } from './datagram-line.ts';
import type { MultiPathNetwork, SimulatedClient } from './multi-path-network.ts';

/** What lies between the client and one line, the same both ways. */
export interface LineConditions {
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly lossRate: number;
  /** Bottleneck; what waits for it may be 200 ms old. */
  readonly bytesPerSecond: number;
  /** Nothing passes. */
  readonly isDark: boolean;
  /** Nobody takes connections. */
  readonly isRefused: boolean;
}

export const conditions = (parts: Partial<LineConditions> = {}): LineConditions => ({
  ...{ delayMs: 20, jitterMs: 0, lossRate: 0, bytesPerSecond: Infinity, isDark: false, isRefused: false },
  ...parts,
});

/** What each side sends: so many bytes every so many ms; 0: nothing. */
export interface Traffic {
  readonly upBytes: number;
  readonly downBytes: number;
  readonly everyMs: number;
}

export interface SwitchingSetup {
  readonly lines: readonly (SwitchLine & { readonly at: LineConditions })[];
  readonly traffic: Traffic;
  readonly options?: SwitchOptions;
  readonly seal?: 'aead' | 'clear';
}

/** One socket or connection of a line. */
interface OpenLine {
  readonly id: string;
  readonly port: number;
  readonly datagrams: DatagramLine | undefined;
  readonly connection: ConnectionLine | undefined;
  isStalled: boolean;
}

/** A line that is being prepared, or is. */
interface Trial {
  readonly line: string;
  open: OpenLine | undefined;
  path: Path | undefined;
  isCancelled: boolean;
}

/**
 * One client with a {@link SwitchMonitor} and its gateway: real endpoints and sessions on simulated lines, and the least that
 * has to be between monitor and session. Probes and the setting up of connections are modelled, everything else is the product's.
 */
export class SwitchingWorld implements SessionObserver {
  readonly monitor: SwitchMonitor;
  readonly session: Session;
  readonly up: Flow;
  readonly down: Flow;
  /** Lines the session was on, and since when. */
  readonly visits: { readonly line: string; readonly atMs: number }[] = [];
  connectionsOpened = 0;
  probes = 0;
  challenges = 0;
  copies = 0;
  readonly #network: MultiPathNetwork;
  readonly #host: SimulatedClient;
  readonly #random: SeededRandom;
  readonly #gateway: Endpoint;
  readonly #endpoint: Endpoint;
  readonly #conditions = new Map<string, LineConditions>();
  readonly #transports: ReadonlyMap<string, SwitchLine>;
  readonly #gatewayPorts = new Map<string, number>();
  readonly #open = new Map<number, OpenLine>();
  readonly #trials = new Map<string, Trial>();
  #nextTickAt = Infinity;
  #isOver = false;
  #probesUnderWay = 0;

  constructor(network: MultiPathNetwork, seed: number, setup: SwitchingSetup) {
    this.#network = network;
    const random = (this.#random = new SeededRandom(seed, 77));
    this.#transports = new Map(setup.lines.map((line) => [line.id, line]));
    for (const { id, at } of setup.lines) this.#conditions.set(id, at);
    const pool = new SegmentPool({ slotBytes: 1536 });
    const clock = { now: () => network.loop.now() };
    const crypto = createCheapCrypto(random);
    const keyring = new TicketKeyring([{ id: 1, key: randomBytes(random, 32) }]);
    const resetTokens = createResetTokens(randomBytes(random, 32));
    this.up = new Flow(clock.now);
    this.down = new Flow(clock.now);
    const gatewayGroup = groupOf(pool, 0, 64 * 1024);
    this.#gateway = new Endpoint(
      {
        clock,
        logger: NO_LOG,
        acceptor: { accept: () => ({ stream: true, bind: (port) => this.#join(port, this.down, this.up) }) },
        security: { crypto, cipher: new CheapCipher(), tickets: keyring, resetTokens, wallClock: clock },
      },
      { login: { ...gatewayGroup, maxHalfOpen: 16 } },
    );
    setup.lines.forEach(({ id, transport }, index) => {
      const port = 2_000 + index;
      this.#gatewayPorts.set(id, port);
      const carrier =
        transport === 'udp'
          ? network.openUdp({}, port)
          : network.listen(transport === 'tcp' ? 'tcp' : 'ws', {}, port).carrier;
      this.#gateway.attach(carrier, { ...gatewayGroup, name: id, allowStock: false, allowClear: true });
    });
    this.#gateway.start();

    this.#host = network.addClient();
    this.#endpoint = new Endpoint(
      { clock, logger: NO_LOG, security: { crypto, cipher: new CheapCipher() } },
      { login: { ...groupOf(pool, 10_000), maxHalfOpen: 0 } },
    );
    this.#endpoint.start();
    const first = setup.lines[0]!.id;
    const conv = 1;
    const secret = randomBytes(random, 32);
    const seal = setup.seal ?? 'aead';
    const ticket = keyring.seal({
      ...{ conv, secret, seal, subject: 'client', claims: '{}', issuedMs: 0, expiresMs: 1e12 },
    });
    const { open, slot } = this.#openLine(first);
    this.session = this.#endpoint.dial({
      ...{ port: open.port, slot, timeoutMs: 10_000, stream: true, earlyData: false, observer: this },
      credentials: { conv, ticket, secret, resetToken: resetTokens.tokenOf(conv), seal },
      bind: (session) => this.#join(session, this.up, this.down),
    });
    this.visits.push({ line: first, atMs: this.now });
    this.monitor = new SwitchMonitor(this.now, {
      lines: setup.lines,
      current: first,
      config: resolveSwitchConfig(setup.options),
      random: () => random.nextFloat(),
      isClear: seal === 'clear',
    });
    const { upBytes, downBytes, everyMs } = setup.traffic;
    network.loop.runUntil(() => this.session.state === 'open', 10_000);
    this.up.start(upBytes);
    this.down.start(downBytes);
    const pump = (): void => {
      if (this.#isOver) return;
      this.up.pump();
      this.down.pump();
      network.loop.at(this.now + everyMs, pump);
    };
    pump();
    this.#tick();
  }

  get now(): number {
    return this.#network.loop.now();
  }

  get line(): string {
    return this.visits.at(-1)!.line;
  }

  /** What was commanded and not answered: tells whether anything was forgotten. */
  get openTrials(): number {
    return this.#trials.size;
  }

  runFor(forMs: number): void {
    this.#network.loop.runFor(forMs);
  }

  /** Runs until both flows go on with what was sent from now on. @returns how long that took in ms, Infinity: too long. */
  msUntilFlowing(limitMs: number): number {
    const startMs = this.now;
    const flows = [this.up, this.down].filter(({ isUsed }) => isUsed);
    for (const flow of flows) flow.mark();
    const isFlowing = this.#network.loop.runUntil(() => flows.every(({ isPastMark }) => isPastMark), limitMs);
    return isFlowing ? this.now - startMs : Infinity;
  }

  change(line: string, parts: Partial<LineConditions>): void {
    this.#conditions.set(line, { ...this.#at(line), ...parts });
    for (const open of this.#open.values()) if (open.id === line) this.#expose(open);
  }

  /** Resets every connection of a line. */
  breakConnections(line: string): void {
    for (const { id, connection } of this.#open.values()) if (id === line) connection?.breakDown({});
  }

  /** What has to hold at any time. @throws when it does not. */
  check(): void {
    const { monitor, now } = this;
    const deadline = monitor.nextDeadline();
    if (this.session.state === 'open' && !(deadline > now - 2 && deadline <= now + 10_000))
      throw new Error(`the monitor wants to be called at ${deadline}, at ${now}`);
    if (monitor.decisions.length > 64) throw new Error('decisions are not forgotten');
    if (monitor.line !== this.line) throw new Error(`it is on ${this.line}, the monitor on ${monitor.line}`);
    if (this.#trials.size > 3) throw new Error(`${this.#trials.size} lines are prepared`);
    if (this.#probesUnderWay > 2 * this.#transports.size + 5)
      throw new Error('too many probes are under way');
  }

  /** For people. */
  get text(): string {
    const { monitor, session } = this;
    const decisions = monitor.decisions.map(({ at, action, reason, from, to, state, inputs, outcome }) =>
      [at, action, reason, from, to, state, JSON.stringify(inputs), outcome?.result].join(' '),
    );
    const paths = [...session.paths].map(
      ({ port, isLost }) => `${this.#open.get(port)?.id}${isLost ? ' lost' : ''}`,
    );
    const weather = [...this.#conditions].map(([id, at]) => `${id} ${JSON.stringify(at)}`);
    const { code, reason } = session.closing;
    const end = `${this.now}: ${session.state} ${code} ${reason} on ${paths.join(', ')}, monitor ${monitor.state} on ${monitor.line}`;
    return [...decisions, ...weather, end].join('\n');
  }

  /** Connections that met a black hole do not come back by themselves: their time is over. */
  breakStalled(): void {
    for (const { connection, isStalled } of this.#open.values()) if (isStalled) connection?.breakDown({});
  }

  end(): void {
    this.#isOver = true;
    void this.#endpoint.close();
    void this.#gateway.close();
    this.#network.loop.runFor(200);
  }

  // ---- SessionObserver ----

  pathValidated(path: Path): void {
    for (const { line, path: own } of this.#trials.values()) if (own === path) this.#prepared(line);
  }

  pathChecked(_path: Path, rttMs: number): void {
    this.#tell(() => {
      this.monitor.challengeAnswered(this.now, rttMs);
    });
  }

  pathFailed(path: Path): void {
    if (path === this.session.path) {
      this.#tell(() => {
        this.monitor.challengeUnanswered(this.now);
      });
      return;
    }
    for (const { line, path: own } of this.#trials.values()) if (own === path) this.#trialFailed(line);
  }

  pathLost(): void {
    this.#tell(() => {
      this.monitor.connectionLost(this.now);
    });
  }

  // ---- between monitor and session ----

  #tick(): void {
    if (this.#isOver || this.session.state !== 'open') return;
    this.monitor.tick(this.now, this.session.linkSignals());
    this.#carryOut();
    this.#tickAt(Math.max(this.now + 1, this.monitor.nextDeadline()));
  }

  #tickAt(atMs: number): void {
    this.#nextTickAt = atMs;
    this.#network.loop.at(atMs, () => {
      if (this.#nextTickAt === atMs) this.#tick();
    });
  }

  /** Outside the turn in which it happened: the session is not called from within itself. */
  #tell(event: () => void): void {
    this.#network.loop.at(this.now, () => {
      if (this.#isOver) return;
      event();
      this.#carryOut();
    });
  }

  #carryOut(): void {
    for (let command; (command = this.monitor.nextCommand()) !== undefined;) this.#do(command);
    const deadline = Math.max(this.now + 1, this.monitor.nextDeadline());
    if (deadline < this.#nextTickAt) this.#tickAt(deadline);
  }

  #do(command: SwitchCommand): void {
    switch (command.type) {
      case 'probe':
        return this.#probe(command.line, command.bytes);
      case 'challenge':
        this.challenges++;
        return this.session.checkPath();
      case 'prepare':
        return this.#prepare(command.line);
      case 'copy':
        if (command.line !== null) this.copies++;
        this.session.copyTo(command.line === null ? undefined : this.#trials.get(command.line)?.path);
        return;
      case 'move':
        return this.#move(command.line);
      case 'release':
        return this.#release(command.line);
    }
  }

  #probe(line: string, bytes: number): void {
    this.probes++;
    this.#probesUnderWay++;
    const sent = this.#at(line);
    const { delayMs, jitterMs, lossRate, isDark, isRefused } = sent;
    const isConnection = this.#transports.get(line)!.transport !== 'udp';
    const isLost =
      isDark ||
      (isConnection ? isRefused : this.#random.nextFloat() < lossRate || this.#random.nextFloat() < lossRate);
    const rttMs = 2 * delayMs + this.#jitter(jitterMs) + this.#jitter(jitterMs);
    const afterMs = isLost ? 1_000 : rttMs + (isConnection ? this.#connectMs(sent) : 0);
    this.#network.loop.at(this.now + Math.min(1_000, afterMs), () => {
      this.#probesUnderWay--;
      const { monitor, now } = this;
      if (isLost || afterMs >= 1_000 || this.#at(line).isDark) monitor.probeLost(now, line);
      else monitor.probeAnswered(now, line, { rttMs, bytes, load: 0, draining: false, notReady: false });
      this.#carryOut();
    });
  }

  #prepare(line: string): void {
    const known = this.#trials.get(line);
    if (known?.path !== undefined) {
      this.#endpoint.tryPath(this.session, known.path.port, known.path.slot);
      return;
    }
    if (known !== undefined) return;
    const trial: Trial = { line, open: undefined, path: undefined, isCancelled: false };
    this.#trials.set(line, trial);
    const at = this.#at(line);
    const isConnection = this.#transports.get(line)!.transport !== 'udp';
    if (isConnection && at.isRefused) {
      this.#network.loop.at(this.now + 2 * at.delayMs, () => {
        if (!trial.isCancelled) this.#trialFailed(line);
      });
      return;
    }
    if (isConnection) this.connectionsOpened++;
    // A second attempt goes out when the first was not answered: a SYN that is lost is missed after a second only.
    const connectMs = isConnection
      ? Math.min(this.#connectMs(at), HEDGE_MS + this.#connectMs(at), 2 * HEDGE_MS + this.#connectMs(at))
      : 0;
    this.#network.loop.at(this.now + connectMs, () => {
      if (trial.isCancelled || this.#isOver) return;
      if (isConnection && this.#at(line).isDark) return;
      this.#ask(trial);
    });
  }

  #ask(trial: Trial): void {
    try {
      const { open, slot } = this.#openLine(trial.line);
      trial.open = open;
      trial.path = this.#endpoint.tryPath(this.session, open.port, slot);
      (open.datagrams ?? open.connection)?.carrier.release(slot);
    } catch {
      this.#trialFailed(trial.line);
    }
  }

  #prepared(line: string): void {
    this.#tell(() => {
      this.monitor.prepared(this.now, line);
    });
  }

  #trialFailed(line: string): void {
    this.#trials.delete(line);
    this.#tell(() => {
      this.monitor.prepareFailed(this.now, line, 'connect_failed');
    });
  }

  #release(line: string): void {
    const trial = this.#trials.get(line);
    if (trial === undefined) return;
    trial.isCancelled = true;
    this.#trials.delete(line);
    if (trial.path !== undefined) this.#endpoint.abandonPath(this.session, trial.path);
  }

  #move(line: string): void {
    const path = this.#trials.get(line)?.path;
    this.#trials.delete(line);
    if (path !== undefined) this.session.moveTo(this.now, path);
    const isThere = path !== undefined && this.session.path === path;
    if (isThere) this.visits.push({ line, atMs: this.now });
    this.#tell(() => {
      if (isThere) this.monitor.moved(this.now, line);
      else this.monitor.moveFailed(this.now, line, 'gone');
      if (isThere && path.isLost) this.monitor.connectionLost(this.now);
    });
  }

  // ---- lines ----

  #openLine(id: string): { readonly open: OpenLine; readonly slot: number } {
    const gatewayAddress = { address: '203.0.113.1', family: 4, port: this.#gatewayPorts.get(id)! } as const;
    const isDatagrams = this.#transports.get(id)!.transport === 'udp';
    const at = this.#at(id);
    const datagrams = isDatagrams ? this.#host.openUdp({ up: linkOf(at) }) : undefined;
    const connection = isDatagrams ? undefined : this.#host.connect(gatewayAddress, { up: pipeOf(at) });
    const { carrier } = (datagrams ?? connection)!;
    const port = this.#endpoint.attach(carrier, {
      ...groupOf(new SegmentPool({ slotBytes: 1536 }), 10_000),
      ...{ name: id, allowStock: false, closeWhenUnused: true },
    });
    const open = { id, port, datagrams, connection, isStalled: false };
    this.#open.set(port, open);
    this.#expose(open);
    if (connection !== undefined) this.#loseNowAndThen(open);
    return { open, slot: carrier.intern(gatewayAddress) };
  }

  #expose(open: OpenLine): void {
    const { id, datagrams, connection } = open;
    const at = this.#at(id);
    datagrams?.setLinks(linkOf(at));
    datagrams?.blackHole('both', at.isDark ? Infinity : 0);
    connection?.setPipes(pipeOf(at));
    if (!at.isDark || connection === undefined) return;
    connection.stall('both', 1e9);
    open.isStalled = true;
  }

  /** What TCP loses comes late, with all that follows. */
  #loseNowAndThen(open: OpenLine): void {
    const { lossRate, delayMs } = this.#at(open.id);
    if (this.#isOver || open.connection?.isAlive === false) return;
    if (this.#random.nextFloat() < 2 * lossRate)
      open.connection?.stall(this.#random.nextInt(2) === 0 ? 'up' : 'down', 2 * delayMs + 20);
    this.#network.loop.at(this.now + 50, () => {
      this.#loseNowAndThen(open);
    });
  }

  /** How long the handshake of TCP takes, and that of WebSocket or TLS: each is asked again after a second. */
  #connectMs({ delayMs, jitterMs, lossRate }: LineConditions): number {
    let ms = 0;
    for (let waitMs = 1_000; this.#random.nextFloat() < lossRate * 2; waitMs *= 2) ms += waitMs;
    return ms + 2 * delayMs + this.#jitter(jitterMs);
  }

  #jitter(jitterMs: number): number {
    return jitterMs > 0 ? this.#random.nextInt(jitterMs + 1) : 0;
  }

  #at(line: string): LineConditions {
    return this.#conditions.get(line)!;
  }

  #join(port: SessionPort, out: Flow, incoming: Flow): Sink {
    out.port = port;
    return {
      write: (bytes, offset, length) => {
        incoming.arrived(bytes, offset, length);
        return true;
      },
      flush: () => undefined,
      end: () => undefined,
      writable: () => undefined,
      drain: () => undefined,
      close: (code) => {
        if (!this.#isOver) out.closed = code;
      },
    };
  }
}

/** One direction of the stream: each byte follows from its place, so that what arrives can be told from everything else. */
export class Flow {
  port: SessionPort | undefined;
  closed: CloseCode | undefined;
  delivered = 0;
  /** Longest time without anything new. */
  longestGapMs = 0;
  wrongBytes = 0;
  #sent = 0;
  #bytes = 0;
  #mark = Infinity;
  #deliveredAtMs = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get isUsed(): boolean {
    return this.#bytes > 0;
  }

  get sent(): number {
    return this.#sent;
  }

  start(bytes: number): void {
    this.#bytes = bytes;
    this.#deliveredAtMs = this.#now();
  }

  stop(): void {
    this.#bytes = 0;
  }

  /** Sends what is sent at a time. */
  pump(): void {
    if (this.#bytes === 0 || this.port === undefined) return;
    const bytes = new Uint8Array(this.#bytes);
    for (let i = 0; i < bytes.length; i++) bytes[i] = byteAt(this.#sent + i);
    const taken = this.port.send(bytes, 0, bytes.length);
    if (taken > 0) this.#sent += taken;
  }

  /** What was sent until now does not count. */
  mark(): void {
    this.#mark = this.#sent;
    this.longestGapMs = 0;
  }

  get isPastMark(): boolean {
    return this.delivered > this.#mark;
  }

  arrived(bytes: Uint8Array, offset: number, length: number): void {
    for (let i = 0; i < length; i++) if (bytes[offset + i] !== byteAt(this.delivered + i)) this.wrongBytes++;
    this.delivered += length;
    const now = this.#now();
    this.longestGapMs = Math.max(this.longestGapMs, now - this.#deliveredAtMs);
    this.#deliveredAtMs = now;
  }
}

const byteAt = (place: number): number => (place * 31 + (place >>> 8)) & 0xff;

function linkOf({ delayMs, jitterMs, lossRate, bytesPerSecond }: LineConditions): LinkProfile {
  const queueBytes = bytesPerSecond / 5;
  return { ...PERFECT_LINK, mtuBytes: 1_500, delayMs, jitterMs, lossRate, bytesPerSecond, queueBytes };
}

function pipeOf({ delayMs, jitterMs, bytesPerSecond }: LineConditions): PipeProfile {
  return { ...PERFECT_PIPE, delayMs, jitterMs, bytesPerSecond };
}

function groupOf(pool: SegmentPool, keepAliveMs: number, copyBytesPerSecond = 0): SessionGroupConfig {
  return {
    kcp: resolveKcpConfig({ conv: 0, preset: 'fast3', mtu: 1400, sendWindow: 256, receiveWindow: 256 }),
    pool,
    session: { idleTimeoutMs: 30_000, keepAliveMs, closeTimeoutMs: 3_000, lingerMs: 100, copyBytesPerSecond },
    admission: {
      maxSessions: 8,
      maxSessionsPerSource: 8,
      newSessionsPerSecond: 1000,
      newSessionsPerSourcePerSecond: 1000,
    },
  };
}

const HEDGE_MS = 200;
