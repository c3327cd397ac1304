import { Command } from '../../../../src/wire/command.ts';
import type { ExaminedDatagram, ExaminedSegment } from '../examined.ts';
import type { FoundDatagram, RecordedFacts } from '../found-datagram.ts';
import type { FlowState } from './flow-state.ts';
import { gatewayOf, isLoggedIn, type Link, type Session } from './session.ts';
import type { SessionTable } from './session-table.ts';

/** Finds the session of clear datagrams: by flow and conv, where one has not logged in. */
export class ClearSessions {
  readonly #sessions: SessionTable;
  /** Is told when a session without login seems to go on from another address, which it cannot. */
  readonly #onStrayed: (session: Session, link: Link, packet: number) => void;

  constructor(sessions: SessionTable, onStrayed: (session: Session, link: Link, packet: number) => void) {
    this.#sessions = sessions;
    this.#onStrayed = onStrayed;
  }

  /** @returns where the datagram belongs; null for what stands outside of sessions. */
  take(found: FoundDatagram, flow: FlowState, datagram: ExaminedDatagram): Link | null {
    const first = datagram.segments[0];
    if (first === undefined || datagram.segmentCount === 0) return flow.links.get(datagram.conv) ?? null;
    if (first.cmd === Command.new || first.cmd > Command.kick) flow.hasOwnCommands = true;
    const key = this.#keyOf(flow, datagram, first.conv);
    const link = flow.links.get(key);
    if (found.told?.isLoggedIn === true) return link ?? this.#goOn(flow, first, found.told);
    const isOutside = first.cmd === Command.probe || first.cmd === Command.probeAck;
    if (isOutside && link === undefined) {
      flow.probes++;
      return null;
    }
    if (first.cmd === Command.reset && link === undefined) return null;
    if (link === undefined || this.#beginsAnew(link, found, first)) {
      return this.#open(found, flow, key, first, link);
    }
    this.#learnSide(link, found, first);
    return link;
  }

  /** A recording is of one session, whatever path it takes, and has its client first. */
  #goOn(flow: FlowState, first: ExaminedSegment, { isSealed }: RecordedFacts): Link {
    const known = this.#sessions.newest(first.conv);
    const goesOn = known !== undefined && isLoggedIn(known);
    const session = goesOn ? known : this.#sessions.create(first.conv, isSealed ? 'sealed' : 'login_clear');
    return this.#sessions.link(session, flow, first.conv, true, 'recording');
  }

  /** Behind SPP several clients share a flow: where their convs are the same, their addresses tell. */
  #keyOf(flow: FlowState, { proxyBytes }: ExaminedDatagram, conv: number): number | string {
    if (proxyBytes === 0 || flow.proxyHeaders !== 'spp' || flow.realClient === null) return conv;
    const known = flow.links.get(conv)?.session.realClient;
    if (known === undefined || known === null || isSame(known, flow.realClient)) return conv;
    return `${conv} ${flow.realClient.address} ${flow.realClient.port}`;
  }

  /** Whether the first data of a client comes where a session has ended, or has been forgotten by its peer. */
  #beginsAnew({ session, clientIsA }: Link, found: FoundDatagram, first: ExaminedSegment): boolean {
    if (!isOpening(first) || isLoggedIn(session)) return false;
    if (clientIsA !== found.isFromA) return false;
    const { sent } = session.fromClient;
    if (!sent.isKnown || sent.hasSent(first.sn | 0, first.ts | 0)) return false;
    if (isKickOnItsWay(session, found.timeUs)) return false;
    if (session.close !== null) return true;
    return found.timeUs - session.lastUs > IDLE_US && (sent.una | 0) > 0;
  }

  #open(
    found: FoundDatagram,
    flow: FlowState,
    key: number | string,
    first: ExaminedSegment,
    former: Link | undefined,
  ): Link {
    const elsewhere = former === undefined ? this.#sessions.newest(first.conv) : undefined;
    const session = this.#sessions.create(first.conv, first.cmd === Command.new ? 'marked' : 'stock');
    session.beginningSeen = isOpening(first);
    const isFromClient = senderIsClient(first);
    const inherited = former ?? (flow.lastLink?.evidence === 'first_sender' ? null : flow.lastLink);
    const evidence = isFromClient === null ? null : first.cmd === Command.push ? 'opening' : 'command';
    let link: Link;
    if (evidence !== null) {
      link = this.#sessions.link(session, flow, key, isFromClient === found.isFromA, evidence);
    } else if (inherited !== null) {
      link = this.#sessions.link(session, flow, key, inherited.clientIsA, inherited.evidence);
    } else {
      const isConnection = found.flow.carrier !== 'udp';
      link = this.#sessions.link(session, flow, key, true, isConnection ? 'connected' : 'first_sender');
    }
    if (elsewhere !== undefined && !session.beginningSeen) {
      this.#lookWhetherStrayed(elsewhere, link, found, first);
    }
    return link;
  }

  /** Whether a session that was elsewhere goes on here: the same conv alone says little, some programs have only one. */
  #lookWhetherStrayed(elsewhere: Session, link: Link, found: FoundDatagram, first: ExaminedSegment): void {
    const there = elsewhere.links.at(-1);
    if (there === undefined || elsewhere.close !== null || isLoggedIn(elsewhere)) return;
    if (link.flow.flow.carrier !== 'udp' || there.flow.flow.carrier !== 'udp') return;
    if (!isSame(gatewayOf(there), gatewayOf(link)) || link.clientIsA !== found.isFromA) return;
    if (!elsewhere.isAnswered || found.timeUs - elsewhere.lastUs > STRAY_US) return;
    if (goesOn(elsewhere, first)) this.#onStrayed(elsewhere, link, found.packet);
  }

  #learnSide(link: Link, found: FoundDatagram, first: ExaminedSegment): void {
    if (link.evidence === 'command' || link.evidence === 'handshake' || link.evidence === 'key') return;
    const isFromClient = first.cmd === Command.push ? null : senderIsClient(first);
    if (isFromClient === null) return;
    if ((link.clientIsA === found.isFromA) !== isFromClient) link.session.correct(link);
    link.evidence = 'command';
    link.session.clientToldBy = 'command';
    if (first.cmd === Command.new) link.session.type = 'marked';
  }
}

/** Whether the client may not have heard yet that it was turned away: then it sends again what nobody acknowledged. */
function isKickOnItsWay({ close, fromClient }: Session, timeUs: number): boolean {
  if (close?.how !== 'kick' || fromClient.hasEnded || (fromClient.sent.una | 0) > 0) return false;
  return timeUs - close.timeUs < KICK_US;
}

/** Whether a segment can open a session. */
export const isOpening = ({ cmd, sn, una }: ExaminedSegment): boolean =>
  (cmd === Command.push || cmd === Command.new) && sn === 0 && una === 0;

/** Who sends such a segment; null when either side may. */
function senderIsClient(segment: ExaminedSegment): boolean | null {
  switch (segment.cmd) {
    case Command.new:
    case Command.probe:
      return true;
    case Command.kick:
    case Command.reset:
    case Command.probeAck:
    case Command.drain:
      return false;
    default:
      return isOpening(segment) ? true : null;
  }
}

/** Whether the numbers of a client's segment are those the session had come to. */
function goesOn({ fromClient, fromGateway }: Session, { cmd, sn, una }: ExaminedSegment): boolean {
  const isData = cmd === Command.push || cmd === Command.new;
  const { isKnown, next } = isData ? fromClient.sent : fromGateway.sent;
  return isKnown && Math.abs(((isData ? sn : una) - next) | 0) <= STRAY_SEGMENTS;
}

const isSame = (a: { address: string; port: number }, b: { address: string; port: number }): boolean =>
  a.port === b.port && a.address === b.address;

/** No KICK takes longer to its client. */
const KICK_US = 1e6;
/** After so long a silence first data begins a session even if the end of the one before was not captured. */
const IDLE_US = 30e6;
/** A session that was heard so long ago may still be meant. */
const STRAY_US = 60e6;
/** So far from where it was seen its numbers may be. */
const STRAY_SEGMENTS = 1024;
