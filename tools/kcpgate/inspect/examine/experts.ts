import { Command } from '../../../../src/wire/command.ts';
import { SegmentMark, type ExaminedDatagram, type ExaminedSegment } from '../examined.ts';
import type { ExaminerOptions, SpuriousEvidence } from './examiner-options.ts';
import type { Direction } from './direction.ts';
import type { FlowState } from './flow-state.ts';
import type { Moment } from './moment.ts';
import type { NoteBook } from './note-book.ts';
import { endText, hexConv, secondsText, sidesOf } from './note-words.ts';
import { ResetWatch } from './reset-watch.ts';
import { type Link, type Session, type SessionWatcher } from './session.ts';
import { SpuriousPackets } from './spurious-packets.ts';

/** Says what is wrong. Each check names the packets that show it. */
export class Experts implements SessionWatcher {
  readonly #notes: NoteBook;
  readonly #onSpurious: ExaminerOptions['onSpurious'];
  readonly #spurious = new SpuriousPackets();
  readonly #resets = new ResetWatch();

  constructor(notes: NoteBook, onSpurious: ExaminerOptions['onSpurious']) {
    this.#notes = notes;
    this.#onSpurious = onSpurious;
  }

  onSpurious(
    session: Session,
    direction: Direction,
    packet: number,
    sn: number,
    evidence: SpuriousEvidence,
    shownBy: number,
  ): void {
    direction.retransmissions.spurious++;
    this.#spurious.add(direction, packet);
    const isFromClient = session.fromClient === direction;
    this.#onSpurious?.({ session: session.index, isFromClient, packet, sn, evidence, shownBy });
  }

  onUnaBeyondSent(session: Session, direction: Direction, packet: number, una: number, next: number): void {
    const [sender, receiver] = sidesOf(session, direction);
    this.#notes.add(
      'una_beyond_sent',
      'error',
      session.index,
      [packet],
      `The ${receiver} acknowledged everything below ${una >>> 0} in packet ${packet}, but the ${sender} had sent only what is below ` +
        `${next >>> 0}. The datagram is forged or damaged: most implementations then throw away data that never arrived. ` +
        'See who sent it; sessions that log in and are sealed are safe from it.',
    );
  }

  onStuck(
    session: Session,
    direction: Direction,
    sn: number,
    sent: number,
    segmentBytes: number,
    throughBytes: number,
  ): void {
    if (sent === STUCK_FIRST) direction.stuckCount++;
    if (sent !== STUCK_FIRST && sent !== STUCK_SURE) return;
    if (direction.stuckCount < 2 && sent < STUCK_SURE) return;
    // One note for each line is enough.
    direction.stuckCount = -Infinity;
    const [sender, receiver] = sidesOf(session, direction);
    this.#notes.add(
      'mtu_black_hole',
      'error',
      session.index,
      direction.sent.packetsOf(sn),
      `Segment ${sn >>> 0} of ${segmentBytes} bytes was sent ${sent} times by the ${sender} without an acknowledgement, while the ` +
        `${receiver} answers what is small; datagrams of up to ${throughBytes} bytes got through. Something on the way drops large ` +
        'datagrams without saying so: set a smaller mtu on both sides, or repair the path.',
    );
  }

  /** A PUSH that is a piece of more than the peer takes at once. */
  lookAtMessage(
    session: Session,
    own: Direction,
    peer: Direction,
    { frg, sn, marks }: ExaminedSegment,
    { packet }: Moment,
  ): void {
    if (frg === 0 || frg < peer.window.max || peer.window.max < 0) return;
    if ((marks & (SegmentMark.retransmission | SegmentMark.duplicate)) !== 0) return;
    if (session.beginningSeen) this.#noteMessage(session, own, peer, frg, sn, packet);
    else own.largeMessage ??= { frg, sn, packet };
  }

  /** The peer's window is 0: where the largest window was not captured, that proves that a message is too large. */
  lookAtFullWindow(session: Session, own: Direction, peer: Direction, moment: Moment): void {
    const large = peer.largeMessage;
    if (large === null) return;
    const pieces = (peer.sent.una - large.sn) | 0;
    if (own.window.max > large.frg || pieces > large.frg) {
      peer.largeMessage = null;
      return;
    }
    peer.largeMessage = null;
    this.#noteMessage(session, peer, own, large.frg, large.sn, large.packet, moment.packet);
  }

  #noteMessage(
    session: Session,
    sender: Direction,
    receiver: Direction,
    frg: number,
    sn: number,
    ...packets: readonly number[]
  ): void {
    if (sender.isLargeMessageTold) return;
    sender.isLargeMessageTold = true;
    const [from, to] = sidesOf(session, sender);
    this.#notes.add(
      'message_larger_than_window',
      'error',
      session.index,
      packets,
      `The ${from} began a message of ${frg + 1} segments at sn ${sn}, but the ${to} takes ${receiver.window.max} at most ` +
        'at a time. The message can never be complete, and nothing behind it arrives. Send smaller messages, use stream ' +
        'mode, or give the receiver a larger window.',
    );
  }

  /** The window was 0 for a while and opened again. */
  lookAtStall(
    session: Session,
    own: Direction,
    peer: Direction,
    zeroUs: number,
    packets: readonly number[],
  ): void {
    if (zeroUs < STALL_US || peer.pushes === 0) return;
    const [slow, sender] = sidesOf(session, own);
    this.#notes.add(
      'zero_window_stall',
      'warning',
      session.index,
      packets,
      `The window of the ${slow} was 0 for ${secondsText(zeroUs)}: nothing could be sent to it. Its application did not take its data, ` +
        `or the announcement of room was lost. Look why the ${slow} reads slowly; the ${sender} is not at fault.`,
    );
  }

  /** Whether one side keeps sending while the other has fallen silent. */
  lookAtSilence(
    session: Session,
    own: Direction,
    peer: Direction,
    datagram: ExaminedDatagram,
    moment: Moment,
  ): void {
    peer.unanswered = 0;
    peer.isSilenceTold = false;
    if (!wantsAnswer(datagram)) return;
    if (own.unanswered++ === 0) {
      own.unansweredSinceUs = moment.timeUs;
      own.unansweredPacket = moment.packet;
    }
    const silentUs = moment.timeUs - own.unansweredSinceUs;
    const limitUs = datagram.clear === null ? SILENCE_UNREADABLE_US : SILENCE_US;
    if (own.isSilenceTold || own.unanswered < SILENCE_DATAGRAMS || silentUs < limitUs) return;
    if (peer.packets === 0 || peer.hasEnded || session.close !== null) return;
    own.isSilenceTold = true;
    const [sender, silent] = sidesOf(session, own);
    this.#notes.add(
      'one_way_silence',
      'warning',
      session.index,
      [own.unansweredPacket, peer.lastPacket, moment.packet],
      `The ${sender} has sent ${own.unanswered} datagrams that want an answer within ${secondsText(silentUs)}, and nothing came from the ` +
        `${silent} since packet ${peer.lastPacket}. One direction of the path is dead, or the ${silent} is gone or has another ` +
        `address: capture on its side, too, and look at firewalls and NAT mappings on the way.`,
    );
  }

  /** A RESET came, in or outside of a session. */
  lookAtReset(session: Session | null, { timeUs, packet }: Moment): void {
    const storm = this.#resets.take(session?.index ?? -1, timeUs, packet);
    if (storm === null) return;
    const whom = storm.session < 0 ? 'clients' : 'the client';
    this.#notes.add(
      'reset_storm',
      'warning',
      storm.session,
      storm.packets,
      `${storm.count} RESETs within ${secondsText(storm.us)}: the gateway does not know what ${whom} speak${whom === 'clients' ? '' : 's'} of, and it is not ` +
        'believed, or not received. After a restart of the gateway a few are usual; many mean that the reset keys of gateways ' +
        'differ, or that datagrams reach a gateway that does not own their sessions.',
    );
  }

  /** A session went on from another address. */
  noteRebinding(session: Session, from: Link, to: Link, packet: number): void {
    const [before, now] = [endText(from), endText(to)];
    this.#notes.add(
      'nat_rebinding',
      'note',
      session.index,
      [packet],
      `The client of conv ${hexConv(session.conv)} goes on from ${now} instead of ${before}, on the same path: a NAT on the way gave it ` +
        'another mapping. The session survives it; if it happens often, a shorter keepalive holds the mapping.',
    );
  }

  /** A session without login seems to go on from another address. */
  noteStrayed(session: Session, to: Link, packet: number): void {
    const from = session.links.at(-1);
    if (from === undefined) return;
    this.#notes.add(
      'nat_rebinding',
      'warning',
      session.index,
      [packet, session.lastPacket],
      `Data of conv ${hexConv(session.conv)} goes on from ${endText(to)} instead of ${endText(from)}: a NAT or a proxy on the way gave the ` +
        'client another address. It has not logged in, so its session ends here. Let clients log in, or keep the mapping alive.',
    );
  }

  /** Datagrams of a flow have no header although others from the same proxy have one. */
  noteProxyMissing(session: Session | null, flow: FlowState, packet: number, example: number): void {
    const { a, b } = flow.flow;
    this.#notes.add(
      'proxy_header_missing',
      'error',
      session?.index ?? -1,
      [packet, example],
      `Datagrams from ${a.address}:${a.port} to ${b.address}:${b.port} have no PROXY header, while other ports of that proxy send one. The gateway ` +
        'takes them for the proxy itself, or for nobody: the header of this source port was lost, or the proxy forgot the client. ' +
        'Use a proxy that repeats the header, or let clients log in: the address block survives.',
    );
  }

  /** Nothing more comes for a session: what only its whole shows. */
  conclude(session: Session): void {
    for (const direction of [session.fromClient, session.fromGateway]) {
      const peer = direction === session.fromClient ? session.fromGateway : session.fromClient;
      direction.sent.finish();
      this.#noteSpurious(session, direction);
      if (direction.window.last === 0 && session.close === null) {
        const { zeroSinceUs, zeroPacket } = direction.window;
        const zeroUs = session.lastUs - zeroSinceUs;
        this.lookAtStall(session, direction, peer, zeroUs, [zeroPacket, session.lastPacket]);
      }
    }
  }

  #noteSpurious(session: Session, direction: Direction): void {
    const { spurious, total } = direction.retransmissions;
    if (spurious < SPURIOUS_MIN || spurious < SPURIOUS_SHARE * direction.pushes) return;
    const [sender, receiver] = sidesOf(session, direction);
    const percent = ((100 * spurious) / direction.pushes).toFixed(1);
    this.#notes.add(
      'spurious_retransmission',
      'warning',
      session.index,
      this.#spurious.of(direction),
      `${spurious} of ${total} retransmissions of the ${sender} (${percent} % of its segments) were not needed: the segment had arrived. ` +
        `Acknowledgements of the ${receiver} are lost or late, datagrams overtake each other, or timeouts are too short. Look at loss ` +
        'in the other direction, at the interval of the receiver, and raise the fast retransmission threshold.',
    );
  }
}

function wantsAnswer({ segments, segmentCount, clear, kind }: ExaminedDatagram): boolean {
  if (clear === null) return kind === 'sealed';
  for (let i = 0; i < segmentCount; i++) {
    const cmd = segments[i]?.cmd;
    if (cmd === Command.push || cmd === Command.new || cmd === Command.windowAsk) return true;
    if (cmd === Command.pathChallenge) return true;
  }
  return false;
}

/** A window of 0 for less is the usual way to slow a sender down. */
const STALL_US = 1e6;
/** An answer to data takes less, whatever the path; a side that cannot be read may have nothing to say for longer. */
const SILENCE_US = 5e6;
const SILENCE_UNREADABLE_US = 15e6;
const SILENCE_DATAGRAMS = 5;
const STUCK_FIRST = 4;
const STUCK_SURE = 6;
/** So many spurious retransmissions, and so many of all segments, are worth a word. */
const SPURIOUS_MIN = 5;
const SPURIOUS_SHARE = 0.02;
