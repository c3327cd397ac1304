import { CloseCode } from '../../src/base/close-code.ts';
import type { Logger } from '../../src/base/logger.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { META_LENGTH, META_OFFSET, META_STRIDE } from '../../src/carrier/carrier.ts';
import { MemoryHub, type MemoryCarrier } from '../../src/carrier/memory.ts';
import type { Endpoint, EndpointStats, SessionAcceptor } from '../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool, type KcpConfig } from '../../src/kcp/index.ts';
import type { PeerKind } from '../../src/session/index.ts';
import { EchoUpstream } from '../../src/upstream/index.ts';
import { endpointOn } from '../support/endpoint-on.ts';
import { dissectDatagram } from './endpoint-datagram.ts';
import { chance, EndpointAttacker, pick } from './endpoint-attacker.ts';
import { ExactApplication, LuckyApplication, watch, type WatchedSink } from './endpoint-applications.ts';

/** Time, and the runtime timers of the endpoints, under control. */
export interface Timeline {
  now(): number;
  /** Lets time pass and runs what is due meanwhile. */
  advance(ms: number): void;
  /** Timers that were set and have not run. */
  pending(): number;
}

/** A promise the endpoint broke. */
export class BrokenPromise extends Error {}

const CLIENTS = 3;
const STRANGERS = 5;
const SLOT_BYTES = 1536;
/** The first client is left alone by the attacker: its bytes must come back whatever happens around it. */
const EXACT = 0;
const EXACT_CONV = 1000;
const EXACT_BYTES = 40_000;
const IDLE_TIMEOUT_MS = 10_000;
/** Longer than every timeout of a session, one after the other. */
const QUIET_MS = 400_000;
/** Flushes of one carrier in one step of time that only an endless loop can reach. */
const MAX_FLUSHES_PER_STEP = 20_000;

interface Travelling {
  readonly at: number;
  readonly client: number;
  readonly up: boolean;
  readonly bytes: Uint8Array;
}

interface Client {
  readonly hub: MemoryHub;
  readonly endpoint: Endpoint;
  /** Where this client's datagrams come out, and whence answers go back to it. */
  readonly way: MemoryCarrier;
  /** Its address as the server sees it. */
  readonly outside: MemoryCarrier;
  readonly conversations: number[];
}

/**
 * An endpoint on a memory carrier, three clients whose traffic passes through an attacker's hands, and strangers. After
 * every step the endpoint's promises are checked; a broken one is thrown as {@link BrokenPromise}.
 */
export class EndpointWorld {
  /** What the endpoint was seen doing. */
  readonly features = new Set<string>();
  datagrams = 0;
  readonly #random: SeededRandom;
  readonly #time: Timeline;
  readonly #attacker: EndpointAttacker;
  readonly #hub: MemoryHub;
  readonly #carrier: MemoryCarrier;
  readonly #endpoint: Endpoint;
  readonly #pool: SegmentPool;
  readonly #kcp: KcpConfig;
  readonly #limits: {
    readonly maxSessions: number;
    readonly maxSessionsPerSource: number;
    readonly newSessionsPerSecond: number;
    readonly newSessionsPerSourcePerSecond: number;
  };
  readonly #allowStock: boolean;
  readonly #upstream: EchoUpstream;
  readonly #clients: Client[] = [];
  readonly #strangers: MemoryCarrier[] = [];
  readonly #sinks: WatchedSink[] = [];
  readonly #lucky: LuckyApplication[] = [];
  readonly #exact: ExactApplication | undefined;
  /** `address conv` of everything that was ever let in. */
  readonly #admitted = new Set<string>();
  readonly #startedAt: number;
  #travelling: Travelling[] = [];
  /** Bytes the endpoint sent to each address and conversation, since they were last collected. */
  readonly #answers = new Map<string, number>();
  #firstFault: BrokenPromise | undefined;
  #flushes = 0;
  #blackHole = false;
  /** The first client's datagrams all arrive from now on. */
  #isCalm = false;
  /** Nothing arrives any more. */
  #isOver = false;
  #closing = false;

  constructor(random: SeededRandom, time: Timeline) {
    this.#random = random;
    this.#time = time;
    this.#startedAt = time.now();
    this.#attacker = new EndpointAttacker(random);
    this.#hub = new MemoryHub({ inboxBytes: 128 * 1024, arenaBytes: pick(random, [1500, 3000, 64 * 1024]) });
    this.#carrier = this.#hub.join();
    this.#guard(this.#carrier);
    this.#pool = new SegmentPool({
      slotBytes: SLOT_BYTES,
      maxBytes: SLOT_BYTES * pick(random, [60, 400, 4000]),
    });
    this.#kcp = resolveKcpConfig({
      conv: 0,
      preset: pick(random, ['default', 'normal', 'fast3']),
      mtu: pick(random, [300, 576, 1400]),
      sendWindow: pick(random, [4, 32, 128]),
      receiveWindow: pick(random, [4, 32, 128]),
      maxQueueBytes: pick(random, [3000, 20_000, 200_000]),
    });
    this.#limits = {
      maxSessions: pick(random, [3, 6, 20]),
      maxSessionsPerSource: pick(random, [2, 3, 20]),
      newSessionsPerSecond: pick(random, [3, 10, 100]),
      newSessionsPerSourcePerSecond: pick(random, [2, 100]),
    };
    this.#allowStock = chance(random, 0.95);
    this.#upstream = new EchoUpstream({ name: 'echo', maxMessageBytes: 50_000 });
    this.#endpoint = endpointOn(
      this.#carrier,
      { clock: time, logger: this.#logger('the server'), acceptor: this.#acceptor() },
      {
        kcp: this.#kcp,
        pool: this.#pool,
        allowStock: this.#allowStock,
        session: {
          idleTimeoutMs: IDLE_TIMEOUT_MS,
          keepAliveMs: 0,
          closeTimeoutMs: 2_000,
          lingerMs: pick(random, [500, 5_000]),
        },
        admission: this.#limits,
      },
    );
    this.#endpoint.start();
    for (let index = 0; index < CLIENTS; index++) this.#clients.push(this.#makeClient(index));
    for (let index = 0; index < STRANGERS; index++) this.#strangers.push(this.#member());
    if (this.#allowStock) this.#exact = this.#connectExact();
  }

  /** What the endpoint and its clients counted, in short. */
  get stats(): EndpointStats {
    return this.#endpoint.stats();
  }

  /** Attacks for so many steps, then ends in one of several ways and looks for what is left. */
  async run(steps: number): Promise<void> {
    for (let waited = 0; this.#exact?.isOpen === false && waited < 200; waited++) this.#advance(50, 5);
    if (this.#exact?.isOpen === false) this.#fail('the first client was not let in');
    for (let step = 0; step < steps; step++) {
      this.#step();
      this.#check();
    }
    const roll = this.#random.nextFloat();
    if (roll < 0.6) this.#finishExact();
    if (roll < 0.4) this.#fallSilent();
    else if (roll < 0.6) await this.#drain();
    await this.#close();
  }

  // ---- steps ----

  #step(): void {
    const random = this.#random;
    const roll = random.nextFloat();
    if (roll < 0.3) this.#throwOne();
    else if (roll < 0.36) this.#burst();
    else if (roll < 0.44) this.#open();
    else if (roll < 0.6) this.#act();
    else if (roll < 0.64) this.#attackClient();
    else if (roll < 0.66) this.#connect(1 + random.nextInt(CLIENTS - 1));
    else if (roll < 0.67) this.#blackHole = !this.#blackHole;
    else if (roll < 0.99) {
      this.#exact?.send(random.nextInt(600));
      this.#advance(pick(random, [1, 10, 50, 200]), 5);
    } else this.#advance(pick(random, [2_000, 5_000, 15_000, 40_000]), 100);
    this.#exact?.send(200);
  }

  /** One hostile datagram, alone, so that what becomes of it can be accounted for. */
  #throwOne(): void {
    this.#deliverToServer();
    const from = this.#attackersAddress();
    const datagram = this.#hostileFrom(from);
    const before = this.#endpoint.stats();
    this.#put(from, datagram);
    this.#carrier.deliver();
    const after = this.#endpoint.stats();
    const dropped = sum(after.drops) - sum(before.drops);
    if (dropped < 0 || dropped > 1) this.#fail(`one datagram was counted as ${String(dropped)} drops`);
    if (after.carrier.receiveBatches === before.carrier.receiveBatches)
      this.#fail('a datagram did not arrive');
    if (after.openedSessions > before.openedSessions && !this.#mayOpen(datagram)) {
      this.#fail(`opened a session: ${hex(datagram)}`);
    }
    const known = this.#admitted.has(keyOf(from, datagram));
    const answered = after.probesAnswered - before.probesAnswered;
    if (dropped + answered === 0 && !known) this.#fail(`not dropped and of no session: ${hex(datagram)}`);
    if (known) return;
    this.#collectAnswers();
    const answer = this.#answers.get(keyOf(from, datagram)) ?? 0;
    if (answer > datagram.length) {
      this.#fail(`${String(datagram.length)} bytes refused were answered by ${String(answer)}`);
    }
  }

  /** Data a session just beginning could have sent, read by itself: NEW or PUSH within the first window, nothing acknowledged. */
  #mayOpen(datagram: Uint8Array): boolean {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const sn = view.getUint32(12, true);
    return (
      (datagram[4] === 80 || datagram[4] === 81) &&
      sn < this.#kcp.receiveWindow &&
      view.getUint32(16, true) === 0
    );
  }

  #burst(): void {
    const random = this.#random;
    const count = 20 + random.nextInt(200);
    const from = this.#attackersAddress();
    for (let index = 0; index < count; index++) {
      const sender = chance(random, 0.7) ? from : this.#attackersAddress();
      const opens = chance(random, 0.1);
      this.#put(
        sender,
        opens ? this.#attacker.opening(3000 + random.nextInt(600)) : this.#hostileFrom(sender),
      );
    }
    this.#deliverToServer();
  }

  #open(): void {
    const random = this.#random;
    const from = chance(random, 0.8)
      ? pickOf(random, this.#strangers)
      : pickOf(random, this.#clients).outside;
    this.#put(from, this.#attacker.opening(3000 + random.nextInt(600)));
    this.#deliverToServer();
  }

  /** Applications do something, from outside of their sinks' calls. */
  #act(): void {
    for (let call = 0; call < 3; call++) {
      if (this.#lucky.length === 0) return;
      const at = this.#random.nextInt(this.#lucky.length);
      const application = this.#lucky[at]!;
      if (application.isClosed && chance(this.#random, 0.5)) this.#lucky.splice(at, 1);
      else application.act();
    }
  }

  /** The server's side attacks one of the clients that are not left alone. */
  #attackClient(): void {
    const client = this.#clients[1 + this.#random.nextInt(CLIENTS - 1)]!;
    put(client.way, this.#attacker.hostile(client.conversations.length > 0 ? client.conversations : [1]), 0);
    client.hub.deliver();
  }

  #attackersAddress(): MemoryCarrier {
    const random = this.#random;
    return chance(random, 0.5) ? pickOf(random, this.#clients).outside : pickOf(random, this.#strangers);
  }

  /** Of any conversation the attacker knows; at the first client's address, of any but that client's. */
  #hostileFrom(from: MemoryCarrier): Uint8Array {
    const exact = this.#clients[EXACT]!;
    const conversations = this.#clients.flatMap((client) => client.conversations);
    for (;;) {
      const datagram = this.#attacker.hostile([...conversations, 3000 + this.#random.nextInt(600)]);
      if (
        from !== exact.outside ||
        keyOf(from, datagram) !== `${from.localAddress.address} ${String(EXACT_CONV)}`
      )
        return datagram;
    }
  }

  // ---- endings ----

  /** The attack is over: the first client's stream has to come to its end. */
  #finishExact(): void {
    const exact = this.#exact;
    if (exact === undefined) return;
    this.#isCalm = true;
    for (let waited = 0; exact.closeCode === undefined && waited < 6000; waited++) {
      exact.finish();
      this.#advance(50, 5);
      this.#check();
    }
    const { receivedBytes, wrongBytes, closeCode } = exact;
    if (this.#isStarved(closeCode)) return;
    if (receivedBytes !== EXACT_BYTES || wrongBytes > 0 || closeCode !== CloseCode.normal) {
      const counts = `${String(receivedBytes)} bytes back, ${String(wrongBytes)} of them wrong`;
      this.#fail(`the first client closed with ${String(closeCode)}, ${counts}`);
    }
    this.features.add('the first client finished');
  }

  /** Nobody says anything any more: every session ends by itself, and nothing stays behind. */
  #fallSilent(): void {
    this.#isOver = true;
    this.#travelling = [];
    this.#advance(QUIET_MS, 5_000);
    const { openSessions, lingeringSessions, poolUsedBytes } = this.#endpoint.stats();
    if (openSessions + lingeringSessions + poolUsedBytes > 0) {
      this.#fail(
        `after a long silence: ${JSON.stringify({ openSessions, lingeringSessions, poolUsedBytes })}`,
      );
    }
    for (const { endpoint } of this.#clients) {
      const left = endpoint.stats();
      if (left.openSessions + left.lingeringSessions + left.poolUsedBytes > 0)
        this.#fail('a client does not end');
    }
    if (this.#time.pending() > 0) this.#fail('a timer is set although there is no session');
    if (this.#allowStock && !this.#letsSomeoneIn()) this.#fail('nobody is let in any more');
    this.features.add('fell silent');
  }

  /** Whether the places of closed sessions came back. Not every opening is a good one, and the acceptor has its moods. */
  #letsSomeoneIn(): boolean {
    const { openedSessions } = this.#endpoint.stats();
    for (let attempt = 0; attempt < 30; attempt++) {
      this.#put(pickOf(this.#random, this.#strangers), this.#attacker.opening(6000 + attempt));
      this.#deliverToServer();
      this.#advance(1_000, 1_000);
      if (this.#endpoint.stats().openedSessions > openedSessions) return true;
    }
    return false;
  }

  async #drain(): Promise<void> {
    const drained = this.#endpoint.drain(3_000);
    for (let waited = 0; waited < 8; waited++) {
      this.#put(pickOf(this.#random, this.#strangers), this.#attacker.opening(5000 + waited));
      this.#deliverToServer();
      this.#advance(500, 10);
      this.#check();
    }
    const cutOff = await drained;
    this.features.add(cutOff === 0 ? 'drained' : 'drain timed out');
    if (cutOff !== this.#endpoint.stats().openSessions) this.#fail('the drain counted wrongly');
  }

  async #close(): Promise<void> {
    this.#closing = true;
    await this.#endpoint.close();
    for (const { endpoint } of this.#clients) await endpoint.close();
    const { openSessions, lingeringSessions } = this.#endpoint.stats();
    if (openSessions + lingeringSessions > 0) this.#fail('sessions are left after the close');
    if (this.#pool.usedSlots > 0)
      this.#fail(`${String(this.#pool.usedSlots)} slots are used after the close`);
    if (this.#time.pending() > 0)
      this.#fail(`${String(this.#time.pending())} timers are left after the close`);
    if (this.#upstream.stats().activeSessions > 0) this.#fail('the upstream still has sessions');
    const told = this.#sinks.filter(({ closes }) => closes !== 1).length;
    if (told > 0) this.#fail(`${String(told)} sinks were not told of their close exactly once`);
    const sent = this.#carrier.stats().sentDatagrams;
    for (const stranger of this.#strangers) this.#put(stranger, this.#attacker.opening(1));
    this.#deliverToServer();
    for (const application of this.#lucky) application.act();
    this.#time.advance(60_000);
    if (this.#carrier.stats().sentDatagrams !== sent) this.#fail('something was sent after the close');
    if (this.#pool.usedSlots > 0) this.#fail('memory is used after the close');
  }

  // ---- checks ----

  #check(): void {
    const stats = this.#endpoint.stats();
    const { maxSessions, maxSessionsPerSource, newSessionsPerSecond } = this.#limits;
    if (stats.carrier.batchErrors > 0) this.#fail('a batch was aborted');
    if (stats.sinkFailures > 0) this.#fail('a session threw');
    if (stats.openSessions > maxSessions) this.#fail(`${String(stats.openSessions)} open sessions`);
    if (stats.lingeringSessions > maxSessions)
      this.#fail(`${String(stats.lingeringSessions)} lingering sessions`);
    const perSource = new Map<string, number>();
    for (const { remoteAddress } of this.#endpoint.sessions()) {
      const source = remoteAddress?.address ?? '';
      const count = (perSource.get(source) ?? 0) + 1;
      perSource.set(source, count);
      if (count > maxSessionsPerSource) this.#fail(`${String(count)} sessions of one source`);
    }
    const seconds = (this.#time.now() - this.#startedAt) / 1000;
    if (stats.openedSessions > newSessionsPerSecond * (1 + seconds) + 1)
      this.#fail('sessions opened too fast');
    if (stats.openedSessions !== this.#admitted.size) this.#checkReopened(stats.openedSessions);
    if (stats.poolUsedBytes > this.#pool.maxSlots * SLOT_BYTES) this.#fail('the pool is beyond its limit');
    const most = stats.openSessions * this.#slotsPerSession();
    if (this.#pool.usedSlots > most) {
      this.#fail(`${String(this.#pool.usedSlots)} slots for ${String(stats.openSessions)} sessions`);
    }
    if (sum(stats.drops) > stats.carrier.receivedDatagrams) this.#fail('more drops than datagrams');
    for (const { endpoint } of this.#clients) {
      const client = endpoint.stats();
      if (client.carrier.batchErrors + client.sinkFailures > 0) this.#fail('a client threw');
    }
    if ((this.#exact?.wrongBytes ?? 0) > 0) this.#fail('the first client got wrong bytes');
    const closed = this.#exact?.closeCode;
    if (closed !== undefined && closed !== CloseCode.normal && !this.#isStarved(closed)) {
      this.#fail(`the first client was closed: ${String(closed)}`);
    }
    for (const [reason, count] of Object.entries(stats.drops))
      if (count > 0) this.features.add(`drop ${reason}`);
    for (const name of Object.keys(stats.closedSessions)) this.features.add(`close ${name}`);
  }

  /** Where strangers can hold all of the memory, the first client may wait for some of it until its time is over. */
  #isStarved(closeCode: number | undefined): boolean {
    const isScarce = this.#pool.maxSlots < this.#limits.maxSessions * this.#slotsPerSession();
    const isStarved = isScarce && (closeCode === CloseCode.idleTimeout || closeCode === CloseCode.deadLink);
    if (isStarved) this.features.add('the first client starved');
    return isStarved;
  }

  /** A conversation may be opened again once it is forgotten, so there can be more openings than names; never fewer. */
  #checkReopened(opened: number): void {
    if (opened < this.#admitted.size) this.#fail('fewer sessions were opened than let in');
  }

  /** The windows both ways, the queue, and one message that may be queued beyond it. */
  #slotsPerSession(): number {
    const { receiveWindow, sendWindow, maxQueueBytes, mtu } = this.#kcp;
    return receiveWindow + Math.max(sendWindow, Math.ceil(maxQueueBytes / (mtu - 24))) + 255;
  }

  #fail(text: string): never {
    throw new BrokenPromise(text);
  }

  // ---- the network ----

  /** Lets time pass in hops; after each, what was sent travels on. */
  #advance(ms: number, hopMs: number): void {
    for (let left = ms; left > 0; left -= hopMs) {
      this.#flushes = 0;
      this.#time.advance(Math.min(hopMs, left));
      this.#pump();
    }
  }

  #pump(): void {
    this.#collectAnswers();
    for (const client of this.#clients) client.hub.deliver();
    const now = this.#time.now();
    const due = this.#travelling.filter(({ at }) => at <= now);
    if (due.length === 0) return;
    this.#travelling = this.#travelling.filter(({ at }) => at > now);
    for (const { client: index, up, bytes } of due) {
      const client = this.#clients[index]!;
      if (up) this.#put(client.outside, bytes);
      else {
        put(client.way, bytes, 0);
        client.hub.deliver();
      }
    }
    this.#deliverToServer();
  }

  #deliverToServer(): void {
    this.#flushes = 0;
    while (this.#carrier.deliver() > 0);
    this.#collectAnswers();
  }

  /** What the server sent reaches whoever stands at its address. */
  #collectAnswers(): void {
    this.#answers.clear();
    for (const member of this.#hub.members) if (member !== this.#carrier) member.deliver();
  }

  /** Sends a datagram to the endpoint from a member of its network. */
  #put(from: MemoryCarrier, datagram: Uint8Array): void {
    this.datagrams++;
    put(from, datagram, 0);
  }

  /** A real datagram on its way: lost, late, repeated or damaged, unless it is the first client's; that is never damaged. */
  #travel(client: number, up: boolean, bytes: Uint8Array): void {
    if (this.#isOver) return;
    const random = this.#random;
    this.#attacker.see(bytes);
    const mayHarm = client !== EXACT;
    if (mayHarm ? this.#blackHole || chance(random, 0.1) : !this.#isCalm && chance(random, 0.05)) return;
    const copies = chance(random, 0.05) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const at = this.#time.now() + 1 + random.nextInt(mayHarm ? 100 : 30);
      const harmed = mayHarm && chance(random, 0.15) ? this.#attacker.damaged(bytes) : bytes;
      this.#travelling.push({ at, client, up, bytes: harmed });
    }
  }

  /** An address on the server's network; what arrives there is checked and handed to `onDatagram`. */
  #member(onDatagram?: (bytes: Uint8Array) => void): MemoryCarrier {
    const member = this.#hub.join({ arenaBytes: 4096 });
    member.start((batch) => {
      for (let i = 0; i < batch.count; i++) {
        const at = batch.meta[i * META_STRIDE + META_OFFSET]!;
        const bytes = batch.bytes.slice(at, at + batch.meta[i * META_STRIDE + META_LENGTH]!);
        const key = keyOf(member, bytes);
        this.#answers.set(key, (this.#answers.get(key) ?? 0) + bytes.length);
        const fault = dissectDatagram(bytes, this.#kcp.mtu);
        if (fault !== '')
          throw this.#remember(`the endpoint sent what is not right: ${fault}; ${hex(bytes)}`);
        onDatagram?.(bytes);
      }
    });
    return member;
  }

  // ---- who takes part ----

  #makeClient(index: number): Client {
    const hub = new MemoryHub({ inboxBytes: 256 * 1024, arenaBytes: 64 * 1024 });
    const carrier = hub.join();
    this.#guard(carrier);
    const way = hub.join();
    way.start((batch) => {
      for (let i = 0; i < batch.count; i++) {
        const at = batch.meta[i * META_STRIDE + META_OFFSET]!;
        this.#travel(index, true, batch.bytes.slice(at, at + batch.meta[i * META_STRIDE + META_LENGTH]!));
      }
    });
    const outside = this.#member((bytes) => {
      this.#travel(index, false, bytes);
    });
    const endpoint = endpointOn(
      carrier,
      { clock: this.#time, logger: this.#logger('a client') },
      {
        kcp: resolveKcpConfig({ conv: 0 }),
        pool: new SegmentPool({ slotBytes: SLOT_BYTES }),
        allowStock: false,
        session: { idleTimeoutMs: 60_000, keepAliveMs: 2_000, closeTimeoutMs: 2_000, lingerMs: 250 },
        admission: {
          maxSessions: 8,
          maxSessionsPerSource: 8,
          newSessionsPerSecond: 8,
          newSessionsPerSourcePerSecond: 8,
        },
      },
    );
    endpoint.start();
    return { hub, endpoint, way, outside, conversations: [] };
  }

  #connectExact(): ExactApplication {
    let made: ExactApplication | undefined;
    this.#connectAs(
      EXACT,
      'kcpgate',
      { stream: true, deadLink: 1000 },
      (port) => (made = new ExactApplication(port, EXACT_BYTES)),
    );
    return made!;
  }

  /** One more session of a client, with an application that does as it likes. */
  #connect(index: number): void {
    if (this.#clients[index]!.endpoint.stats().openSessions >= 4) return;
    const random = this.#random;
    const peer: PeerKind = chance(random, 0.6) ? 'kcpgate' : 'stock';
    const options = { stream: chance(random, 0.5), announce: peer === 'kcpgate' };
    this.#connectAs(index, peer, options, (port) => {
      const application = new LuckyApplication(random, port);
      this.#lucky.push(application);
      return application;
    });
  }

  #connectAs(
    index: number,
    peer: PeerKind,
    options: Partial<Omit<KcpConfig, 'conv'>>,
    bind: (
      port: Parameters<typeof watch>[0],
    ) => ReturnType<typeof watch> | LuckyApplication | ExactApplication,
  ): void {
    const client = this.#clients[index]!;
    const conv = EXACT_CONV * (index + 1) + client.conversations.length;
    client.conversations.push(conv);
    const kcp = resolveKcpConfig({
      conv,
      preset: 'fast3',
      mtu: 1400,
      sendWindow: 64,
      receiveWindow: 64,
      announce: peer === 'kcpgate',
      ...options,
    });
    client.endpoint.connect(client.way.localAddress, kcp, peer, (session) => this.#watched(session, bind));
  }

  #acceptor(): SessionAcceptor {
    const random = this.#random;
    return {
      accept: ({ conv, remoteAddress }) => {
        const isExact =
          remoteAddress.address === this.#clients[EXACT]!.outside.localAddress.address && conv === EXACT_CONV;
        if (!isExact && chance(random, 0.05)) return pick(random, [CloseCode.blocked, CloseCode.overload]);
        this.#admitted.add(`${remoteAddress.address} ${String(conv)}`);
        if (isExact || chance(random, 0.4)) {
          return {
            stream: false,
            bind: (port) => this.#watched(port, (heard) => this.#upstream.open(heard)),
          };
        }
        return {
          stream: chance(random, 0.5),
          bind: (port) =>
            this.#watched(port, (heard) => {
              const application = new LuckyApplication(random, heard);
              this.#lucky.push(application);
              if (chance(random, 0.05)) application.act();
              return application;
            }),
        };
      },
    };
  }

  #watched(port: Parameters<typeof watch>[0], bind: Parameters<typeof watch>[1]): WatchedSink {
    const sink = watch(port, bind, (text) => {
      throw this.#remember(`a sink was ${text}`);
    });
    this.#sinks.push(sink);
    return sink;
  }

  /** What is thrown inside of the endpoint is caught there; it comes out through the logger. */
  #remember(text: string): BrokenPromise {
    this.#firstFault ??= new BrokenPromise(text);
    return this.#firstFault;
  }

  /** Any error a program logs is a broken promise, with the cause. */
  #logger(who: string): Logger {
    const quiet = (): void => undefined;
    const logger: Logger = {
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (message, fields) => {
        const cause = fields?.err ?? fields?.error;
        const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
        this.#remember(`${who} logged "${message}": ${text}`);
      },
      child: () => logger,
    };
    return logger;
  }

  /** Stops an endpoint that sends without end within one step. */
  #guard(carrier: MemoryCarrier): void {
    const flush = carrier.flush.bind(carrier);
    carrier.flush = () => {
      if (++this.#flushes > MAX_FLUSHES_PER_STEP && !this.#closing) throw this.#remember('it spins');
      flush();
    };
  }

  /** The first fault that was noticed where it could not be thrown through. */
  get fault(): BrokenPromise | undefined {
    return this.#firstFault;
  }
}

function put(from: MemoryCarrier, datagram: Uint8Array, target: number): void {
  from.arena.target = target;
  const at = from.arena.reserve(datagram.length);
  if (at < 0) throw new Error('the arena of a member is too small');
  from.arena.bytes.set(datagram, at);
  from.arena.commit(datagram.length);
  from.flush();
}

/** Address and conversation, by which an endpoint tells sessions apart. */
function keyOf({ localAddress }: MemoryCarrier, datagram: Uint8Array): string {
  if (datagram.length < 24) return 'none';
  const conv = new DataView(datagram.buffer, datagram.byteOffset).getUint32(0, true);
  return `${localAddress.address} ${String(conv)}`;
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((a, b) => a + b, 0);

function pickOf<Item>(random: SeededRandom, items: readonly Item[]): Item {
  return items[random.nextInt(items.length)]!;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 120)).toString('hex');
