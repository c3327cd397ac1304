import type { Flow, FlowEnd, FoundCarrier } from '../found-datagram.ts';
import type { LoggedKey } from '../key-log.ts';
import type { SpuriousEvidence } from './examiner-options.ts';
import { Direction } from './direction.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { SentDataListener } from './sent-data.ts';
import {
  MAX_LINE_CHANGES,
  MAX_SESSION_FLOWS,
  type ClientEvidence,
  type LineChange,
  type SessionClose,
  type SessionReport,
  type SessionType,
} from './session-report.ts';

/** Learns what the data of a session shows. */
export interface SessionWatcher {
  onSpurious(
    session: Session,
    direction: Direction,
    packet: number,
    sn: number,
    evidence: SpuriousEvidence,
    shownBy: number,
  ): void;
  onUnaBeyondSent(session: Session, direction: Direction, packet: number, una: number, next: number): void;
  onStuck(
    session: Session,
    direction: Direction,
    sn: number,
    sent: number,
    segmentBytes: number,
    throughBytes: number,
  ): void;
}

/** A flow as its sessions see it. */
export interface SessionFlow {
  readonly flow: Flow;
  /** Sessions on it, by conv; behind SPP by conv and client where one conv has several. */
  readonly links: Map<number | string, Link>;
  /** The one that was heard last. */
  lastLink: Link | null;
  /** Whom the last header named. */
  readonly realClient: FlowEnd | null;
  readonly proxyHeaderCount: number;
  /** Whether most of it cannot be read: what looks readable there is chance. */
  readonly isOpaque: boolean;
}

/** A session on one flow. */
export interface Link {
  readonly session: Session;
  readonly flow: SessionFlow;
  /** What the flow finds it by. */
  readonly key: number | string;
  clientIsA: boolean;
  evidence: ClientEvidence;
  /** Whether a HELLO_CLEAR offered to move here since the session was here last. */
  isOffered: boolean;
}

/** What is known of one session. */
export class Session implements SessionReport {
  readonly index: number;
  readonly conv: number;
  type: SessionType;
  clientToldBy: ClientEvidence = 'first_sender';
  realClient: FlowEnd | null = null;
  readonly flows: Flow[] = [];
  readonly carriers: FoundCarrier[] = [];
  firstUs = 0;
  lastUs = 0;
  firstPacket = 0;
  lastPacket = 0;
  beginningSeen = false;
  unopened = 0;
  handshakeUs = NaN;
  readonly lineChanges: LineChange[] = [];
  lineChangeCount = 0;
  close: SessionClose | null = null;
  fromClient: Direction;
  fromGateway: Direction;

  /** Every flow it is found on, the one used last at the end; at most {@link MAX_SESSION_FLOWS}. */
  readonly links: Link[] = [];
  /** The flow that carries it; null before its first data. */
  current: Link | null = null;
  pathId = -1;
  /** Counts line changes. */
  epoch = 0;
  /** Nothing but the look of one datagram speaks for it. */
  isGuess = false;
  wasUsed = false;
  /** When the first HELLO was captured, and the first answer. */
  helloUs = NaN;
  helloAckUs = NaN;
  /** 32 hex digits each, empty while unknown. */
  clientRandom = '';
  serverRandom = '';
  clientKey: LoggedKey | null = null;
  serverKey: LoggedKey | null = null;
  /** The session of the same conv that this one takes the place of. */
  previous: Session | null = null;

  constructor(index: number, conv: number, type: SessionType, budget: MemoryBudget, watcher: SessionWatcher) {
    this.index = index;
    this.conv = conv;
    this.type = type;
    this.fromClient = this.#side(budget, watcher);
    this.fromGateway = this.#side(budget, watcher);
  }

  get client(): FlowEnd {
    const link = this.current ?? this.links.at(-1);
    return link === undefined ? NOWHERE : clientOf(link);
  }

  get gateway(): FlowEnd {
    const link = this.current ?? this.links.at(-1);
    return link === undefined ? NOWHERE : gatewayOf(link);
  }

  /** Whether both sides were heard. */
  get isAnswered(): boolean {
    return this.fromClient.packets > 0 && this.fromGateway.packets > 0;
  }

  /** Counts a flow it is on. @returns a link that gave way to it, to be taken out of its flow. */
  addLink(link: Link): Link | undefined {
    const { flow } = link.flow;
    if (this.flows.length < MAX_SESSION_FLOWS && !this.flows.includes(flow)) this.flows.push(flow);
    if (!this.carriers.includes(flow.carrier)) this.carriers.push(flow.carrier);
    this.links.push(link);
    return this.links.length > MAX_SESSION_FLOWS ? this.links.shift() : undefined;
  }

  /** On this flow the other end is the client. Where nothing better than a guess said who it is, all that was counted changes sides. */
  correct(link: Link): void {
    if (!GUESSES.has(this.clientToldBy)) {
      link.clientIsA = !link.clientIsA;
      return;
    }
    [this.fromClient, this.fromGateway] = [this.fromGateway, this.fromClient];
    for (const link of this.links) link.clientIsA = !link.clientIsA;
  }

  /** It goes on over another flow. */
  moveTo(link: Link, isRebinding: boolean, timeUs: number, packet: number): void {
    const from = this.current;
    this.current = link;
    if (from === null) return;
    this.lineChangeCount++;
    if (this.lineChanges.length < MAX_LINE_CHANGES) {
      this.lineChanges.push({ timeUs, packet, from: from.flow.flow, to: link.flow.flow, isRebinding });
    }
    if (isRebinding) return;
    this.epoch++;
    for (const side of [this.fromClient, this.fromGateway]) {
      side.sent.changeLine();
      side.stuckCount = 0;
    }
  }

  #side(budget: MemoryBudget, watcher: SessionWatcher): Direction {
    const listener: SentDataListener = {
      onSpurious: (packet, sn, evidence, shownBy) => {
        watcher.onSpurious(this, direction, packet, sn, evidence, shownBy);
      },
      onUnaBeyondSent: (packet, una, next) => {
        watcher.onUnaBeyondSent(this, direction, packet, una, next);
      },
      onStuck: (sn, sent, segmentBytes, throughBytes) => {
        watcher.onStuck(this, direction, sn, sent, segmentBytes, throughBytes);
      },
    };
    const direction = new Direction(budget, listener);
    return direction;
  }
}

export const isLoggedIn = ({ type }: Session): boolean => type === 'sealed' || type === 'login_clear';

export const clientOf = ({ flow, clientIsA }: Link): FlowEnd => (clientIsA ? flow.flow.a : flow.flow.b);
export const gatewayOf = ({ flow, clientIsA }: Link): FlowEnd => (clientIsA ? flow.flow.b : flow.flow.a);

const GUESSES: ReadonlySet<ClientEvidence> = new Set(['connected', 'first_sender', 'opening']);
const NOWHERE: FlowEnd = { address: '', port: 0 };
