import { CloseCode, closeCodeName } from '../../src/base/close-code.ts';
import type { HandshakeCrypto } from '../../src/base/handshake-crypto.ts';
import type { Logger } from '../../src/base/logger.ts';
import { NO_LOG } from '../../src/base/logger.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { createPacketCipher } from '../../src/crypto/create-packet-cipher.ts';
import { createHandshakeCrypto } from '../../src/crypto/handshake-keys.ts';
import { createResetTokens } from '../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../src/crypto/ticket-keyring.ts';
import type { SessionAcceptor } from '../../src/endpoint/index.ts';
import type { SessionCredentials } from '../../src/session/index.ts';
import { ModelFault } from './byte-stream-model.ts';
import { CheapCipher, createCheapCrypto, randomBytes } from './cheap-crypto.ts';
import { ClientProcess, type Conditions } from './client-process.ts';
import { checkCloses } from './close-rules.ts';
import { Conversation } from './conversation.ts';
import { CLOSE_TIMEOUT_MS, GatewayProcess, gatewayAddress, type ProcessTools } from './gateway-process.ts';
import type { MultiPathNetwork, SimulatedClient } from './multi-path-network.ts';
import { OnPathAttacker } from './on-path-attacker.ts';
import { RunCounts } from './run-counts.ts';
import { isScarce, PLACES, type Action, type Joining, type Place, type Schedule } from './schedule.ts';
import type { Side, StreamApplication } from './stream-application.ts';

/** One host of a client, whatever process runs on it. */
interface ClientHost {
  readonly host: SimulatedClient;
  readonly conditions: Record<Place, Conditions>;
  /** Its weather changed at some time. */
  hasWeather: boolean;
  process: ClientProcess | undefined;
  /** What its last login gave. */
  login: { readonly conv: number; readonly secret: Uint8Array } | undefined;
  dials: number;
}

/**
 * A gateway and its clients on a network, to which a schedule happens. Both ends of every session are checked against the
 * models of what they carry while it does; then everything turns good, and what was not closed has to work, to be closed in order
 * and to leave nothing behind.
 */
export class SessionWorld {
  readonly counts = new RunCounts();
  readonly #schedule: Schedule;
  readonly #network: MultiPathNetwork;
  readonly #tools: ProcessTools;
  readonly #random: SeededRandom;
  readonly #keyring: TicketKeyring;
  readonly #resetTokens;
  readonly #attacker: OnPathAttacker;
  readonly #hosts: ClientHost[];
  readonly #conversations: Conversation[] = [];
  readonly #processes: ClientProcess[] = [];
  #gateway: GatewayProcess | undefined;
  #isDraining = false;
  #drainUntilMs = Infinity;
  #isEnding = false;
  #redialMs = 300;
  #nextConv = 1;
  #fault: Error | undefined;
  /** Readings of the clock: one a turn of an endpoint, and few others. */
  #clockReads = 0;

  constructor(schedule: Schedule, network: MultiPathNetwork) {
    const { setup, seed } = schedule;
    this.#schedule = schedule;
    this.#network = network;
    const random = (this.#random = new SeededRandom(seed, WORLD_STREAM));
    const isReal = setup.cipher === 'real';
    this.#tools = {
      network,
      setup,
      clock: {
        now: () => {
          this.#clockReads++;
          return network.loop.now();
        },
      },
      logger: this.#logger,
      crypto: isReal ? seededCrypto(random) : createCheapCrypto(random),
      makeCipher: () => (isReal ? createPacketCipher() : new CheapCipher()),
    };
    this.#keyring = new TicketKeyring([{ id: 1, key: randomBytes(random, 32) }]);
    this.#resetTokens = createResetTokens(randomBytes(random, 32));
    this.#attacker = new OnPathAttacker(network, random);
    this.#hosts = setup.clients.map(() => ({
      host: network.addClient(),
      conditions: Object.fromEntries(PLACES.map((place) => [place, FAIR])) as Record<Place, Conditions>,
      hasWeather: false,
      process: undefined,
      login: undefined,
      dials: 0,
    }));
    this.#startGateway();
  }

  /** Throws what is wrong. */
  run(): void {
    this.#schedule.steps.forEach(({ action, thenMs }, index) => {
      this.#apply(action);
      this.#noteRough();
      this.#runFor(thenMs);
      this.#noteRough();
      this.#check(`step ${index}`);
    });
    this.#settle();
    this.#beQuiet();
    this.#end();
    this.#leaveNothing();
    for (const { up, down, datagramsUp, datagramsDown } of this.#conversations) {
      this.counts.count('bytes', up.delivered + down.delivered);
      this.counts.count('datagrams', datagramsUp.delivered + datagramsDown.delivered);
    }
    for (const { session } of this.#processes) this.counts.count('copies', session.traffic.copiesReceived);
  }

  // ---- what happens ----

  #apply(action: Action): void {
    switch (action.do) {
      case 'wait':
        return;
      case 'dial':
        return this.#dial(action.client, action.place, action.keepTicket, action.also);
      case 'send':
        return this.#send(action);
      case 'datagrams':
        for (let i = 0; i < action.count; i++) this.#application(action)?.sendDatagram(action.bytes);
        return;
      case 'finish':
        return this.#application(action)?.finish();
      case 'pause':
        return this.#application(action)?.pause(action.writes);
      case 'resume':
        return this.#application(action)?.resume();
      case 'leave':
        return this.#application(action)?.leave(action.code);
      case 'kick':
        return this.#kick(action.client, action.code);
      case 'weather': {
        const { place, up, down } = action;
        this.#hosts[action.client]!.hasWeather = true;
        const process = this.#process(action.client);
        if (process !== undefined) process.conversation.isSheltered = false;
        return this.#setConditions(action.client, place, { up, down });
      }
      case 'hole': {
        const { place, direction, forMs } = action;
        const untilMs = this.#nowMs + forMs;
        const darkUntilMs = { ...this.#hosts[action.client]!.conditions[place].darkUntilMs };
        if (direction !== 'down') darkUntilMs.up = untilMs;
        if (direction !== 'up') darkUntilMs.down = untilMs;
        // A connection stalls that long, whatever becomes of the weather.
        this.#process(action.client)?.conversation.noteRough(untilMs);
        return this.#setConditions(action.client, place, { darkUntilMs });
      }
      case 'rebind':
        return this.#rebind(action);
      case 'move':
        return this.#process(action.client)?.move(action.place, action.how, action.isBack);
      case 'copy':
        return this.#process(action.client)?.copy(action.place, action.isBack, action.maxBytesPerSecond);
      case 'break': {
        const { clientAfterMs, gatewayAfterMs } = action;
        const process = this.#process(action.client);
        if (process?.breakConnection(clientAfterMs, gatewayAfterMs) === true) {
          this.counts.count('breaks');
          this.#noteRough();
        }
        return;
      }
      case 'stall':
        this.#process(action.client)?.conversation.noteRough(this.#nowMs + action.forMs);
        return this.#process(action.client)?.stall(action.direction, action.forMs);
      case 'drain':
        return this.#drain(action.deadlineMs);
      case 'undrain':
        this.#isDraining = false;
        return this.#gateway?.endpoint.stopDraining();
      case 'restart':
        return this.#restart(action.downMs);
      case 'die':
        return this.#die(action.client, action.isReset);
      case 'replay': {
        const { direction, count, place, flips } = action;
        const attacked = this.#process(action.client)?.conversation;
        if (attacked !== undefined) attacked.isSheltered = false;
        const to = direction === 'up' ? gatewayAddress(place) : this.#process(action.client)?.publicAddress;
        if (to !== undefined)
          this.counts.count('attacks', this.#attacker.replay(action.client, direction, to, count, flips));
        return;
      }
      case 'race':
        this.#process(action.client)?.conversation.noteRough(this.#nowMs + RACE_MS);
        this.counts.count('attacks', action.count);
        return this.#attacker.race(action.client, action.count, action.isInstead);
    }
  }

  #rebind({ client, newHost, keepOld }: Extract<Action, { readonly do: 'rebind' }>): void {
    const process = this.#process(client);
    if (process?.rebind(newHost, keepOld) !== true) return;
    this.counts.count('rebinds');
    process.conversation.isSheltered = false;
    process.conversation.wasRebound = true;
    const { deadLink, keepAliveMs } = this.#schedule.setup;
    // Who is only sent to does not notice; the gateway may lose patience sooner than it asks.
    if (deadLink < PATIENT_DEAD_LINK) process.conversation.noteRough(this.#nowMs + 1.3 * keepAliveMs);
  }

  #send({ bytes, ...where }: Extract<Action, { readonly do: 'send' }>): void {
    const application = this.#application(where);
    // A message may take half a window.
    const { window, mtu } = this.#schedule.setup;
    application?.send(application.out.isStream ? bytes : Math.min(bytes, (window / 2) * (mtu - 100)));
  }

  #dial(client: number, place: Place, keepTicket: boolean, also: readonly Joining[] = []): void {
    const host = this.#hosts[client]!;
    if (host.process?.isOver === false) return;
    const setup = this.#schedule.setup.clients[client]!;
    const isClear = setup.seal === 'clear';
    const where = isClear && !this.#schedule.setup.isClearAnywhere && place.startsWith('udp') ? 'ws' : place;
    if (!keepTicket || host.login === undefined)
      host.login = { conv: this.#nextConv++, secret: randomBytes(this.#random, 32) };
    const { conv, secret } = host.login;
    const number = this.#conversations.length;
    const isStream = setup.stream === (host.dials % 2 === 0 || this.#isScarce);
    const conversation = new Conversation({
      ...{ number, owner: client, conv, isClear, isStream },
      now: () => this.#nowMs,
      report: (fault) => (this.#fault ??= fault),
      closed: (over, side) => {
        this.#closed(over, side);
      },
    });
    const credentials = this.#credentialsOf(conversation, secret);
    try {
      const tools = {
        ...this.#tools,
        host: host.host,
        conditionsAt: (at: Place) => host.conditions[at],
        tap: isClear ? undefined : this.#attacker.tapOf(client),
        redialMs: () => 1 + this.#random.nextInt(this.#redialMs),
        drained: () => {
          this.counts.count('drains');
        },
        lost: () => {
          this.#checkLoss(conversation);
        },
        moved: () => {
          this.counts.count('moves');
        },
      };
      host.process = new ClientProcess(tools, conversation, credentials, where, also);
    } catch {
      // Nobody listens there: the gateway is down.
      return;
    }
    host.dials++;
    this.counts.count('sessions');
    if (also.length > 0) this.counts.count('races');
    conversation.metDraining = this.#isDraining;
    if (host.hasWeather) conversation.isSheltered = false;
    for (const older of this.#conversations) {
      if (older.conv === conv && !older.isGatewayOver) conversation.metOlder = true;
      const isSame = this.#schedule.setup.isOneSessionEach && older.owner === client;
      if (older.conv === conv || isSame) older.isReplaced = true;
    }
    this.#conversations.push(conversation);
    this.#processes.push(host.process);
    this.#noteRough();
  }

  /** Nobody ends a connection that is in use, unless something is wrong with it. */
  #checkLoss(conversation: Conversation): void {
    const { wasRough, isClear, isGatewayOver, isBackOnOldPath } = conversation;
    // A gateway goes with a clear session wherever that was known last, and lets go of the rest; it lets go of paths that were
    // left, and of unproved ones when there are many.
    const mayLetGo = isClear || isBackOnOldPath || this.#schedule.setup.isWsRelayed;
    if (wasRough || mayLetGo || this.#isScarce || isGatewayOver) return;
    this.#fault ??= new ModelFault(`the connection in use broke\n  ${conversation.text}`);
  }

  #credentialsOf({ number, owner, conv, isClear }: Conversation, secret: Uint8Array): SessionCredentials {
    const seal = isClear ? 'clear' : 'aead';
    // The claims tell the gateway's application which dial it was: to the session they are nothing.
    const ticket = this.#keyring.seal({
      ...{ conv, secret, seal, subject: `client ${owner}`, claims: JSON.stringify({ number }) },
      issuedMs: 0,
      expiresMs: 1e12,
    });
    return { conv, ticket, secret, resetToken: this.#resetTokens.tokenOf(conv), seal };
  }

  #kick(client: number, code: CloseCode): void {
    const gateway = this.#process(client)?.conversation.gateway;
    if (gateway?.isUsable !== true || this.#process(client)!.conversation.isGatewayDead) return;
    gateway.noteKick(code);
    const { conv } = this.#process(client)!.conversation;
    this.#gateway?.endpoint.kick({ conv }, code, 'out');
    this.counts.count('kicks');
  }

  #drain(deadlineMs: number): void {
    if (this.#gateway === undefined) return;
    this.#isDraining = true;
    this.#drainUntilMs = this.#nowMs + deadlineMs;
    for (const conversation of this.#conversations) conversation.metDraining = true;
    this.#gateway.endpoint.startDraining({ deadlineMs, jitterMs: 100, lines: ['elsewhere'] });
  }

  #restart(downMs: number): void {
    if (this.#gateway === undefined) return;
    this.counts.count('restarts');
    for (const conversation of this.#conversations) {
      if (conversation.gateway !== undefined) conversation.isGatewayDead = true;
      // Whoever has just opened may have an end there that never came to be.
      if (!conversation.isClientOver) conversation.noteRough(this.#nowMs + downMs);
    }
    this.#gateway.kill();
    this.#gateway = undefined;
    this.#isDraining = false;
    if (downMs === 0) this.#startGateway();
    else this.#network.loop.at(this.#nowMs + downMs, this.#startGateway);
  }

  readonly #startGateway = (): void => {
    if (this.#gateway !== undefined) return;
    this.#gateway = new GatewayProcess({
      ...this.#tools,
      acceptor: this.#acceptor,
      tickets: this.#keyring,
      resetTokens: this.#resetTokens,
      tap: this.#attacker.tapOfGateway((conv) => this.#hosts.findIndex(({ login }) => login?.conv === conv)),
    });
  };

  readonly #acceptor: SessionAcceptor = {
    accept: ({ login }) => {
      const { number } = JSON.parse(login!.claims) as { readonly number: number };
      const conversation = this.#conversations[number]!;
      if (conversation.gateway !== undefined)
        this.#fault ??= new ModelFault(`dial ${number} opened twice\n  ${conversation.text}`);
      return { stream: conversation.isStream, bind: (port) => conversation.join('gateway', port) };
    },
  };

  #die(client: number, isReset: boolean): void {
    const process = this.#process(client);
    if (process === undefined) return;
    process.kill(isReset);
    this.counts.count('deaths');
  }

  #setConditions(client: number, place: Place, changes: Partial<Conditions>): void {
    const { conditions, process } = this.#hosts[client]!;
    conditions[place] = { ...conditions[place], ...changes };
    process?.changeWeather(place);
  }

  #application({
    client,
    side,
  }: {
    readonly client: number;
    readonly side: Side;
  }): StreamApplication | undefined {
    const conversation = this.#process(client)?.conversation;
    if (conversation === undefined || (side === 'gateway' && conversation.isGatewayOver)) return undefined;
    return conversation.at(side);
  }

  /** The process of a client, unless its session is over. */
  #process(client: number): ClientProcess | undefined {
    const { process } = this.#hosts[client]!;
    return process?.isOver === false ? process : undefined;
  }

  #closed(conversation: Conversation, side: Side): void {
    const process = this.#processes.find((one) => one.conversation === conversation);
    if (process?.isRough === true) conversation.noteRough(this.#nowMs);
    const code = conversation.at(side)?.ended?.code ?? 0;
    const isDead = side === 'client' ? conversation.isClientDead : conversation.isGatewayDead;
    if (!isDead) this.counts.countClose(closeCodeName(code));
    if (code !== CloseCode.staleSession || isDead || !this.#schedule.setup.redials || this.#isEnding) return;
    // On sockets of its own, so that what is still said to the old session does not reach the new one.
    this.#network.loop.at(this.#nowMs + this.#random.nextInt(50), () => {
      this.#dial(conversation.owner, this.#random.nextInt(2) === 0 ? 'udpA' : 'tcp', true);
    });
  }

  /** Remembers who is hindered now: only those may fail of themselves. */
  #noteRough(): void {
    this.#hosts.forEach(({ process }, client) => {
      if (this.#attacker.isRacing(client)) process?.conversation.noteRough(this.#nowMs);
    });
    for (const process of this.#processes) this.#noteRoughOf(process);
  }

  #noteRoughOf(process: ClientProcess): void {
    const { conversation } = process;
    if (conversation.isOver) return;
    if (conversation.isClientOver || this.#gateway === undefined || process.isRough)
      conversation.noteRough(this.#nowMs);
  }

  // ---- the end ----

  /** The weather turns good, everybody reads: whatever is not closed must work again, and what was sent must arrive. */
  #settle(): void {
    this.#attacker.stop();
    this.#redialMs = 10;
    if (this.#gateway === undefined) this.#startGateway();
    this.#isDraining = false;
    this.#gateway!.endpoint.stopDraining();
    this.#hosts.forEach((_, client) => {
      for (const place of PLACES) this.#setConditions(client, place, FAIR);
    });
    for (const process of this.#processes) if (!process.isOver) process.recover();
    for (const conversation of this.#conversations) {
      for (const side of SIDES) {
        const application = conversation.at(side);
        application?.resume();
        application?.send(LAST_BYTES);
      }
    }
    if (!this.#runUntil(() => this.#conversations.every(isSettled), SETTLE_MS))
      throw new ModelFault(
        `after ${SETTLE_MS / 1000} s of good weather:\n  ${this.#textOf((one) => !isSettled(one))}`,
      );
    this.#check('settling');
  }

  /** Where nothing is in the way nothing is lost, whether it moves or not: not even what is never sent again. */
  #checkDatagrams(conversation: Conversation): void {
    const { isLive, isSheltered, client, gateway, datagramsUp, datagramsDown } = conversation;
    if (!isLive || !isSheltered || client.hasPaused || gateway?.hasPaused !== false) return;
    for (const { name, sent, delivered } of [datagramsUp, datagramsDown]) {
      if (delivered < sent)
        throw new ModelFault(`${name}: ${delivered} of ${sent} came\n  ${conversation.text}`);
      this.counts.count('sheltered', sent);
    }
  }

  /** Open sessions that have nothing to say cost next to nothing. */
  #beQuiet(): void {
    const before = this.#clockReads;
    this.#runFor(QUIET_MS);
    this.#check('being quiet');
    for (const conversation of this.#conversations) this.#checkDatagrams(conversation);
    const open = this.#conversations.filter(({ isOver }) => !isOver).length;
    const reads = this.#clockReads - before;
    if (reads > MOST_TURNS * (1 + open))
      throw new ModelFault(`${reads} turns in ${QUIET_MS / 1000} s in which ${open} sessions were quiet`);
  }

  #end(): void {
    this.#isEnding = true;
    const { ending } = this.#schedule;
    const { endpoint } = this.#gateway!;
    const { normal, kicked } = CloseCode;
    for (const conversation of this.#conversations) {
      if (conversation.isOver) continue;
      const { client, gateway } = conversation;
      if (ending === 'clients leave') client.leave(normal);
      else if (ending === 'both finish') for (const end of [client, gateway]) end?.finish();
      else if (ending === 'kick') gateway?.noteKick(kicked);
      else conversation.isCutOff = true;
    }
    if (ending === 'kick') for (const { id } of endpoint.sessions()) endpoint.kick({ id }, kicked, 'the end');
    else if (ending === 'drain') void endpoint.drain(ENDING_MS);
    else if (ending === 'close') {
      void endpoint.close();
      // Whoever missed its last word is told nothing any more.
      for (const conversation of this.#conversations)
        if (!conversation.isOver) conversation.noteRough(this.#nowMs + ENDING_MS);
    }
    if (!this.#runUntil(() => this.#conversations.every(({ isOver }) => isOver), ENDING_MS + SETTLE_MS))
      throw new ModelFault(`"${ending}" did not end:\n  ${this.#textOf(({ isOver }) => !isOver)}`);
    this.#check('the end');
  }

  /** Once sessions that are over are forgotten, nothing of them is left, and once everything is closed nothing at all. */
  #leaveNothing(): void {
    this.#runFor(this.#schedule.setup.lingerMs + FORGET_MS);
    this.#checkLeftovers('of sessions that are over');
    for (const process of this.#processes) process.close();
    void this.#gateway!.endpoint.close();
    this.#runFor(FORGET_MS);
    this.#checkLeftovers('after everything was closed');
    if (this.#network.loop.step()) {
      this.#runFor(600_000);
      if (this.#network.loop.step())
        throw new ModelFault('after everything was closed something still happens');
    }
    this.#check('the very end');
    const { receivedBytes, sentBytes } = this.#attacker;
    if (receivedBytes > 3 * sentBytes)
      throw new ModelFault(`the attacker was sent ${receivedBytes} bytes for ${sentBytes}`);
  }

  #checkLeftovers(when: string): void {
    const { leftovers } = this.#gateway!;
    if (leftovers !== '') throw new ModelFault(`${when}, the gateway has ${leftovers}`);
    for (const process of this.#processes) {
      if (process.leftovers !== '')
        throw new ModelFault(`${when}, a client has ${process.leftovers}\n  ${process.conversation.text}`);
    }
  }

  // ---- checks ----

  #check(when: string): void {
    if (this.#fault !== undefined) {
      const fault = this.#fault;
      fault.message = `${when}: ${fault.message}`;
      throw fault;
    }
    const { idleTimeoutMs, keepAliveMs } = this.#schedule.setup;
    for (const conversation of this.#conversations) {
      if (!conversation.isOver || conversation.isChecked) continue;
      conversation.isChecked = true;
      checkCloses(conversation, { idleTimeoutMs, keepAliveMs, isScarce: this.#isScarce });
    }
    this.#checkGateway();
  }

  /** A `conv` has one session there, and nobody stays beyond the deadline of a drain. */
  #checkGateway(): void {
    const open = new Set<number>();
    for (const conversation of this.#conversations) {
      if (conversation.isGatewayOver) continue;
      if (open.has(conversation.conv)) throw new ModelFault(`two sessions at once\n  ${conversation.text}`);
      open.add(conversation.conv);
      if (this.#isDraining && this.#nowMs > this.#drainUntilMs + CLOSE_TIMEOUT_MS + GOODBYE_MS)
        throw new ModelFault(`open long after the deadline of a drain\n  ${conversation.text}`);
    }
  }

  #runFor(ms: number): void {
    this.#network.loop.runFor(ms);
  }

  #runUntil(isDone: () => boolean, limitMs: number): boolean {
    return this.#network.loop.runUntil(() => this.#fault !== undefined || isDone(), limitMs);
  }

  get #nowMs(): number {
    return this.#network.loop.now();
  }

  get #isScarce(): boolean {
    return isScarce(this.#schedule.setup);
  }

  #textOf(isMeant: (conversation: Conversation) => boolean): string {
    return this.#processes
      .filter(({ conversation }) => isMeant(conversation))
      .map((process) => `${process.conversation.text}\n    ${process.text}`)
      .join('\n  ');
  }

  /** Sessions fail, and bugs show, in the log. */
  readonly #logger: Logger = {
    ...NO_LOG,
    error: (message, fields) => {
      const cause = fields?.err;
      this.#fault ??= cause instanceof Error ? cause : new ModelFault(`logged: ${message}`);
    },
    child: () => this.#logger,
  };
}

const isSettled = (conversation: Conversation): boolean =>
  conversation.isOver || (conversation.isLive && !conversation.isFinished && conversation.isDelivered);

/** The real functions, with luck from the seed. */
const seededCrypto = (random: SeededRandom): HandshakeCrypto => ({
  ...createHandshakeCrypto(),
  randomBytes: (length) => randomBytes(random, length),
});

const SIDES: readonly Side[] = ['client', 'gateway'];
const FAIR: Conditions = { up: 'usual', down: 'usual', darkUntilMs: { up: -Infinity, down: -Infinity } };
/** Apart from the luck of the network and of the schedule, which have the same seed. */
const WORLD_STREAM = 11;
const LAST_BYTES = 700;
const SETTLE_MS = 300_000;
const QUIET_MS = 5_000;
/** Turns in that time: of each session, and of all that are about to be forgotten. Whoever spins has thousands. */
const MOST_TURNS = 200;
const ENDING_MS = 20_000;
/** Longer than connections take to end. */
const FORGET_MS = 10_000;
/** Transmissions with growing intervals that take longer than anybody waits before it asks. */
const PATIENT_DEAD_LINK = 20;
/** How long the end of a session may take once nothing is to be sent any more. */
const GOODBYE_MS = 5_000;
/** How long an attacker's datagrams may keep a session busy. */
const RACE_MS = 5_000;
