import { CloseCode } from '../../src/base/close-code.ts';
import { Endpoint } from '../../src/endpoint/index.ts';
import { SegmentPool } from '../../src/kcp/index.ts';
import type { Path, Session, SessionCredentials, SessionObserver } from '../../src/session/index.ts';
import { CountedCipher } from '../support/counted-cipher.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { Conversation } from './conversation.ts';
import type { DatagramLine, LineDirection } from './datagram-line.ts';
import {
  gatewayAddress,
  groupOf,
  isDatagramPlace,
  MAX_QUEUE_BYTES,
  SLOT_BYTES,
  sum,
  textOfLeft,
  type ProcessTools,
} from './gateway-process.ts';
import type { SimulatedClient } from './multi-path-network.ts';
import type { Action, Joining, Place } from './schedule.ts';
import { TappedCarrier, type Tap } from './tapped-carrier.ts';
import { isGentle, linkOf, pipeOf, type WeatherName } from './weather.ts';

/** The conditions between one client and one place. */
export interface Conditions {
  readonly up: WeatherName;
  readonly down: WeatherName;
  /** Nothing passes that way until then. */
  readonly darkUntilMs: Readonly<Record<LineDirection, number>>;
}

export interface ClientTools extends ProcessTools {
  readonly host: SimulatedClient;
  readonly conditionsAt: (place: Place) => Conditions;
  readonly tap: Tap | undefined;
  /** How long it waits before it makes a broken connection again, in ms. */
  readonly redialMs: () => number;
  /** It went to another path. */
  readonly moved: () => void;
  /** The gateway asked it to go elsewhere. */
  readonly drained: () => void;
  /** The connection it uses is gone. */
  readonly lost: () => void;
}

/** One line of a client: a socket, or a connection. */
interface ClientLine {
  readonly place: Place;
  readonly carrier: TappedCarrier;
  readonly datagrams: DatagramLine | undefined;
  readonly connection: ConnectionLine | undefined;
}

type MoveManner = Extract<Action, { readonly do: 'move' }>['how'];

/**
 * The process of a client with one session: a real endpoint on lines of its own. It goes to other lines as the product's client
 * does, and in bolder ways; a connection that broke it makes again.
 */
export class ClientProcess implements SessionObserver {
  readonly conversation: Conversation;
  readonly session: Session;
  readonly #tools: ClientTools;
  readonly #endpoint: Endpoint;
  readonly #pool = new SegmentPool({ slotBytes: SLOT_BYTES });
  readonly #cipher: CountedCipher;
  readonly #carriers: TappedCarrier[] = [];
  /** By port of the endpoint; numbers are given again. */
  readonly #lines = new Map<number, ClientLine>();
  /** The path that is asked, and what is to become of it. */
  #trial: { readonly path: Path; readonly how: MoveManner } | undefined;
  #isRedialing = false;
  /** Nothing keeps it from making a connection again. */
  #isRecovering = false;
  /** A clear session does not notice that its address changed. */
  #isLostToNat = false;

  /** @throws GatewayError `connect_failed` when nobody listens at that place. */
  constructor(
    tools: ClientTools,
    conversation: Conversation,
    credentials: SessionCredentials,
    place: Place,
    also: readonly Joining[],
  ) {
    const { clock, logger, crypto, setup } = tools;
    this.#tools = tools;
    this.conversation = conversation;
    this.#cipher = new CountedCipher(tools.makeCipher());
    const security = { crypto, cipher: this.#cipher };
    const login = { ...groupOf(setup, this.#pool, setup.keepAliveMs), maxHalfOpen: 0 };
    const line = this.#openLine(place);
    this.#endpoint = new Endpoint({ clock, logger, security }, { login });
    this.#endpoint.start();
    const { port, slot } = this.#attach(line);
    this.session = this.#endpoint.dial({
      port,
      slot,
      credentials,
      stream: conversation.isStream,
      timeoutMs: HANDSHAKE_TIMEOUT_MS,
      earlyData: setup.earlyData,
      observer: this,
      bind: (session) => conversation.join('client', session),
    });
    line.carrier.release(slot);
    for (const { place: another, afterMs } of also) {
      if (afterMs === 0) this.#alsoOpen(another);
      else
        tools.network.loop.at(clock.now() + afterMs, () => {
          this.#alsoOpen(another);
        });
    }
  }

  get isOver(): boolean {
    return this.conversation.isClientOver;
  }

  /** Something hinders it now. */
  get isRough(): boolean {
    if (this.#isLostToNat || (this.session.path.isLost && !this.#isRecovering)) return true;
    for (const { port, isLost } of this.session.paths) {
      const line = this.#lines.get(port);
      if (line === undefined || isLost) continue;
      if (line.connection?.isAlive === false) return true;
      const { up, down, darkUntilMs } = this.#tools.conditionsAt(line.place);
      if (!isGentle(up) || !isGentle(down)) return true;
      const nowMs = this.#tools.clock.now();
      if (darkUntilMs.up > nowMs || darkUntilMs.down > nowMs) return true;
    }
    return false;
  }

  /** For people. */
  get text(): string {
    const paths = [...this.session.paths].map((path) => {
      const place = this.#lines.get(path.port)?.place ?? 'nowhere';
      return `${place}#${path.id}${path.isLost ? ' lost' : ''}${path.isFull ? ' full' : ''}`;
    });
    return `${this.session.state} on ${paths.join(', ')}; ${JSON.stringify(this.session.stats())}`;
  }

  // ---- what it does ----

  /** Goes to another line. A later move takes the place of one under way. */
  move(place: Place, how: MoveManner, isBack: boolean): void {
    const { session, conversation } = this;
    if (session.state !== 'open' || conversation.client.ended !== undefined || !this.#mayUse(place)) return;
    this.#abandonTrial();
    const known = isBack
      ? [...session.paths].find((path) => path !== session.path && !path.isLost)
      : undefined;
    const path =
      known === undefined ? this.#tryLine(place) : this.#endpoint.tryPath(session, known.port, known.slot);
    if (path === undefined) return;
    if (known !== undefined) conversation.isBackOnOldPath = true;
    // A gateway goes with a clear session wherever that was tried.
    if (known !== undefined || how === 'hasty' || how === 'late' || conversation.isClear)
      conversation.isSheltered = false;
    // A clear session is nowhere known before its HELLO was.
    this.#trial = { path, how: how === 'hasty' && conversation.isClear ? 'answered' : how };
    if (this.#trial.how === 'hasty') this.#goTo(path);
  }

  /** Sends everything on a second path, too; without a place, on none. */
  copy(place: Place | undefined, isBack: boolean, maxBytesPerSecond: number): void {
    const { session } = this;
    if (session.state !== 'open' || (place !== undefined && !this.#mayUse(place))) return;
    const known = [...session.paths].find((path) => path !== session.path && !path.isLost);
    const path =
      place === undefined ? undefined : isBack && known !== undefined ? known : this.#tryLine(place);
    if (session.copyTo(path, maxBytesPerSecond) || path === undefined || path === known) return;
    // A clear session has no copies, and its gateway may be there already, because it was tried.
    if (this.conversation.isClear) this.conversation.isSheltered = false;
    this.#endpoint.abandonPath(session, path);
  }

  /** The NAT in front of its lines for datagrams gives them other addresses. @returns whether there was any. */
  rebind(newHost: boolean, keepOld: boolean): boolean {
    let isRebound = false;
    for (const { datagrams } of this.#linesInUse()) {
      if (datagrams === undefined) continue;
      datagrams.rebind({ newHost, keepOld });
      isRebound = true;
    }
    if (isRebound && this.conversation.isClear && this.#activeLine?.datagrams !== undefined)
      this.#isLostToNat = true;
    return isRebound;
  }

  /** The connection in use breaks, or another one. @returns whether there was any. */
  breakConnection(clientAfterMs: number, gatewayAfterMs: number): boolean {
    const line = [this.#activeLine, ...this.#linesInUse()].find((some) => some?.connection?.isAlive === true);
    line?.connection?.breakDown({ clientAfterMs, gatewayAfterMs });
    return line !== undefined;
  }

  stall(direction: LineDirection | 'both', forMs: number): void {
    for (const { connection } of this.#linesInUse()) connection?.stall(direction, forMs);
  }

  /** The conditions at a place are others now. */
  changeWeather(place: Place): void {
    for (const line of this.#linesInUse()) if (line.place === place) this.#expose(line);
  }

  /** The public address of a line for datagrams. */
  get publicAddress(): DatagramLine['publicAddress'] | undefined {
    return this.#linesInUse().find(({ datagrams }) => datagrams !== undefined)?.datagrams?.publicAddress;
  }

  /** The process is killed. @param isReset whether the system resets its connections; else nobody learns of it. */
  kill(isReset: boolean): void {
    this.conversation.isClientDead = true;
    for (const { carrier, connection } of this.#linesInUse()) {
      connection?.breakDown({ clientAfterMs: Infinity, gatewayAfterMs: isReset ? 1 : Infinity });
      if (connection === undefined) void carrier.close();
    }
    void this.#endpoint.close();
  }

  /** Everything is well again: it only has to go where that is so. */
  recover(): void {
    this.#isRecovering = true;
    if (this.#isLostToNat) this.move(this.#activeLine?.place ?? 'udpA', 'answered', false);
    this.#redialIfLost();
  }

  close(): void {
    void this.#endpoint.close();
  }

  /** What is left of a session that is over; empty when nothing is. */
  get leftovers(): string {
    const { openSessions, lingeringSessions, sinkFailures } = this.#endpoint.loginStats()!;
    return textOfLeft({
      openSessions,
      lingeringSessions,
      sinkFailures,
      keys: this.#cipher.keys,
      slots: this.#pool.usedSlots,
      retained: sum(this.#carriers.map(({ retained }) => retained)),
      connections: sum(this.#carriers.map((carrier) => carrier.stats().connections?.open ?? 0)),
      batchErrors: sum(this.#carriers.map((carrier) => carrier.stats().batchErrors)),
    });
  }

  // ---- SessionObserver ----

  pathValidated(path: Path): void {
    const trial = this.#trial;
    if (trial?.path !== path) return;
    switch (trial.how) {
      case 'answered':
        this.#goTo(path);
        return;
      case 'late':
        this.#tools.network.loop.at(this.#tools.clock.now() + LATE_MS, () => {
          if (this.#trial === trial) this.#goTo(path);
        });
        return;
      case 'never':
        this.#tools.network.loop.at(this.#tools.clock.now(), () => {
          if (this.#trial !== trial) return;
          this.#abandonTrial();
          this.#redialIfLost();
        });
        return;
      case 'hasty':
        this.#trial = undefined;
    }
  }

  pathFailed(path: Path): void {
    if (this.#trial?.path !== path) return;
    this.#abandonTrial();
    this.#redialIfLost();
  }

  pathLost(): void {
    this.#tools.lost();
    // What the product does: there is no session yet that could go on elsewhere.
    if (this.session.state === 'opening') this.session.close(CloseCode.deadLink, 'the connection broke');
    else this.#redialIfLost();
  }

  draining(): void {
    this.#tools.drained();
  }

  moved(): void {
    this.#isLostToNat = false;
    this.#tools.moved();
  }

  // ---- lines ----

  get #activeLine(): ClientLine | undefined {
    return this.#lines.get(this.session.path.port);
  }

  #linesInUse(): ClientLine[] {
    return [...this.session.paths].flatMap(({ port }) => this.#lines.get(port) ?? []);
  }

  #mayUse(place: Place): boolean {
    return !this.conversation.isClear || !isDatagramPlace(place) || this.#tools.setup.isClearAnywhere;
  }

  #goTo(path: Path): void {
    const { session } = this;
    this.#trial = undefined;
    if (![...session.paths].includes(path)) return;
    session.moveTo(this.#tools.clock.now(), path);
    // A connection that is lost again meanwhile was not told to anybody.
    this.#redialIfLost();
  }

  /** Says HELLO on one more line; nothing that is open by now needs it. */
  #alsoOpen(place: Place): void {
    if (this.session.state === 'opening' && this.#mayUse(place)) this.#tryLine(place);
  }

  #tryLine(place: Place): Path | undefined {
    let line: ClientLine;
    try {
      line = this.#openLine(place);
    } catch {
      return undefined;
    }
    const { port, slot } = this.#attach(line);
    if (slot < 0) {
      void this.#endpoint.detach(port);
      return undefined;
    }
    const path =
      this.session.state === 'opening'
        ? this.#endpoint.tryOpening(this.session, port, slot)
        : this.#endpoint.tryPath(this.session, port, slot);
    line.carrier.release(slot);
    return path;
  }

  #abandonTrial(): void {
    const trial = this.#trial;
    this.#trial = undefined;
    if (trial !== undefined && trial.path !== this.session.path)
      this.#endpoint.abandonPath(this.session, trial.path);
  }

  #attach(line: ClientLine): { readonly port: number; readonly slot: number } {
    const { setup } = this.#tools;
    const { place, carrier } = line;
    const port = this.#endpoint.attach(carrier, {
      ...groupOf(setup, this.#pool, setup.keepAliveMs),
      name: place,
      allowStock: false,
      closeWhenUnused: true,
      ...(place === 'ws' && setup.isWsRelayed ? { reliable: false } : {}),
    });
    this.#lines.set(port, line);
    return { port, slot: carrier.intern(gatewayAddress(place)) };
  }

  #openLine(place: Place): ClientLine {
    const { host, setup, tap } = this.#tools;
    const { arenaBytes, highWaterBytes } = setup;
    const datagrams = isDatagramPlace(place) ? host.openUdp({ arenaBytes }) : undefined;
    const connection =
      datagrams === undefined
        ? host.connect(gatewayAddress(place), { arenaBytes, highWaterBytes, maxQueueBytes: MAX_QUEUE_BYTES })
        : undefined;
    const carrier = new TappedCarrier((datagrams ?? connection)!.carrier as SimulatedCarrier);
    if (datagrams !== undefined) carrier.tap = tap;
    this.#carriers.push(carrier);
    const line = { place, carrier, datagrams, connection };
    this.#expose(line);
    return line;
  }

  #expose({ place, datagrams, connection }: ClientLine): void {
    const { conditionsAt, clock, setup } = this.#tools;
    const { up, down, darkUntilMs } = conditionsAt(place);
    const { isClear } = this.conversation;
    datagrams?.setLinks(linkOf(up, isClear), linkOf(down, isClear));
    connection?.setPipes(pipeOf(up, setup.pipeBufferBytes), pipeOf(down, setup.pipeBufferBytes));
    for (const direction of ['up', 'down'] as const) {
      const forMs = Math.max(0, darkUntilMs[direction] - clock.now());
      datagrams?.blackHole(direction, forMs);
      if (forMs > 0) connection?.stall(direction, forMs);
    }
  }

  #redialIfLost(): void {
    const { session } = this;
    if (!session.path.isLost || this.#isRedialing || this.#trial !== undefined || this.isOver) return;
    this.#isRedialing = true;
    this.#tools.network.loop.at(this.#tools.clock.now() + this.#tools.redialMs(), () => {
      this.#isRedialing = false;
      if (this.isOver || this.#trial !== undefined || !session.path.isLost) return;
      this.move(this.#activeLine?.place ?? 'tcp', 'answered', false);
      this.#redialIfLost();
    });
  }
}

type SimulatedCarrier = ConstructorParameters<typeof TappedCarrier>[0];

const HANDSHAKE_TIMEOUT_MS = 8_000;
const LATE_MS = 150;
