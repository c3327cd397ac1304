import { ClockRing } from '../clock-ring.ts';
import type { ClientEvidence, SessionType } from './session-report.ts';
import type { FlowState } from './flow-state.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { type Link, Session, type SessionWatcher } from './session.ts';

/** Every session that is known: by flow and conv, and by conv alone. Those that give way were used long ago, unanswered ones first. */
export class SessionTable {
  /** Sessions that gave way. */
  forgotten = 0;
  /** Is told of each session that gives way, while it still is what it was. */
  onForget: (session: Session) => void = () => undefined;
  readonly #budget: MemoryBudget;
  readonly #watcher: SessionWatcher;
  readonly #maxSessions: number;
  readonly #unanswered = new ClockRing<Session>();
  readonly #answered = new ClockRing<Session>();
  /** The newest session of each conv. */
  readonly #byConv = new Map<number, Session>();
  #count = 0;

  constructor(budget: MemoryBudget, watcher: SessionWatcher, maxSessions: number) {
    this.#budget = budget;
    this.#watcher = watcher;
    this.#maxSessions = maxSessions;
  }

  /** In order of appearance. */
  all(): Session[] {
    return [...this.#answered.values(), ...this.#unanswered.values()].sort((a, b) => a.index - b.index);
  }

  /** The newest session of a conv. */
  newest(conv: number): Session | undefined {
    return this.#byConv.get(conv);
  }

  create(conv: number, type: SessionType): Session {
    if (this.#answered.size + this.#unanswered.size >= this.#maxSessions) this.#forgetOne();
    const session = new Session(this.#count++, conv, type, this.#budget, this.#watcher);
    this.#unanswered.add(session);
    this.#byConv.set(conv, session);
    return session;
  }

  /** Says that a session has had a datagram. */
  use(session: Session): void {
    // Once is nothing: a flood of new sessions does not push out one that goes on.
    if (session.lastPacket !== session.firstPacket) session.wasUsed = true;
    if (session.isAnswered && this.#unanswered.delete(session)) this.#answered.add(session);
  }

  /** The session on a flow; makes the link when there is none. */
  link(
    session: Session,
    flow: FlowState,
    key: number | string,
    clientIsA: boolean,
    evidence: ClientEvidence,
  ): Link {
    const known = flow.links.get(key);
    if (known?.session === session) return known;
    const earlier = session.links.find((one) => one.flow === flow);
    if (earlier !== undefined) {
      flow.links.set(key, earlier);
      return earlier;
    }
    const link: Link = { session, flow, key, clientIsA, evidence, isOffered: false };
    flow.links.set(key, link);
    const displaced = session.addLink(link);
    if (displaced !== undefined) unlink(displaced);
    if (session.links.length === 1) session.clientToldBy = evidence;
    return link;
  }

  /** Forgets what stands behind a flow that gave way. */
  forgetFlow(flow: FlowState): void {
    for (const { session } of flow.links.values()) {
      if (session.links.every((link) => link.flow === flow)) this.#forget(session);
    }
  }

  /** A clock with one hand: who was used since it passed last is passed over. */
  #forgetOne(): void {
    const ring = this.#unanswered.size > 0 ? this.#unanswered : this.#answered;
    for (let session = ring.next(); session !== undefined; session = ring.next()) {
      if (!session.wasUsed) return this.#forget(session);
      session.wasUsed = false;
    }
  }

  #forget(session: Session): void {
    this.onForget(session);
    this.forgotten++;
    this.#unanswered.delete(session);
    this.#answered.delete(session);
    if (this.#byConv.get(session.conv) === session) this.#byConv.delete(session.conv);
    for (const link of session.links) unlink(link);
    session.previous = null;
    session.fromClient.sent.clear();
    session.fromGateway.sent.clear();
  }
}

function unlink(link: Link): void {
  const { flow, key } = link;
  if (flow.links.get(key) === link) flow.links.delete(key);
  if (flow.lastLink === link) flow.lastLink = null;
}
