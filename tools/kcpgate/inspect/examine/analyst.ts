import { Command } from '../../../../src/wire/command.ts';
import { readKick } from '../../../../src/wire/kick.ts';
import { wireMemory } from '../../../../src/wire/memory.ts';
import { checkSegment } from '../../../../src/wire/segment.ts';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { SegmentMark, type ExaminedDatagram, type ExaminedSegment } from '../examined.ts';
import type { Direction } from './direction.ts';
import type { Experts } from './experts.ts';
import type { Moment } from './moment.ts';
import type { Session } from './session.ts';

/** Reads the segments of a datagram into what is known of its session. */
export class Analyst {
  readonly #analysis: boolean;
  readonly #experts: Experts;

  constructor(analysis: boolean, experts: Experts) {
    this.#analysis = analysis;
    this.#experts = experts;
  }

  /** @param isRepeated the whole datagram was captured before: nothing in it counts again. */
  take(session: Session, datagram: ExaminedDatagram, moment: Moment, isRepeated: boolean): void {
    const own = datagram.isFromClient ? session.fromClient : session.fromGateway;
    const peer = datagram.isFromClient ? session.fromGateway : session.fromClient;
    if (session.firstPacket === 0) {
      session.firstPacket = moment.packet;
      session.firstUs = moment.timeUs;
    }
    // Whoever goes on did not believe it.
    if (session.close?.how === 'reset' && !datagram.isFromClient && datagram.kind === 'sealed')
      session.close = null;
    session.lastPacket = moment.packet;
    session.lastUs = moment.timeUs;
    own.takeDatagram(moment);
    if (isRepeated) {
      own.duplicatePackets++;
      return markRepeated(own, datagram);
    }
    this.#takeSegments(session, own, peer, datagram, moment);
    if (!this.#analysis) return;
    peer.window.pass(moment.timeUs);
    this.#experts.lookAtSilence(session, own, peer, datagram, moment);
  }

  #takeSegments(
    session: Session,
    own: Direction,
    peer: Direction,
    datagram: ExaminedDatagram,
    moment: Moment,
  ): void {
    const { segments, segmentCount } = datagram;
    this.#takeAcks(own, peer, datagram, moment);
    let pushes = 0;
    let duplicates = 0;
    for (let i = 0; i < segmentCount; i++) {
      const segment = segments[i];
      if (segment === undefined) break;
      own.segments++;
      this.#takeSegment(session, own, peer, segment, datagram, moment);
      if (segment.cmd > Command.windowTell) continue;
      if (this.#analysis) this.#takeHeader(session, own, peer, segment, moment);
      if (segment.cmd > Command.push) continue;
      pushes++;
      if ((segment.marks & SegmentMark.duplicate) !== 0) duplicates++;
    }
    if (pushes > 0 && pushes === duplicates) own.duplicatePackets++;
  }

  /** What single segments are acknowledged comes first: `una` of the same datagram says less about them. */
  #takeAcks(own: Direction, peer: Direction, datagram: ExaminedDatagram, moment: Moment): void {
    const { segments, segmentCount } = datagram;
    for (let i = 0; i < segmentCount; i++) {
      const segment = segments[i];
      if (segment?.cmd !== Command.ack) continue;
      own.acks++;
      if (!this.#analysis) continue;
      if (!peer.sent.acknowledge(moment, segment)) segment.marks |= SegmentMark.duplicateAck;
    }
  }

  #takeSegment(
    session: Session,
    own: Direction,
    peer: Direction,
    segment: ExaminedSegment,
    datagram: ExaminedDatagram,
    moment: Moment,
  ): void {
    switch (segment.cmd) {
      case Command.new:
      case Command.push:
        own.takeData(moment, segment, segment.payloadAt - segment.at + segment.length, this.#analysis);
        if (this.#analysis) this.#experts.lookAtMessage(session, own, peer, segment, moment);
        return;
      case Command.windowTell:
      case Command.pathResponse:
        own.keepalives++;
        peer.sent.answeredUs = moment.timeUs;
        return;
      case Command.windowAsk:
      case Command.pathChallenge:
        own.keepalives++;
        return;
      case Command.datagram:
        own.datagrams++;
        return;
      case Command.probe:
      case Command.probeAck:
        own.probes++;
        return;
      default:
        this.#takeEnd(session, own, peer, segment, datagram, moment);
    }
  }

  /** `wnd` and `una`, which count in 80 to 84. */
  #takeHeader(
    session: Session,
    own: Direction,
    peer: Direction,
    segment: ExaminedSegment,
    moment: Moment,
  ): void {
    const una = segment.una | 0;
    if (peer.sent.advance(moment, una)) segment.marks &= ~SegmentMark.duplicateAck;
    if ((segment.marks & SegmentMark.duplicateAck) !== 0) this.#takeDuplicateAck(own, segment, moment);
    const { window } = own;
    if (segment.wnd === 0) segment.marks |= SegmentMark.zeroWindow;
    // What comes late tells of room that was filled.
    if (window.max >= 0 && ((una - own.newestUna) | 0) < 0) return;
    own.newestUna = una;
    const zeroPacket = window.zeroPacket;
    const zeroUs = window.tell(segment.wnd, moment.timeUs, moment.packet);
    if (zeroUs > 0) this.#experts.lookAtStall(session, own, peer, zeroUs, [zeroPacket, moment.packet]);
    if (segment.wnd === 0) this.#experts.lookAtFullWindow(session, own, peer, moment);
  }

  #takeDuplicateAck(own: Direction, segment: ExaminedSegment, moment: Moment): void {
    if (moment.isCopy) {
      segment.marks = (segment.marks & ~SegmentMark.duplicateAck) | SegmentMark.duplicate;
      return;
    }
    own.duplicateAcks++;
  }

  #takeEnd(
    session: Session,
    own: Direction,
    peer: Direction,
    segment: ExaminedSegment,
    datagram: ExaminedDatagram,
    moment: Moment,
  ): void {
    const by = datagram.isFromClient ? 'client' : 'gateway';
    const { timeUs, packet } = moment;
    const end = { by, reason: '', timeUs, packet } as const;
    switch (segment.cmd) {
      case Command.kick:
        own.hasEnded = true;
        session.close ??= { ...end, code: segment.sn, how: 'kick', reason: reasonOf(segment, datagram) };
        return;
      case Command.reset:
        session.close ??= { ...end, code: CloseCode.staleSession, how: 'reset' };
        this.#experts.lookAtReset(session, moment);
        return;
      case Command.fin:
        if (segment.frg !== 0) return;
        own.hasEnded = true;
        if (segment.ts !== 0) session.close ??= { ...end, code: segment.ts, how: 'fin' };
        else if (peer.hasEnded) session.close ??= { ...end, by: 'both', code: CloseCode.normal, how: 'fin' };
        return;
    }
  }
}

function markRepeated(own: Direction, { segments, segmentCount }: ExaminedDatagram): void {
  for (let i = 0; i < segmentCount; i++) {
    const segment = segments[i];
    if (segment === undefined) return;
    segment.marks |= SegmentMark.duplicate;
    if (segment.cmd === Command.push || segment.cmd === Command.new) own.duplicateSegments++;
  }
}

function reasonOf(segment: ExaminedSegment, { clear, clearAt, clearLength }: ExaminedDatagram): string {
  if (clear === null) return '';
  const memory = wireMemory(clear);
  const isWhole = checkSegment(memory.view, segment.at, clearAt + clearLength, 0) > 0;
  return isWhole ? readKick(memory, segment.at).reason : '';
}
