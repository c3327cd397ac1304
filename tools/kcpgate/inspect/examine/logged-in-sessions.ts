import {
  HandshakeKind,
  handshakeKindOf,
  HELLO_FIELD,
  type HelloAckView,
  type HelloView,
  RANDOM_BYTES,
  readHello,
  readHelloAck,
} from '../../../../src/wire/hello.ts';
import type { WireMemory } from '../../../../src/wire/memory.ts';
import {
  hasAddressBlock,
  packetNumberOf,
  SEAL_TAG_BYTES,
  SEALED_HEADER_BYTES,
  sealedHeaderBytes,
} from '../../../../src/wire/sealed-header.ts';
import { conversationOf } from '../../../../src/wire/segment.ts';
import type { ExaminedDatagram } from '../examined.ts';
import type { FoundDatagram } from '../found-datagram.ts';
import type { KeyLog, LoggedKey } from '../key-log.ts';
import type { FlowState } from './flow-state.ts';
import { SealedOpener } from './sealed-opener.ts';
import { isLoggedIn, type Link, type Session } from './session.ts';
import type { SessionTable } from './session-table.ts';
import type { ClientEvidence } from './session-report.ts';

/**
 * Finds the session of handshake and sealed datagrams: by conv, on whatever flow they come, and opens them where a key is
 * known. One conv may have several sessions, one after another: each handshake begins one.
 */
export class LoggedInSessions {
  readonly #sessions: SessionTable;
  readonly #keyLog: KeyLog | null;
  readonly #opener: SealedOpener | null;

  constructor(sessions: SessionTable, keyLog: KeyLog | undefined) {
    this.#sessions = sessions;
    this.#keyLog = keyLog ?? null;
    this.#opener = keyLog === undefined ? null : new SealedOpener();
  }

  /** Whether sealed datagrams of this conv are no surprise. */
  knows(conv: number): boolean {
    if (this.#sessions.newest(conv)?.type === 'sealed') return true;
    if (this.#keyLog === null) return false;
    return this.#keyLog.keysOf(conv, 'client').length + this.#keyLog.keysOf(conv, 'server').length > 0;
  }

  /** Takes a handshake datagram, and opens it. @returns where it belongs. */
  takeHandshake(found: FoundDatagram, memory: WireMemory, flow: FlowState, datagram: ExaminedDatagram): Link {
    const at = found.offset + datagram.proxyBytes;
    const length = found.length - datagram.proxyBytes;
    const kind = handshakeKindOf(memory.view, at);
    const isHello = kind === HandshakeKind.hello || kind === HandshakeKind.helloClear;
    const isClear = kind === HandshakeKind.helloClear || kind === HandshakeKind.helloClearAck;
    const random = hexOf(memory.bytes, at + HELLO_FIELD.random, found.offset + found.length);
    const session = isHello
      ? this.#sessionOfHello(datagram.conv, random, isClear)
      : this.#sessionOfAnswer(datagram.conv, random, isClear);
    const link = this.#linkFrom(session, flow, found, isHello, 'handshake');
    if (isHello) {
      session.beginningSeen = true;
      link.isOffered = isClear;
      if (Number.isNaN(session.helloUs)) session.helloUs = found.timeUs;
    } else if (Number.isNaN(session.handshakeUs)) {
      session.helloAckUs = found.timeUs;
      session.handshakeUs = found.timeUs - session.helloUs;
      session.fromClient.sent.answered(session.handshakeUs);
    }
    if (!isClear && datagram.sealedBecause === 'no_key') {
      const view = isHello ? readHello(memory.view, at, length) : readHelloAck(memory.view, at, length);
      if (typeof view !== 'string') this.#openHandshake(memory.bytes, at, view, session, random, datagram);
    }
    return link;
  }

  /** Takes a sealed datagram, and opens it. @returns where it belongs. */
  takeSealed(found: FoundDatagram, memory: WireMemory, flow: FlowState, datagram: ExaminedDatagram): Link {
    const at = found.offset + datagram.proxyBytes;
    const conv = conversationOf(memory.view, at);
    const newest = this.#sessions.newest(conv);
    if (datagram.sealedBecause === 'no_key' && found.missingBytes > 0) datagram.sealedBecause = 'cut_off';
    const key =
      datagram.sealedBecause === 'no_key' ? this.#openSealed(found, memory, flow, newest, datagram) : null;
    if (key !== null) {
      const session = this.#sessionOfKey(conv, key, newest);
      return this.#linkFrom(session, flow, found, key.purpose === 'client', 'key');
    }
    const pn = packetNumberOf(memory.view, at);
    const session = this.#sessionOfNumber(conv, newest, pn, flow, found.isFromA);
    if (hasAddressBlock(memory.view, at)) return this.#linkFrom(session, flow, found, true, 'command');
    return this.#linkPresumed(session, flow, found);
  }

  /** Forgets every key. */
  close(): void {
    this.#opener?.close();
  }

  #sessionOfHello(conv: number, random: string, isClear: boolean): Session {
    const newest = this.#sessions.newest(conv);
    for (const session of [newest, newest?.previous]) {
      if (session?.clientRandom === random && session.type !== 'stock') return session;
    }
    return this.#createAfter(newest, conv, random, '', isClear);
  }

  #sessionOfAnswer(conv: number, random: string, isClear: boolean): Session {
    const newest = this.#sessions.newest(conv);
    for (const session of [newest, newest?.previous]) {
      if (session?.serverRandom === random && isLoggedIn(session)) return session;
    }
    // An answer to a HELLO that was answered otherwise before: the gateway did not know it any more.
    if (newest === undefined || !isLoggedIn(newest)) {
      return this.#createAfter(newest, conv, '', random, isClear);
    }
    if (newest.serverRandom === '' || newest.fromClient.packetNumbers.highest < 0)
      newest.serverRandom = random;
    return newest;
  }

  #createAfter(
    previous: Session | undefined,
    conv: number,
    clientRandom: string,
    serverRandom: string,
    isClear: boolean,
  ): Session {
    const session = this.#sessions.create(conv, isClear ? 'login_clear' : 'sealed');
    session.clientRandom = clientRandom;
    session.serverRandom = serverRandom;
    if (previous !== undefined && isLoggedIn(previous)) {
      session.previous = previous;
      previous.previous = null;
    }
    return session;
  }

  #openHandshake(
    bytes: Uint8Array,
    at: number,
    view: HelloView | HelloAckView,
    session: Session,
    random: string,
    datagram: ExaminedDatagram,
  ): void {
    const purpose = view.kind === HandshakeKind.hello ? 'early' : 'server';
    const keys = this.#keyLog?.keysOf(session.conv, purpose) ?? NO_KEYS;
    const headerLength = view.bodyAt - at;
    const length = headerLength + view.bodyLength;
    let tried = 0;
    for (const key of keys) {
      // An answer says itself which key is its own: the same HELLO may have been answered otherwise before.
      const isOwn = purpose === 'early' ? fits(key, session) : key.serverRandom === random;
      if (!isOwn || tried++ === MAX_TRIES) continue;
      datagram.sealedBecause = 'open_failed';
      if (this.#opener?.open(key, bytes, at, length, view.additionalLength, headerLength, view.pn) !== true)
        continue;
      if (purpose === 'server' && fits(key, session)) takeKey(session, key);
      this.#show(datagram, headerLength, length);
      return;
    }
  }

  /** @returns the key that opened it; null when none did. */
  #openSealed(
    found: FoundDatagram,
    memory: WireMemory,
    flow: FlowState,
    newest: Session | undefined,
    datagram: ExaminedDatagram,
  ): LoggedKey | null {
    if (this.#opener === null || this.#keyLog === null) return null;
    const at = found.offset + datagram.proxyBytes;
    const length = found.length - datagram.proxyBytes;
    const tryKey = (key: LoggedKey): boolean => this.#opens(key, memory, at, length, datagram);
    const expected = expectedKey(newest, flow, found.isFromA);
    if (expected !== null && tryKey(expected)) return expected;
    const { conv } = datagram;
    let tried = 0;
    for (const purpose of PURPOSES) {
      for (const key of this.#keyLog.keysOf(conv, purpose)) {
        if (key === expected) continue;
        if (tried++ === MAX_TRIES) return null;
        if (tryKey(key)) return key;
      }
    }
    return null;
  }

  #opens(
    key: LoggedKey,
    { bytes, view }: WireMemory,
    at: number,
    length: number,
    datagram: ExaminedDatagram,
  ): boolean {
    const headerLength = sealedHeaderBytes(view, at);
    const pn = packetNumberOf(view, at);
    datagram.sealedBecause = 'open_failed';
    if (this.#opener?.open(key, bytes, at, length, SEALED_HEADER_BYTES, headerLength, pn) !== true)
      return false;
    this.#show(datagram, headerLength, length);
    return true;
  }

  #show(datagram: ExaminedDatagram, headerLength: number, length: number): void {
    datagram.sealedBecause = null;
    datagram.clear = this.#opener?.bytes ?? null;
    datagram.clearAt = headerLength;
    datagram.clearLength = length - headerLength - SEAL_TAG_BYTES;
  }

  #sessionOfKey(conv: number, key: LoggedKey, newest: Session | undefined): Session {
    for (const session of [newest, newest?.previous]) {
      if (session?.type !== 'sealed' || !fits(key, session)) continue;
      takeKey(session, key);
      session.isGuess = false;
      return session;
    }
    const session = this.#createAfter(newest, conv, key.clientRandom, key.serverRandom, false);
    takeKey(session, key);
    return session;
  }

  /** Without a key the packet number tells which of two sessions it belongs to: each counts from 0. */
  #sessionOfNumber(
    conv: number,
    newest: Session | undefined,
    pn: number,
    flow: FlowState,
    isFromA: boolean,
  ): Session {
    if (newest?.type !== 'sealed') {
      const session = this.#createAfter(newest, conv, '', '', false);
      session.isGuess = true;
      return session;
    }
    newest.isGuess = false;
    const { previous } = newest;
    if (previous?.type !== 'sealed') return newest;
    if (newest.serverRandom === '') return previous;
    return distanceFrom(newest, pn, flow, isFromA) <= distanceFrom(previous, pn, flow, isFromA)
      ? newest
      : previous;
  }

  #linkFrom(
    session: Session,
    flow: FlowState,
    found: FoundDatagram,
    isFromClient: boolean,
    evidence: ClientEvidence,
  ): Link {
    const clientIsA = found.isFromA === isFromClient;
    const link = this.#sessions.link(session, flow, session.conv, clientIsA, evidence);
    if (link.clientIsA !== clientIsA) session.correct(link);
    link.evidence = evidence;
    session.clientToldBy = evidence;
    return link;
  }

  #linkPresumed(session: Session, flow: FlowState, found: FoundDatagram): Link {
    const known = flow.links.get(session.conv);
    if (known?.session === session) return known;
    if (found.flow.carrier !== 'udp')
      return this.#sessions.link(session, flow, session.conv, true, 'connected');
    // A session that was on another flow is there with the client's side as there, when one end is the same.
    for (const { flow: other, clientIsA } of session.links) {
      const gateway = clientIsA ? other.flow.b : other.flow.a;
      if (isEnd(found.flow.b, gateway))
        return this.#sessions.link(session, flow, session.conv, true, 'handshake');
      if (isEnd(found.flow.a, gateway))
        return this.#sessions.link(session, flow, session.conv, false, 'handshake');
    }
    return this.#sessions.link(session, flow, session.conv, true, 'first_sender');
  }
}

/** Whether a key can be one of a session, as far as its randoms are known. */
function fits(key: LoggedKey, session: Session): boolean {
  if (session.clientRandom !== '' && key.clientRandom !== session.clientRandom) return false;
  if (key.purpose === 'early' || session.serverRandom === '') return true;
  if (key.serverRandom === session.serverRandom) return true;
  // What an answer says that no key opened may be damaged.
  return session.clientRandom !== '' && session.clientKey === null && session.serverKey === null;
}

function takeKey(session: Session, key: LoggedKey): void {
  session.clientRandom = key.clientRandom;
  session.serverRandom = key.serverRandom;
  if (key.purpose === 'client') session.clientKey = key;
  else session.serverKey = key;
}

function expectedKey(session: Session | undefined, flow: FlowState, isFromA: boolean): LoggedKey | null {
  if (session === undefined) return null;
  const link = flow.links.get(session.conv);
  const isFromClient = link === undefined || link.clientIsA === isFromA;
  return isFromClient ? session.clientKey : session.serverKey;
}

function distanceFrom(session: Session, pn: number, flow: FlowState, isFromA: boolean): number {
  const link = flow.links.get(session.conv);
  const isFromClient = link === undefined || link.clientIsA === isFromA;
  const side = isFromClient ? session.fromClient : session.fromGateway;
  return Math.abs(pn - (side.packetNumbers.highest + 1));
}

const isEnd = (a: { address: string; port: number }, b: { address: string; port: number }): boolean =>
  a.port === b.port && a.address === b.address;

/** The random at `at`; empty when the capture did not keep it. */
function hexOf(bytes: Uint8Array, at: number, end: number): string {
  if (at + RANDOM_BYTES > end) return '';
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, RANDOM_BYTES).toString('hex');
}

const PURPOSES = ['client', 'server'] as const;
const NO_KEYS: readonly LoggedKey[] = [];
/** Keys that are tried on one datagram. */
const MAX_TRIES = 16;
