import { Command } from '../../../../src/wire/command.ts';
import { addressBlockBytesOf } from '../../../../src/wire/data-segment.ts';
import { HandshakeKind, handshakeKindOf } from '../../../../src/wire/hello.ts';
import type { WireMemory } from '../../../../src/wire/memory.ts';
import {
  isCopy,
  packetNumberOf,
  pathIdOf,
  SEALED_HEADER_BYTES,
  sealedTextLength,
} from '../../../../src/wire/sealed-header.ts';
import {
  commandOf,
  conversationOf,
  fragmentOf,
  payloadLengthOf,
  SEGMENT_HEADER_BYTES,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
} from '../../../../src/wire/segment.ts';
import type { ExaminedDatagram, ExaminedSegment, ExpertNote } from '../examined.ts';
import type { FoundDatagram } from '../found-datagram.ts';
import { Analyst } from './analyst.ts';
import { CapturedMemory } from './captured-memory.ts';
import { ClearSessions, isOpening } from './clear-sessions.ts';
import { emptyDatagram, emptySegment } from './empty-datagram.ts';
import type { ExaminerOptions } from './examiner-options.ts';
import { Experts } from './experts.ts';
import type { FlowReport } from './flow-report.ts';
import type { FlowState } from './flow-state.ts';
import { FlowTable } from './flow-table.ts';
import { LineWatch } from './line-watch.ts';
import { LoggedInSessions } from './logged-in-sessions.ts';
import { MemoryBudget } from './memory-budget.ts';
import { Moment, NOT_TOLD } from './moment.ts';
import { NoteBook } from './note-book.ts';
import { ProxyWatch } from './proxy-watch.ts';
import { Recogniser } from './recogniser.ts';
import type { Link, Session } from './session.ts';
import type { SessionReport } from './session-report.ts';
import { SessionTable } from './session-table.ts';

export type { ExaminerOptions, SpuriousRetransmission } from './examiner-options.ts';

/** What there was no room for. */
export interface ExaminerCounters {
  readonly forgottenSessions: number;
  readonly forgottenFlows: number;
  /** Notes that were left out because there were too many of their kind. */
  readonly suppressedNotes: number;
}

/**
 * Understands a capture: what each datagram is, which session it belongs to, what each segment means there, and what is
 * wrong. Takes datagrams in the order they were captured in. Never throws, whatever they are; memory is bounded.
 */
export class Examiner {
  readonly #examined: ExaminedDatagram = emptyDatagram();
  readonly #segments: ExaminedSegment[] = [];
  readonly #memory = new CapturedMemory();
  readonly #clearMemory = new CapturedMemory();
  readonly #moment = new Moment();
  readonly #analysis: boolean;
  readonly #recogniser: Recogniser;
  readonly #flows: FlowTable;
  readonly #sessions: SessionTable;
  readonly #clear: ClearSessions;
  readonly #loggedIn: LoggedInSessions;
  readonly #knowsSealed = (conv: number): boolean => this.#loggedIn.knows(conv);
  readonly #notes: NoteBook;
  readonly #experts: Experts;
  readonly #analyst: Analyst;
  readonly #lines: LineWatch;
  readonly #proxies = new ProxyWatch();

  /** @throws RangeError for a kcp-go key that is too short. */
  constructor(options: ExaminerOptions = {}) {
    const { analysis = true, limits = {}, keyLog, onNote, onSpurious } = options;
    const { maxSessions = 10_000, maxFlows = 20_000, maxMemoryBytes = 256 << 20, maxNotes = 1000 } = limits;
    this.#analysis = analysis;
    this.#recogniser = new Recogniser(options);
    this.#notes = new NoteBook(maxNotes, onNote);
    this.#experts = new Experts(this.#notes, onSpurious);
    this.#analyst = new Analyst(analysis, this.#experts);
    this.#lines = new LineWatch(this.#experts, analysis);
    this.#sessions = new SessionTable(new MemoryBudget(maxMemoryBytes), this.#experts, maxSessions);
    this.#sessions.onForget = (session) => this.#conclude(session);
    this.#flows = new FlowTable(maxFlows, (flow) => this.#sessions.forgetFlow(flow));
    this.#loggedIn = new LoggedInSessions(this.#sessions, keyLog);
    this.#clear = new ClearSessions(this.#sessions, (session, link, packet) => {
      if (analysis) this.#experts.noteStrayed(session, link, packet);
    });
    this.#examined.segments = this.#segments;
  }

  /** In order of appearance; {@link SessionReport.index} names them, because those that gave way are missing. */
  get sessions(): readonly SessionReport[] {
    return this.#sessions.all().filter((session) => !isChance(session));
  }

  get flows(): readonly FlowReport[] {
    return this.#flows.all();
  }

  /** In the order they were made. */
  get notes(): readonly ExpertNote[] {
    return this.#notes.notes;
  }

  get counters(): ExaminerCounters {
    return {
      forgottenSessions: this.#sessions.forgotten,
      forgottenFlows: this.#flows.forgotten,
      suppressedNotes: this.#notes.suppressed,
    };
  }

  /** Examines one datagram. The result is reused: valid until the next call. */
  examine(found: FoundDatagram): ExaminedDatagram {
    const datagram = this.#begin(found);
    const flow = this.#flows.of(found.flow);
    const memory = this.#memory.of(found.bytes);
    if (found.isProxyHeader) {
      datagram.kind = 'proxy_header';
      datagram.proxyBytes = found.length;
      this.#recogniser.readStreamHeader(found, memory);
    } else {
      this.#recogniser.recognise(found, memory, flow, this.#knowsSealed, datagram);
    }
    if (datagram.proxyBytes > 0) this.#takeHeader(found, flow);
    const link = this.#find(found, memory, flow, datagram);
    flow.take(found, datagram, this.#recogniser.crypt, this.#recogniser.isFec);
    if (this.#recogniser.isFec) this.#takeFec(found, flow);
    if (link !== null) this.#takeSession(found, memory, link, datagram);
    if (this.#analysis) this.#lookOutside(found, flow, link, datagram);
    return datagram;
  }

  /** The capture ended: what only the end can tell is told. */
  finish(): void {
    for (const session of this.#sessions.all()) this.#conclude(session);
    this.#loggedIn.close();
  }

  #begin(found: FoundDatagram): ExaminedDatagram {
    const datagram = this.#examined;
    datagram.found = found;
    datagram.kind = 'opaque';
    datagram.proxyBytes = 0;
    datagram.foreignHeaderBytes = 0;
    datagram.clear = null;
    datagram.clearAt = 0;
    datagram.clearLength = 0;
    datagram.sealedBecause = null;
    datagram.conv = -1;
    datagram.session = -1;
    datagram.isFromClient = found.isFromA;
    datagram.segmentCount = 0;
    return datagram;
  }

  /** Finds session and segments of a datagram. */
  #find(found: FoundDatagram, memory: WireMemory, flow: FlowState, datagram: ExaminedDatagram): Link | null {
    switch (datagram.kind) {
      case 'sealed':
      case 'handshake': {
        const isHandshake = datagram.kind === 'handshake';
        flow.hasOwnCommands = true;
        const link = isHandshake
          ? this.#loggedIn.takeHandshake(found, memory, flow, datagram)
          : this.#loggedIn.takeSealed(found, memory, flow, datagram);
        this.#readSegments(datagram, found);
        return link;
      }
      case 'clear':
      case 'fec':
      case 'kcp_go_crypt':
        this.#readSegments(datagram, found);
        if (datagram.segmentCount > 0) datagram.conv = datagram.segments[0]?.conv ?? -1;
        // A packet of FEC without segments counts where its flow has one session.
        if (datagram.segmentCount === 0 && this.#recogniser.isFec)
          return flow.links.size === 1 ? flow.lastLink : null;
        return this.#clear.take(found, flow, datagram);
      default:
        return null;
    }
  }

  /** Reads the headers of all segments, up to one that cannot be. */
  #readSegments(datagram: ExaminedDatagram, { missingBytes, bytes }: FoundDatagram): void {
    if (datagram.clear === null || datagram.clearLength < SEGMENT_HEADER_BYTES) return;
    const { view } = this.#clearMemory.of(datagram.clear);
    const end = datagram.clearAt + datagram.clearLength;
    const farEnd = end + (datagram.clear === bytes ? missingBytes : 0);
    const conv = conversationOf(view, datagram.clearAt);
    let at = datagram.clearAt;
    while (end - at >= SEGMENT_HEADER_BYTES) {
      const cmd = commandOf(view, at);
      const payloadAt = at + SEGMENT_HEADER_BYTES + addressBlockBytesOf(cmd);
      const length = payloadLengthOf(view, at);
      if (conversationOf(view, at) !== conv || payloadAt + length > farEnd) return;
      const segment = (this.#segments[datagram.segmentCount] ??= emptySegment());
      datagram.segmentCount++;
      segment.at = at;
      segment.conv = conv;
      segment.cmd = cmd;
      segment.frg = fragmentOf(view, at);
      segment.wnd = windowOf(view, at);
      segment.ts = timestampOf(view, at) >>> 0;
      segment.sn = sequenceOf(view, at) >>> 0;
      segment.una = unacknowledgedOf(view, at) >>> 0;
      segment.length = length;
      segment.payloadAt = payloadAt;
      segment.marks = 0;
      segment.roundTripUs = NaN;
      at = payloadAt + length;
    }
  }

  #takeSession(found: FoundDatagram, memory: WireMemory, link: Link, datagram: ExaminedDatagram): void {
    const { session } = link;
    link.flow.lastLink = link;
    datagram.session = session.index;
    datagram.isFromClient = found.isFromA === link.clientIsA;
    if (datagram.isFromClient && link.flow.realClient !== null) session.realClient = link.flow.realClient;
    const moment = this.#moment;
    moment.packet = found.packet;
    moment.timeUs = found.timeUs;
    moment.datagramBytes = found.length - datagram.proxyBytes + found.missingBytes;
    moment.clearAt = datagram.clearAt;
    moment.isCopy = found.told?.isCopy ?? false;
    moment.isNumbered = found.told?.isSealed ?? false;
    moment.causes = found.told?.causes ?? NOT_TOLD;
    let isRepeated = false;
    if (datagram.kind === 'sealed') isRepeated = this.#takeNumber(found, memory, link, datagram);
    else if (datagram.kind === 'handshake') takeAnswerNumber(found, memory, session, datagram);
    else this.#lines.takeClear(link, datagram, found);
    moment.epoch = session.epoch;
    if (datagram.sealedBecause !== null) session.unopened++;
    this.#analyst.take(session, datagram, moment, isRepeated);
    this.#sessions.use(session);
  }

  /** Reads path and number of a sealed datagram. @returns whether it was captured before. */
  #takeNumber(found: FoundDatagram, memory: WireMemory, link: Link, datagram: ExaminedDatagram): boolean {
    const at = found.offset + datagram.proxyBytes;
    const { session } = link;
    const { view } = memory;
    if (sealedTextLength(view, at, found.length - datagram.proxyBytes) < 0) return false;
    const pn = packetNumberOf(view, at);
    const moment = this.#moment;
    moment.isCopy = isCopy(view, at);
    moment.isNumbered = true;
    // A number that is not authentic tells nothing.
    if (datagram.sealedBecause === 'open_failed') return false;
    const side = datagram.isFromClient ? session.fromClient : session.fromGateway;
    const isNewest = pn > side.packetNumbers.highest;
    // A client answers HELLO_ACK at once.
    if (pn === 0 && isNewest && datagram.isFromClient) {
      session.fromGateway.sent.answered(found.timeUs - session.helloAckUs);
    }
    const isRepeated = side.packetNumbers.take(pn);
    if (isNewest && !moment.isCopy && datagram.isFromClient) {
      this.#lines.takeSealed(link, datagram, found, pathIdOf(view, at));
    }
    return isRepeated;
  }

  #takeHeader(found: FoundDatagram, flow: FlowState): void {
    flow.takeHeader(this.#recogniser.header, this.#recogniser.isSpp);
    if (found.flow.carrier === 'udp' && found.isFromA) this.#proxies.sawHeader(found.flow, found.packet);
  }

  #takeFec(found: FoundDatagram, flow: FlowState): void {
    flow.takeFec(found.isFromA, this.#recogniser.fecSequence, this.#recogniser.fecType);
  }

  /** What concerns no session, or a flow as a whole. */
  #lookOutside(found: FoundDatagram, flow: FlowState, link: Link | null, datagram: ExaminedDatagram): void {
    if (link === null && datagram.segmentCount > 0 && datagram.segments[0]?.cmd === Command.reset) {
      this.#lookAtStrayReset(found, datagram);
    }
    if (this.#proxies.knowsNone || flow.isBareTold || found.flow.carrier !== 'udp' || !found.isFromA) return;
    const hasHeader = datagram.proxyBytes > 0;
    if (hasHeader || (flow.proxyHeaderCount > 0 && flow.proxyHeaders !== 'spp')) return;
    this.#lookAtBare(found, flow, link, datagram);
  }

  #lookAtStrayReset(found: FoundDatagram, datagram: ExaminedDatagram): void {
    const session = this.#sessions.newest(datagram.conv) ?? null;
    this.#moment.timeUs = found.timeUs;
    this.#moment.packet = found.packet;
    datagram.isFromClient = false;
    this.#experts.lookAtReset(session, this.#moment);
  }

  /** A datagram without header, of a proxy that sends some: it should have one when it opens a session, or goes on with one. */
  #lookAtBare(found: FoundDatagram, flow: FlowState, link: Link | null, datagram: ExaminedDatagram): void {
    const example = this.#proxies.exampleFor(found.flow);
    if (example === 0 || link === null) return;
    const first = datagram.segments[0];
    const opens =
      (datagram.segmentCount > 0 && first !== undefined && isOpening(first)) ||
      (datagram.kind === 'handshake' && isHello(found, this.#memory.of(found.bytes), datagram));
    const goesOn = link.session.links.some((one) => one.flow !== flow && one.flow.proxyHeaderCount > 0);
    if (!opens && !goesOn && flow.proxyHeaders !== 'spp') return;
    flow.isBareTold = true;
    this.#experts.noteProxyMissing(link.session, flow, found.packet, example);
  }

  #conclude(session: Session): void {
    if (this.#analysis && !isChance(session)) this.#experts.conclude(session);
  }
}

/** What looked like a sealed datagram once, among others that cannot be read. */
const isChance = (session: Session): boolean =>
  session.isGuess && session.links.every(({ flow }) => flow.isOpaque);

/** HELLO_ACK counts among the sealed datagrams of the gateway. */
function takeAnswerNumber(
  found: FoundDatagram,
  { view }: WireMemory,
  { fromGateway }: Session,
  { proxyBytes, sealedBecause }: ExaminedDatagram,
): void {
  const at = found.offset + proxyBytes;
  if (handshakeKindOf(view, at) !== HandshakeKind.helloAck || sealedBecause === 'open_failed') return;
  if (found.length - proxyBytes >= SEALED_HEADER_BYTES)
    fromGateway.packetNumbers.take(packetNumberOf(view, at));
}

function isHello({ offset }: FoundDatagram, { view }: WireMemory, { proxyBytes }: ExaminedDatagram): boolean {
  const kind = handshakeKindOf(view, offset + proxyBytes);
  return kind === HandshakeKind.hello || kind === HandshakeKind.helloClear;
}
