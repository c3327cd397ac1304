import { formatSocketAddress, sourceKey, type SocketAddress } from '../../src/base/address.ts';
import { CloseCode } from '../../src/base/close-code.ts';
import type { HandshakeCrypto } from '../../src/base/handshake-crypto.ts';
import type { LogFields, Logger } from '../../src/base/logger.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { createHandshakeCrypto } from '../../src/crypto/handshake-keys.ts';
import { NodePacketCipher } from '../../src/crypto/node-packet-cipher.ts';
import { createResetTokens } from '../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../src/crypto/ticket-keyring.ts';
import { Endpoint, type SessionAcceptor, type SessionSummary } from '../../src/endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../../src/kcp/index.ts';
import type { SessionCredentials } from '../../src/session/index.ts';
import { EchoUpstream } from '../../src/upstream/index.ts';
import { SecretSearch } from '../support/secret-search.ts';
import { chance, pick } from './endpoint-attacker.ts';
import { LuckyApplication, watch, type WatchedSink } from './endpoint-applications.ts';
import { BrokenPromise, type Timeline } from './endpoint-world.ts';
import { CheckedSink } from './login-endpoint-applications.ts';
import { claimedAddress, LoginAttacker, pickOf } from './login-endpoint-attacker.ts';
import { StrictCarrier } from '../support/strict-carrier.ts';
import { CountedCipher } from '../support/counted-cipher.ts';
import { FuzzClient, type ClientLine } from './login-endpoint-client.ts';
import type { ForgedLogin, Forger } from '../support/forger.ts';
import { HostilePeer, type HostileDatagram } from './login-endpoint-hostile.ts';
import { LoginOracle } from './login-endpoint-oracle.ts';

const address = (text: string, port: number): SocketAddress => ({ address: text, family: 4, port });

const GATEWAY_UDP = address('192.0.2.1', 4000);
const GATEWAY_TCP = address('192.0.2.1', 4001);
/** Whose address blocks are believed. */
const PROXY = address('198.51.100.1', 9000);
/** Addresses the attacker can only pretend to have: nobody there answers. */
const VICTIMS = Array.from({ length: 30 }, (_, index) => address(`203.0.113.${String(index + 1)}`, 7000));
const UDP = 0;
const TCP = 1;
const GATEWAY_ID = 7;
const EXACT_CLIENTS = 3;
const HOSTILES = 2;
const EXACT_BYTES = 20_000;
const MTU = 1372;
const SLOT_BYTES = 1536;
const IDLE_TIMEOUT_MS = 20_000;
/** Longer than every timeout of a session, one after the other. */
const QUIET_MS = 400_000;
/** The path in use, and those beside it. */
const MAX_PATHS = 4;
/** Addresses one half-open handshake may have been begun from. */
const MAX_ORIGINS = 32;

interface Travelling {
  readonly at: number;
  readonly arrive: () => void;
}

/** What went to and came from an address that never proved itself. */
interface Traffic {
  in: number;
  out: number;
  /** An authentic datagram of a live session came from there. */
  isOfSession: boolean;
}

/**
 * A gateway's endpoint with logins on strict carriers, clients of ours whose streams are checked byte by byte, peers with logins
 * of their own that hold to no rule, and an attacker who sees all traffic and may send anything from any address. After every
 * step the endpoint's promises are checked; a broken one is thrown as {@link BrokenPromise}.
 */
export class LoginWorld {
  /** What the endpoint was seen doing. */
  readonly features = new Set<string>();
  datagrams = 0;
  readonly #random: SeededRandom;
  readonly #time: Timeline;
  readonly #attacker: LoginAttacker;
  readonly #oracle = new LoginOracle();
  readonly #udp: StrictCarrier;
  readonly #tcp: StrictCarrier;
  readonly #cipher = new CountedCipher(new NodePacketCipher());
  readonly #pool: SegmentPool;
  readonly #endpoint: Endpoint;
  readonly #crypto: HandshakeCrypto;
  readonly #keyring: TicketKeyring;
  /** Keys that the gateway does not have, under an id it knows and under one it does not. */
  readonly #foreign: readonly TicketKeyring[];
  readonly #resetTokens;
  readonly #limits;
  readonly #maxHalfOpen: number;
  readonly #allowStock: boolean;
  readonly #earlyData: boolean;
  readonly #upstream = new EchoUpstream({ name: 'echo', maxMessageBytes: 50_000 });
  readonly #credentials: SessionCredentials[] = [];
  #clients: FuzzClient[] = [];
  readonly #deadClients: FuzzClient[] = [];
  readonly #hostiles: HostilePeer[] = [];
  readonly #sinks: WatchedSink[] = [];
  readonly #lucky: LuckyApplication[] = [];
  readonly #secrets = new SecretSearch();
  readonly #logs: string[] = [];
  readonly #traffic = new Map<string, Traffic>();
  /** By the id of a session: the network it was opened from. */
  readonly #sources = new Map<number, string>();
  /** Conversations whose reset token went over the wire: whoever saw it can end their sessions from then on. */
  readonly #exposed = new Set<number>();
  /** The address in whose name a hostile session mostly speaks. */
  readonly #aliases = new Map<Forger, SocketAddress>();
  /** Conversations of sealed sessions that were open before the batch that is being delivered. */
  #open = new Set<number>();
  /** Addresses that opened a session without login: those have rules of their own. */
  readonly #stockSources = new Set<string>();
  #travelling: Travelling[] = [];
  #nextConv = 1;
  #nextEpoch = 1;
  #nextPort = 20_000;
  #flushes = 0;
  #isCalm = false;
  #isOver = false;
  #isClosing = false;
  #firstFault: BrokenPromise | undefined;

  constructor(random: SeededRandom, time: Timeline) {
    this.#random = random;
    this.#time = time;
    this.#attacker = new LoginAttacker(random);
    this.#crypto = { ...createHandshakeCrypto(), randomBytes: (length) => this.#randomBytes(length) };
    const keys = [1, 2, 1, 9].map((id) => ({ id, key: this.#secret(`ticket key ${String(id)}`, 32) }));
    this.#keyring = new TicketKeyring(keys.slice(0, 2));
    this.#foreign = keys.slice(2).map((key) => new TicketKeyring([key]));
    this.#resetTokens = createResetTokens(this.#secret('reset key', 32));
    this.#udp = this.#carrier(GATEWAY_UDP, false);
    this.#tcp = this.#carrier(GATEWAY_TCP, true);
    this.#pool = new SegmentPool({ slotBytes: SLOT_BYTES, maxBytes: SLOT_BYTES * 20_000 });
    this.#limits = {
      maxSessions: pick(random, [6, 10, 40]),
      maxSessionsPerSource: pick(random, [2, 5, 40]),
      newSessionsPerSecond: pick(random, [10, 100, 1000]),
      newSessionsPerSourcePerSecond: pick(random, [3, 100]),
    };
    this.#maxHalfOpen = pick(random, [4, 16, 64]);
    this.#allowStock = chance(random, 0.3);
    this.#earlyData = chance(random, 0.5);
    if (this.#allowStock) this.#stockSources.add(formatSocketAddress(PROXY));
    this.#endpoint = this.#makeEndpoint();
    for (let index = 0; index < EXACT_CLIENTS; index++) {
      this.#credentials.push(this.#credentialsOf('aead', `client ${String(index)}`));
      this.#dial(index);
    }
    // A line that is confidential: the attacker sees nothing of it.
    this.#credentials.push(this.#credentialsOf('clear', 'a clear client'));
    this.#dial(EXACT_CLIENTS);
    for (let index = 0; index < HOSTILES; index++) this.#hostiles.push(this.#makeHostile(index));
  }

  /** Attacks for so many steps, then ends in one of several ways and looks for what is left. */
  async run(steps: number): Promise<void> {
    for (let waited = 0; !this.#isAllOpen() && waited < 400; waited++) {
      this.#advance(50, 5);
      this.#dialRefused();
    }
    if (!this.#isAllOpen()) this.#fail('a client was not let in');
    for (let step = 0; step < steps; step++) {
      await this.#step();
      this.#check();
    }
    const roll = this.#random.nextFloat();
    if (roll < 0.7) this.#finishClients();
    if (roll < 0.5) this.#fallSilent();
    else if (roll < 0.75) await this.#drain();
    await this.#close();
  }

  /** The first fault that was noticed where it could not be thrown through. */
  get fault(): BrokenPromise | undefined {
    return this.#firstFault;
  }

  // ---- steps ----

  async #step(): Promise<void> {
    const random = this.#random;
    const roll = random.nextFloat();
    if (roll < 0.3) this.#throwOne();
    else if (roll < 0.34) this.#burst();
    else if (roll < 0.44) this.#attackClient();
    else if (roll < 0.6) this.#actHostile();
    else if (roll < 0.64) for (const application of this.#lucky) if (chance(random, 0.3)) application.act();
    if (roll >= 0.64 && roll < 0.66) this.#rebind();
    else if (roll >= 0.66 && roll < 0.69) this.#tryLine();
    else if (roll >= 0.69 && roll < 0.71) pickOf(random, this.#clients).goOn();
    else if (roll >= 0.71 && roll < 0.72) this.#copy();
    else if (roll >= 0.72 && roll < 0.73) await this.#restart();
    else if (roll >= 0.73 && roll < 0.75) this.#disturbConnections();
    else if (roll >= 0.75 && roll < 0.76) this.#kickHostile();
    else if (roll >= 0.76 && roll < 0.765) this.#flood();
    else if (roll >= 0.765) {
      for (const client of this.#clients) {
        client.application.send(random.nextInt(600));
        if (chance(random, 0.3)) client.sendMessage();
      }
      if (roll < 0.995) this.#advance(pick(random, [1, 10, 50, 200]), 5);
      else this.#advance(pick(random, [2_000, 6_000, 15_000]), 50);
    }
    this.#dialRefused();
  }

  /** One hostile datagram, alone, so that what becomes of it can be accounted for. */
  #throwOne(): void {
    const random = this.#random;
    const isTcp = chance(random, 0.15);
    const from = isTcp ? this.#strangersConnection() : this.#anyAddress();
    this.#account(isTcp, from, this.#hostile());
  }

  #hostile(): Uint8Array {
    const conversations = [
      ...this.#clients.map(({ conv }) => conv),
      ...this.#hostiles.flatMap((hostile) => hostile.conversations),
      // One that nobody has.
      GATEWAY_ID * 2 ** 24 + 0xffff00,
      this.#random.nextUint32(),
    ];
    return this.#attacker.hostile(conversations, true);
  }

  /** Many at once, in batches; only the sums can be accounted for. */
  #burst(): void {
    const random = this.#random;
    const count = 20 + random.nextInt(150);
    const from = this.#anyAddress();
    const arrivals = Array.from({ length: count }, () => ({
      from: chance(random, 0.7) ? from : this.#anyAddress(),
      bytes: chance(random, 0.3) ? (this.#attacker.replayed() ?? this.#hostile()) : this.#hostile(),
    }));
    const before = this.#counts();
    for (const { from: sender, bytes } of arrivals) {
      this.#noteIn(sender, bytes);
      if (this.#oracle.find(bytes) !== undefined && bytes[4]! < 0xb0) this.#noteOfSession(sender);
    }
    this.#deliver(UDP, arrivals);
    const after = this.#counts();
    if (after.drops - before.drops > count) this.#fail('more drops than datagrams');
  }

  /** Delivers one datagram to the gateway, and looks what became of it. */
  #account(isTcp: boolean, from: SocketAddress, bytes: Uint8Array): void {
    // What is due is done first: then nothing but the datagram can change anything.
    for (let turn = 0; turn < 3; turn++) this.#time.advance(1);
    if (isTcp && !this.#tcp.isConnected(from)) return;
    const known = this.#oracle.find(bytes);
    const wasAccepted = known?.accepted === true;
    const before = this.#counts();
    const places = this.#places();
    this.#noteIn(from, bytes);
    if (known !== undefined && bytes[4]! < 0xb0) this.#noteOfSession(from);
    const { out = 0, isOfSession = true } = this.#trafficOf(from) ?? {};
    this.#deliver(isTcp ? TCP : UDP, [{ from, bytes }]);
    const answered = (this.#trafficOf(from)?.out ?? 0) - out;
    if (!isOfSession && !this.#stockSources.has(formatSocketAddress(from)) && answered > bytes.length)
      this.#fail(`${String(bytes.length)} bytes were answered by ${String(answered)}: ${hex(bytes)}`);
    const after = this.#counts();
    const dropped = after.drops - before.drops;
    // What came with a HELLO is looked into when the datagram came that opens the session.
    if (dropped < 0 || dropped > (this.#earlyData ? 2 : 1))
      this.#fail(`one datagram was counted as ${String(dropped)} drops`);
    const kind = bytes[4] ?? 0;
    const hellos = after.hellos - before.hellos;
    if (hellos > 0 && known === undefined && kind !== 0xb2 && kind !== 0xb6)
      this.#fail(`a HELLO that nobody made was believed: ${hex(bytes)}`);
    let isNewest = false;
    if (dropped + hellos + after.probes - before.probes === 0) {
      if ((kind & ~0x0c) === 0xa0) {
        if (known === undefined) this.#fail(`a sealed datagram that nobody made was taken: ${hex(bytes)}`);
        if (wasAccepted) this.#fail(`a sealed datagram was taken twice: ${hex(bytes)}`);
        isNewest = this.#oracle.accept(known);
      } else if (kind < 80 || kind > 95) this.#fail(`neither dropped nor answered: ${hex(bytes)}`);
      else if (!this.#isClearSession(bytes, from)) this.#fail(`not dropped and of no session: ${hex(bytes)}`);
    }
    if (!isNewest) this.#checkPlaces(places, bytes);
  }

  /** Whether a clear datagram may be of a session: one without login, or a clear one, from where that is. */
  #isClearSession(bytes: Uint8Array, from: SocketAddress): boolean {
    const conv = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (this.#stockSources.has(formatSocketAddress(from))) return true;
    const clear = this.#clients[EXACT_CLIENTS]!;
    if (clear.conv === conv && clear.lines.some(({ outside }) => isSame(outside, from))) return true;
    return this.#hostiles.some((hostile) => hostile.conversations.includes(conv));
  }

  #attackClient(): void {
    const random = this.#random;
    const client = this.#clients[random.nextInt(EXACT_CLIENTS)]!;
    const line = pickOf(random, client.lines);
    const bytes = this.#attacker.hostile([client.conv], chance(random, 0.1));
    const from = line.isConnected || chance(random, 0.7) ? line.gateway : pickOf(random, VICTIMS);
    this.datagrams++;
    if (!line.isCut) line.carrier.deliver([{ from, bytes }]);
  }

  #actHostile(): void {
    const hostile = pickOf(this.#random, this.#hostiles);
    for (const made of hostile.act()) this.#sendHostile(hostile, made);
  }

  #sendHostile(hostile: HostilePeer, { bytes, isSpoofed, forger }: HostileDatagram): void {
    const random = this.#random;
    if (forger !== undefined) this.#oracle.note(bytes, -1 - forger.login.conv * 64 - forger.clientRandom[0]!);
    this.#attacker.see(bytes, true);
    if (!isSpoofed && chance(random, 0.1)) {
      if (!this.#tcp.isConnected(hostile.address)) this.#tcp.connect(hostile.address);
      this.#account(true, hostile.address, bytes);
      return;
    }
    this.#account(false, isSpoofed ? this.#aliasOf(forger) : hostile.address, bytes);
  }

  #aliasOf(forger: Forger | undefined): SocketAddress {
    const random = this.#random;
    if (forger === undefined || chance(random, 0.3)) return this.#anyAddress();
    let alias = this.#aliases.get(forger);
    if (alias === undefined) this.#aliases.set(forger, (alias = pickOf(random, VICTIMS)));
    return alias;
  }

  /** A flood of HELLOs, each of which could open a session. */
  #flood(): void {
    const hostile = pickOf(this.#random, this.#hostiles);
    for (const made of hostile.flood(20 + this.#random.nextInt(100))) this.#sendHostile(hostile, made);
  }

  /** The NAT in front of a client gives it another port, or another address. */
  #rebind(): void {
    const random = this.#random;
    const client = this.#clients[random.nextInt(EXACT_CLIENTS)]!;
    for (const line of client.lines) {
      if (line.isConnected || line.isCut) continue;
      const { address: host } = line.outside;
      line.outside = chance(random, 0.7) ? address(host, this.#nextPort++) : this.#newAddress();
    }
    this.features.add('a client was rebound');
  }

  #tryLine(): void {
    const random = this.#random;
    const client = this.#clients[random.nextInt(EXACT_CLIENTS)]!;
    if (!client.application.isOpen) return;
    const isConnected = chance(random, 0.4);
    client.tryLine(isConnected ? GATEWAY_TCP : GATEWAY_UDP, isConnected);
  }

  #copy(): void {
    const random = this.#random;
    const client = this.#clients[random.nextInt(EXACT_CLIENTS)]!;
    const isCopying = client.copy((paths) =>
      paths.length === 0 || chance(random, 0.2) ? undefined : pickOf(random, paths),
    );
    if (isCopying) this.features.add('a client sent copies');
  }

  /** A client's process dies and begins anew with the same login. */
  async #restart(): Promise<void> {
    const index = this.#random.nextInt(this.#clients.length);
    await this.#bury(index);
    this.#dial(index);
    this.features.add('a client was restarted');
  }

  async #bury(index: number): Promise<void> {
    const client = this.#clients[index]!;
    await client.die();
    this.#deadClients.push(client);
  }

  /** Connections break, fill up and have room again; those of strangers end when nobody confirmed them. */
  #disturbConnections(): void {
    const random = this.#random;
    for (const client of this.#clients.slice(0, EXACT_CLIENTS)) {
      for (const { isConnected, isCut, outside } of client.lines) {
        if (!isConnected || isCut) continue;
        if (chance(random, 0.3)) this.#tcp.breakOff(outside);
        else this.#tcp.clog(outside, chance(random, 0.3));
      }
    }
    for (const stranger of this.#tcp.unconfirmed) if (chance(random, 0.5)) this.#tcp.breakOff(stranger);
  }

  #kickHostile(): void {
    const open = [...this.#endpoint.sessions()].filter(({ conv }) => !this.#isOurs(conv));
    if (open.length > 0)
      this.#endpoint.kick({ id: pickOf(this.#random, open).id }, CloseCode.kicked, 'out with you');
  }

  // ---- endings ----

  /** The attack is over: every client's stream has to come to its end. */
  #finishClients(): void {
    this.#isCalm = true;
    const isDone = ({ application }: FuzzClient): boolean => application.closeCode === CloseCode.normal;
    for (const { isConnected, outside } of this.#clients.flatMap(({ lines }) => lines))
      if (isConnected) this.#tcp.clog(outside, false);
    for (let waited = 0; !this.#clients.every(isDone) && waited < 4000; waited++) {
      for (const client of this.#clients) client.application.finish();
      this.#dialRefused();
      this.#advance(50, 5);
      this.#check();
    }
    for (const { application, conv } of this.#clients) {
      const { receivedBytes, closeCode, isOpen } = application;
      if (receivedBytes !== EXACT_BYTES || closeCode !== CloseCode.normal)
        this.#fail(`client ${String(conv)}: ${JSON.stringify({ receivedBytes, closeCode, isOpen })}`);
    }
    this.features.add('all clients finished');
  }

  /** Nobody says anything any more: every session ends by itself, and nothing stays behind. */
  #fallSilent(): void {
    this.#isOver = true;
    this.#travelling = [];
    for (const { isConnected, outside } of this.#clients.flatMap(({ lines }) => lines))
      if (isConnected) this.#tcp.breakOff(outside);
    for (const stranger of this.#tcp.unconfirmed) this.#tcp.breakOff(stranger);
    this.#advance(QUIET_MS, 5_000);
    const { openSessions, lingeringSessions, halfOpen, poolUsedBytes } = this.#endpoint.loginStats()!;
    const left = {
      ...{ openSessions, lingeringSessions, halfOpen, poolUsedBytes },
      udp: this.#udp.retained,
      keys: this.#cipher.keys,
      timers: this.#time.pending(),
    };
    if (Object.values(left).some((count) => count > 0))
      this.#fail(`after a silence: ${JSON.stringify(left)}`);
    this.features.add('fell silent');
  }

  async #drain(): Promise<void> {
    const drained = this.#endpoint.drain(3_000);
    for (let waited = 0; waited < 8; waited++) {
      this.#throwOne();
      this.#actHostile();
      this.#advance(500, 10);
    }
    const cutOff = await drained;
    this.features.add(cutOff === 0 ? 'drained' : 'drain timed out');
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    await this.#endpoint.close();
    for (const { endpoint } of this.#clients) await endpoint.close();
    const sent = this.#udp.sentDatagrams + this.#tcp.sentDatagrams;
    for (let again = 0; again < 20; again++) {
      this.#udp.deliver([{ from: this.#anyAddress(), bytes: this.#hostile() }]);
      this.#tcp.deliver([{ from: this.#anyAddress(), bytes: this.#hostile() }]);
    }
    for (const application of this.#lucky) application.act();
    this.#time.advance(60_000);
    if (this.#udp.sentDatagrams + this.#tcp.sentDatagrams !== sent)
      this.#fail('something was sent after the close');
    const { openSessions, lingeringSessions, halfOpen } = this.#endpoint.loginStats()!;
    const left = {
      ...{ openSessions, lingeringSessions, halfOpen },
      udp: this.#udp.retained,
      tcp: this.#tcp.retained,
      keys: this.#cipher.keys,
      slots: this.#pool.usedSlots,
      timers: this.#time.pending(),
      upstream: this.#upstream.stats().activeSessions,
      untold: this.#sinks.filter(({ closes }) => closes !== 1).length,
    };
    if (Object.values(left).some((count) => count > 0))
      this.#fail(`after the close: ${JSON.stringify(left)}`);
    for (const client of [...this.#clients, ...this.#deadClients]) {
      const leftovers = client.leftovers();
      if (leftovers !== '') this.#fail(`of a client after its close: ${leftovers}`);
    }
    this.#checkLogs();
  }

  #checkLogs(): void {
    const ciphers = [this.#cipher, ...[...this.#clients, ...this.#deadClients].map(({ cipher }) => cipher)];
    for (const { known } of ciphers)
      for (const key of known.slice(0, 8)) this.#secrets.add('a session key', key);
    const found = this.#secrets.find(this.#logs.join('\n'));
    if (found.length > 0) this.#fail(`logged: ${found.join(', ')}`);
    if (this.#logs.length > 0) this.features.add('logged');
  }

  // ---- checks ----

  #check(): void {
    const logins = this.#endpoint.loginStats()!;
    const stock = this.#endpoint.stats(UDP);
    const { maxSessions, maxSessionsPerSource } = this.#limits;
    if (logins.sinkFailures + stock.sinkFailures > 0) this.#fail('a session threw');
    const open = [...this.#endpoint.sessions()].filter(
      ({ state, subject }) => state === 'open' && subject !== null,
    );
    if (open.length > maxSessions) this.#fail(`${String(open.length)} open sessions`);
    if (logins.openSessions > maxSessions + this.#maxHalfOpen)
      this.#fail('too many sessions that are turned away');
    if (logins.lingeringSessions > maxSessions) this.#fail('too many lingering sessions');
    if (logins.halfOpen > this.#maxHalfOpen) this.#fail(`${String(logins.halfOpen)} half-open handshakes`);
    const perSource = new Map<string, number>();
    for (const summary of this.#endpoint.sessions()) this.#checkSession(summary, perSource);
    for (const [source, count] of perSource)
      if (count > maxSessionsPerSource) this.#fail(`${String(count)} sessions of ${source}`);
    const all = logins.openSessions + logins.lingeringSessions;
    const slots =
      MAX_ORIGINS * logins.halfOpen + MAX_PATHS * all + stock.openSessions + stock.lingeringSessions;
    if (this.#udp.retained > slots) this.#fail(`${String(this.#udp.retained)} address slots are retained`);
    const keys = 2 * (logins.halfOpen + all);
    if (this.#cipher.keys > keys) this.#fail(`${String(this.#cipher.keys)} keys, at most ${String(keys)}`);
    this.#checkTraffic();
    this.#checkClients();
    for (const port of [UDP, TCP])
      for (const [reason, count] of Object.entries(this.#endpoint.stats(port).drops))
        if (count > 0) this.features.add(`drop ${reason}`);
    for (const name of Object.keys(logins.closedSessions)) this.features.add(`close ${name}`);
    for (const name of Object.keys(logins.refusals)) this.features.add(`refusal ${name}`);
    if (logins.moves > 0) this.features.add('moved');
    if (logins.clearSessions > 0) this.features.add('a clear session');
  }

  #checkSession({ id, paths, state }: SessionSummary, perSource: Map<string, number>): void {
    if (paths.length > MAX_PATHS) this.#fail(`${String(paths.length)} paths`);
    if (paths.some(({ validated }) => !validated)) this.features.add('a path that is not validated');
    const source = this.#sources.get(id);
    // One that is being closed is served no more.
    if (source === undefined || state !== 'open') return;
    perSource.set(source, (perSource.get(source) ?? 0) + 1);
  }

  /** Nobody is sent more than came from there before it proved itself; three times as much on the path of a session. */
  #checkTraffic(): void {
    for (const [text, { in: came, out, isOfSession }] of this.#traffic) {
      if (this.#stockSources.has(text)) continue;
      if (out > came * (isOfSession ? 3 : 1))
        this.#fail(
          `${text} sent ${String(came)} bytes and was sent ${String(out)}${isOfSession ? ', of a session' : ''}`,
        );
      if (isOfSession && out > came) this.features.add('more out than in to a path that is not validated');
    }
  }

  #checkClients(): void {
    for (const { application, conv } of this.#clients) {
      const { closeCode, isOpen } = application;
      if (closeCode === undefined || closeCode === CloseCode.normal) continue;
      // It comes again.
      if (this.#mayComeAgain(closeCode, isOpen, conv)) continue;
      this.#fail(`client ${String(conv)} was closed: ${String(closeCode)}`);
    }
  }

  /**
   * Where every session of our sealed clients is: a datagram that is not its newest must not change that. Those on a path that
   * is broken or not proved are left out: they go back by themselves.
   */
  #places(): Map<number, string> {
    const places = new Map<number, string>();
    for (const summary of this.#endpoint.sessions())
      if (summary.sealed && this.#isOurs(summary.conv) && isSettled(summary))
        places.set(summary.id, placeOf(summary));
    return places;
  }

  #checkPlaces(before: Map<number, string>, bytes: Uint8Array): void {
    for (const summary of this.#endpoint.sessions()) {
      const place = before.get(summary.id);
      if (place !== undefined && place !== placeOf(summary))
        this.#fail(`moved from ${place} to ${placeOf(summary)} by ${hex(bytes)}`);
    }
  }

  #counts(): { drops: number; probes: number; hellos: number } {
    let [drops, probes] = [0, 0];
    for (const port of [UDP, TCP]) {
      const stats = this.#endpoint.stats(port);
      for (const count of Object.values(stats.drops)) drops += count;
      probes += stats.probesAnswered;
    }
    return { drops, probes, hellos: this.#endpoint.loginStats()!.hellos };
  }

  #fail(text: string): never {
    throw this.#remember(text);
  }

  /** What is thrown inside of the endpoint is caught there; it comes out through here. */
  #remember(text: string): BrokenPromise {
    this.#firstFault ??= new BrokenPromise(text);
    return this.#firstFault;
  }

  // ---- the network ----

  #advance(ms: number, hopMs: number): void {
    for (let left = ms; left > 0; left -= hopMs) {
      this.#flushes = 0;
      this.#time.advance(Math.min(hopMs, left));
      this.#pump();
    }
  }

  #pump(): void {
    for (const client of this.#clients) client.recover();
    const now = this.#time.now();
    const due = this.#travelling.filter(({ at }) => at <= now);
    if (due.length > 0) this.#travelling = this.#travelling.filter(({ at }) => at > now);
    for (const { arrive } of due) arrive();
    this.#endConnections();
  }

  /** What one side ended, the other side sees. */
  #endConnections(): void {
    for (const { lines } of this.#clients) {
      for (const line of lines) {
        if (!line.isConnected || line.isCut) continue;
        const [here, there] = [line.carrier.isConnected(line.gateway), this.#tcp.isConnected(line.outside)];
        if (here && there) continue;
        line.isCut = true;
        line.carrier.breakOff(line.gateway);
        this.#tcp.breakOff(line.outside);
      }
    }
  }

  /** A real datagram on its way to the gateway. */
  #travelUp(client: FuzzClient, line: ClientLine, bytes: Uint8Array): void {
    if (this.#isOver || line.isCut) return;
    this.#oracle.note(bytes, client.epoch);
    if (this.#isSeen(client)) this.#attacker.see(bytes, true);
    const { outside } = line;
    this.#travel(line.isConnected, () => {
      if (line.isCut) return;
      this.#account(line.isConnected, outside, bytes);
      // A NAT keeps the old mapping open for nobody.
    });
  }

  /** A datagram of the gateway on its way to whoever has that address. */
  #depart(isTcp: boolean, to: SocketAddress, bytes: Uint8Array): void {
    if (++this.#flushes > MAX_DATAGRAMS_PER_STEP && !this.#isClosing) throw this.#remember('it spins');
    this.#checkDeparture(to, bytes);
    this.#noteOut(to, bytes);
    const hostile = this.#hostiles.find(({ address: own }) => own === to || isSame(own, to));
    if (hostile !== undefined) {
      this.#attacker.see(bytes, false);
      if (!this.#isOver) hostile.take(bytes);
      return;
    }
    const client = this.#clients.find((candidate) => candidate.lineAt(to) !== undefined);
    if (client === undefined || this.#isOver) return;
    if (this.#isSeen(client)) this.#attacker.see(bytes, false);
    this.#travel(isTcp, () => {
      const line = client.lineAt(to);
      line?.carrier.deliver([{ from: line.gateway, bytes }]);
    });
  }

  /** What the gateway may never say, whoever asks. */
  #checkDeparture(to: SocketAddress, bytes: Uint8Array): void {
    const conv = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const kind = bytes[4]!;
    if (kind === 89) {
      this.#exposed.add(conv);
      if (this.#open.has(conv) && this.#endpoint.findLogin(conv) !== undefined)
        this.#remember(`it gave away the reset token of a session that is open, ${String(conv)}`);
    }
    const isSealed = this.#clients.some((client, index) => index < EXACT_CLIENTS && client.conv === conv);
    // Somebody without login may have chosen the same number.
    if (this.#stockSources.has(formatSocketAddress(to))) return;
    if (isSealed && kind >= 80 && kind <= 95 && kind !== 85 && kind !== 88 && kind !== 89)
      this.#remember(`it spoke in clear of a sealed session: ${hex(bytes)}`);
    if (bytes.length > MTU + 48) this.#remember(`it sent ${String(bytes.length)} bytes`);
  }

  #travel(isReliable: boolean, arrive: () => void): void {
    const random = this.#random;
    if (isReliable) {
      this.#travelling.push({ at: this.#time.now() + 10, arrive });
      return;
    }
    if (!this.#isCalm && chance(random, 0.08)) return;
    const copies = chance(random, 0.05) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++)
      this.#travelling.push({ at: this.#time.now() + 1 + random.nextInt(40), arrive });
  }

  #deliver(port: number, arrivals: readonly { from: SocketAddress; bytes: Uint8Array }[]): void {
    this.datagrams += arrivals.length;
    this.#flushes = 0;
    this.#open = new Set(
      [...this.#endpoint.sessions()].flatMap(({ conv, sealed }) => (sealed ? [conv] : [])),
    );
    const carrier = port === TCP ? this.#tcp : this.#udp;
    // The endpoint opens in place.
    carrier.deliver(arrivals.map(({ from, bytes }) => ({ from, bytes: bytes.slice() })));
  }

  #noteIn(from: SocketAddress, bytes: Uint8Array): void {
    const traffic = this.#trafficOf(from);
    if (traffic !== undefined) traffic.in += bytes.length;
  }

  #noteOut(to: SocketAddress, bytes: Uint8Array): void {
    const traffic = this.#trafficOf(to);
    if (traffic !== undefined) traffic.out += bytes.length;
  }

  #noteOfSession(from: SocketAddress): void {
    const traffic = this.#trafficOf(from);
    if (traffic !== undefined) traffic.isOfSession = true;
  }

  /** The books on a victim's address; there are none on others. */
  #trafficOf(place: SocketAddress): Traffic | undefined {
    if (!place.address.startsWith('203.0.113.')) return undefined;
    const text = formatSocketAddress(place);
    let traffic = this.#traffic.get(text);
    if (traffic === undefined) this.#traffic.set(text, (traffic = { in: 0, out: 0, isOfSession: false }));
    return traffic;
  }

  // ---- who takes part ----

  #makeEndpoint(): Endpoint {
    const random = this.#random;
    const group = {
      kcp: resolveKcpConfig({
        conv: 0,
        preset: pick(random, ['default', 'fast3']),
        mtu: MTU,
        sendWindow: pick(random, [8, 64]),
        receiveWindow: 64,
        maxQueueBytes: 50_000,
      }),
      pool: this.#pool,
      session: {
        idleTimeoutMs: IDLE_TIMEOUT_MS,
        keepAliveMs: 0,
        closeTimeoutMs: 2_000,
        lingerMs: pick(random, [500, 5_000]),
        copyBytesPerSecond: pick(random, [0, 5_000, 100_000]),
      },
      admission: this.#limits,
    };
    const perSubject = chance(random, 0.4) ? { maxSessionsPerSubject: 2 } : {};
    const endpoint = new Endpoint(
      {
        clock: this.#time,
        logger: this.#logger('the gateway', {}),
        acceptor: this.#acceptor(),
        security: {
          crypto: this.#crypto,
          cipher: this.#cipher,
          tickets: this.#keyring,
          resetTokens: this.#resetTokens,
          wallClock: this.#time,
        },
      },
      { login: { ...group, maxHalfOpen: this.#maxHalfOpen, ...perSubject }, gatewayId: GATEWAY_ID },
    );
    const port = {
      ...group,
      earlyData: this.#earlyData,
      isTrustedProxy: (text: string) => text === PROXY.address,
    };
    endpoint.attach(this.#udp, { ...port, name: 'udp', allowStock: this.#allowStock });
    endpoint.attach(this.#tcp, { ...port, name: 'tcp', allowStock: false, allowClear: true });
    endpoint.start();
    return endpoint;
  }

  #acceptor(): SessionAcceptor {
    const random = this.#random;
    return {
      accept: ({ id, conv, remoteAddress, login }) => {
        if (login !== undefined) this.#sources.set(id, sourceKey(remoteAddress));
        if (login === undefined) this.#stockSources.add(formatSocketAddress(remoteAddress));
        const isOurs = login !== undefined && this.#isOurs(conv);
        if (!isOurs && chance(random, 0.1)) return pick(random, [CloseCode.blocked, CloseCode.overload]);
        if (isOurs) {
          return {
            stream: true,
            bind: (port) =>
              this.#watched(
                port,
                (heard) => new CheckedSink(this.#upstream.open(heard), conv, this.#violate),
              ),
          };
        }
        return {
          stream: chance(random, 0.5),
          bind: (port) =>
            this.#watched(port, (heard) => {
              const application = new LuckyApplication(random, heard);
              this.#lucky.push(application);
              if (this.#lucky.length > MAX_LUCKY) this.#lucky.shift();
              // Much is sent to whoever opened it, wherever that is.
              if (chance(random, 0.3)) heard.send(new Uint8Array(30_000), 0, 30_000);
              return application;
            }),
        };
      },
    };
  }

  readonly #violate = (text: string): void => {
    this.#remember(text);
  };

  #watched(port: Parameters<typeof watch>[0], bind: Parameters<typeof watch>[1]): WatchedSink {
    const sink = watch(port, bind, (text) => {
      throw this.#remember(`a sink was ${text}`);
    });
    this.#sinks.push(sink);
    return sink;
  }

  #dial(index: number): void {
    const isClear = index === EXACT_CLIENTS;
    this.#clients[index] = new FuzzClient(
      {
        clock: this.#time,
        logger: this.#logger('a client', {}),
        crypto: this.#crypto,
        credentials: this.#credentials[index]!,
        epoch: this.#nextEpoch++,
        earlyData: chance(this.#random, 0.5),
        mtu: MTU,
        bytes: EXACT_BYTES,
        violate: this.#violate,
        newAddress: () => this.#newAddress(),
        connect: ({ outside }) => {
          this.#tcp.connect(outside);
        },
        send: (client, line, bytes) => {
          this.#travelUp(client, line, bytes);
        },
      },
      isClear ? GATEWAY_TCP : GATEWAY_UDP,
      isClear,
    );
    for (let lines = this.#random.nextInt(4); lines > 1; lines--) {
      const isConnected = isClear || chance(this.#random, 0.4);
      this.#clients[index].alsoOpen(isConnected ? GATEWAY_TCP : GATEWAY_UDP, isConnected);
      this.features.add('a client began on several lines');
    }
  }

  /** Clients that were turned away for want of room come again. */
  #dialRefused(): void {
    for (const [index, { application }] of this.#clients.entries()) {
      const { closeCode, isOpen, conv } = application;
      if (closeCode === undefined || !this.#mayComeAgain(closeCode, isOpen, conv)) continue;
      this.#deadClients.push(this.#clients[index]!);
      this.#dial(index);
      this.features.add('a client was turned away');
    }
  }

  /** It was turned away for want of room, or somebody who had seen its reset token ended it. */
  #mayComeAgain(closeCode: number, isOpen: boolean, conv: number): boolean {
    // A clear client can lose its connection before the gateway heard of it again.
    if (closeCode === CloseCode.staleSession)
      return this.#exposed.has(conv) || conv === this.#credentials[EXACT_CLIENTS]?.conv;
    // Its connection broke before the handshake was done.
    return !isOpen && (closeCode === CloseCode.overload || closeCode === CloseCode.deadLink);
  }

  #isAllOpen(): boolean {
    return this.#clients.every(({ application }) => application.isOpen);
  }

  #isOurs(conv: number): boolean {
    return this.#credentials.some((credentials) => credentials.conv === conv);
  }

  /** Whether the attacker sees what goes between this client and the gateway. */
  #isSeen({ conv }: FuzzClient): boolean {
    return conv !== this.#credentials[EXACT_CLIENTS]?.conv;
  }

  #makeHostile(index: number): HostilePeer {
    return new HostilePeer({
      random: this.#random,
      attacker: this.#attacker,
      address: address('10.66.0.1', 6000 + index),
      login: () => this.#hostileLogin(),
      otherConversation: () => pickOf(this.#random, this.#clients).conv,
      randomBytes: (length) => this.#randomBytes(length),
    });
  }

  /** Mostly good; else expired, or sealed with a key that is not the gateway's. */
  #hostileLogin(): ForgedLogin {
    const random = this.#random;
    const roll = random.nextFloat();
    const isClear = chance(random, 0.15);
    const conv = this.#newConversation();
    const secret = this.#secret('a secret', 32);
    const now = this.#time.now();
    const keyring = roll < 0.8 ? this.#keyring : pickOf(random, this.#foreign);
    const ticket = keyring.seal(
      {
        ...{ conv, issuedMs: now, expiresMs: roll < 0.1 ? now - 1 : now + 3_600_000, secret },
        ...{ seal: isClear ? 'clear' : 'aead', subject: 'mallory', claims: '' },
      },
      this.#randomBytes(12),
    );
    if (this.#secrets.size < MAX_SECRETS) this.#secrets.add('a ticket', ticket);
    return { conv, ticket, secret, isClear };
  }

  #credentialsOf(seal: 'aead' | 'clear', subject: string): SessionCredentials {
    const conv = this.#newConversation();
    const secret = this.#secret('a secret', 32);
    const now = this.#time.now();
    const ticket = this.#keyring.seal(
      { conv, issuedMs: now, expiresMs: now + 86_400_000, secret, seal, subject, claims: '{"role":"user"}' },
      this.#randomBytes(12),
    );
    this.#secrets.add('a ticket', ticket);
    const resetToken = this.#resetTokens.tokenOf(conv);
    this.#secrets.add('a reset token', resetToken);
    return { conv, ticket, secret, resetToken, seal };
  }

  #newConversation(): number {
    return GATEWAY_ID * 2 ** 24 + this.#nextConv++;
  }

  #newAddress(): SocketAddress {
    const port = this.#nextPort++;
    return address(`10.1.${String((port >>> 8) & 255)}.${String(port & 255)}`, port);
  }

  #anyAddress(): SocketAddress {
    const random = this.#random;
    const roll = random.nextFloat();
    if (roll < 0.5) return pickOf(random, VICTIMS);
    if (roll < 0.6) return PROXY;
    if (roll < 0.65) return pickOf(random, this.#hostiles).address;
    if (roll < 0.67) return claimedAddress(random.nextInt(200));
    // Of those whose traffic is seen: who hides it hides where it comes from, too.
    const client = this.#clients[random.nextInt(EXACT_CLIENTS)]!;
    return pickOf(random, client.lines).outside;
  }

  /** An open connection of somebody who is nobody. */
  #strangersConnection(): SocketAddress {
    const stranger = address('10.77.0.1', 8000 + this.#random.nextInt(8));
    if (!this.#tcp.isConnected(stranger)) this.#tcp.connect(stranger);
    return stranger;
  }

  #carrier(localAddress: SocketAddress, connected: boolean): StrictCarrier {
    return new StrictCarrier({
      localAddress,
      connected,
      arenaBytes: pick(this.#random, [3000, 64 * 1024]),
      send: (to, bytes) => {
        this.#depart(connected, to, bytes);
      },
      violate: (text) => {
        this.#remember(`the gateway's carrier: ${text}`);
      },
    });
  }

  #randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.nextInt(256));
  }

  #secret(name: string, length: number): Uint8Array {
    const secret = this.#randomBytes(length);
    if (this.#secrets.size < MAX_SECRETS) this.#secrets.add(name, secret);
    return secret;
  }

  /** Keeps every record; an error is a broken promise. */
  #logger(who: string, bound: LogFields): Logger {
    const keep = (level: string) => (message: string, fields?: LogFields) => {
      this.#logs.push(`${level} ${message} ${JSON.stringify({ ...bound, ...fields })}`);
    };
    return {
      debug: keep('debug'),
      info: keep('info'),
      warn: keep('warn'),
      error: (message, fields) => {
        const cause = fields?.err ?? fields?.error;
        const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
        this.#remember(`${who} logged "${message}": ${text}`);
      },
      child: (fields) => this.#logger(who, { ...bound, ...fields }),
    };
  }
}

/** Datagrams of the gateway in one step that only an endless loop can reach. */
const MAX_DATAGRAMS_PER_STEP = 20_000;
const MAX_LUCKY = 100;
/** Secrets that are looked for in the log. */
const MAX_SECRETS = 300;

const isSettled = ({ paths }: SessionSummary): boolean => paths[0]?.validated === true && !paths[0].lost;

const placeOf = ({ paths, remoteAddress }: SessionSummary): string =>
  `${paths[0]?.port ?? 'nowhere'} ${remoteAddress === null ? 'nowhere' : formatSocketAddress(remoteAddress)}`;

const isSame = (a: SocketAddress, b: SocketAddress): boolean => a.address === b.address && a.port === b.port;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 80)).toString('hex');
