import { CloseCode, closeCodeName } from '../../src/base/close-code.ts';
import { ModelFault } from './byte-stream-model.ts';
import type { Conversation } from './conversation.ts';
import type { SessionEnd, Side, StreamApplication } from './stream-application.ts';

/** How a run is set, as far as it bears on how sessions end. */
export interface CloseRulesSetup {
  readonly idleTimeoutMs: number;
  /** The client asks after so long whether the gateway is there. */
  readonly keepAliveMs: number;
  /** Memory is so short that it may hold up anybody. */
  readonly isScarce: boolean;
}

/** One end of a session that is over, and what there is of the other one. */
interface Ending {
  readonly conversation: Conversation;
  readonly side: Side;
  readonly own: StreamApplication;
  readonly end: SessionEnd;
  readonly other: StreamApplication | undefined;
  readonly isOtherDead: boolean;
}

/**
 * Fails when an end of a session closed in a way that nothing explains, or with a code that promises more than arrived, or
 * when both ends do not say the same although nothing hindered them. To be asked when both ends are over.
 */
export function checkCloses(conversation: Conversation, setup: CloseRulesSetup): void {
  const endings = (['client', 'gateway'] as const).flatMap((side) => endingOf(conversation, side));
  for (const ending of endings) {
    const { side, own, end } = ending;
    const what = `the ${side} closed with ${closeCodeName(end.code)} "${end.reason}" at ${end.atMs}`;
    if (!isExplained(ending, setup))
      throw new ModelFault(`${what}, which nothing explains\n  ${conversation.text}`);
    if (promisesAll(ending, setup) && own.in.delivered !== own.in.taken)
      throw new ModelFault(
        `${what}, but ${own.in.delivered} of ${own.in.taken} bytes came\n  ${conversation.text}`,
      );
  }
  const [client, gateway] = endings;
  if (client === undefined || gateway === undefined || client.end.code === gateway.end.code) return;
  if (isUnhindered(conversation, setup) && !maySayDifferent(client, gateway))
    throw new ModelFault(`both ends closed, and not with the same code\n  ${conversation.text}`);
}

/** An end that died says nothing. */
function endingOf(conversation: Conversation, side: Side): Ending[] {
  const [own, other] = [conversation.at(side), conversation.at(side === 'client' ? 'gateway' : 'client')];
  const dead = { client: conversation.isClientDead, gateway: conversation.isGatewayDead };
  if (own?.ended === undefined || dead[side]) return [];
  const isOtherDead = side === 'client' ? dead.gateway : dead.client;
  return [{ conversation, side, own, end: own.ended, other, isOtherDead }];
}

/** Whether there is a reason to close with this code. */
function isExplained(ending: Ending, setup: CloseRulesSetup): boolean {
  const { conversation, side, own, other, isOtherDead } = ending;
  const { code, atMs, wasReading } = ending.end;
  const wasRough = conversation.wasRough || setup.isScarce || isOtherDead;
  if (own.askedCode === code || wasTold(ending)) return true;
  switch (code) {
    case CloseCode.normal:
      return own.in.isComplete && own.in.isEndTold && own.out.isEnded;
    case CloseCode.idleTimeout:
      return mayBeIdle(ending, setup);
    case CloseCode.deadLink:
      // A goodbye that was not to be said in time: the other end may not read. While one is about to close it takes nothing.
      return wasRough || other?.askedCode !== undefined || (own.askedCode !== undefined && isCut(own));
    case CloseCode.slowConsumer:
      // It did not read when the session had to end.
      return !wasReading;
    case CloseCode.kicked:
      // The client closed in order, and gave up before all of it was across.
      return side === 'gateway' && other?.askedCode === CloseCode.normal && isCut(other);
    case CloseCode.staleSession:
      if (side === 'gateway') return false;
      return conversation.isGatewayDead || conversation.isReplaced || hasLeft(other, atMs) || wasRough;
    case CloseCode.replaced:
      return conversation.isReplaced;
    case CloseCode.drain:
      return conversation.metDraining || conversation.isCutOff;
    default:
      return false;
  }
}

/** Whether the other end closed with this code and said so. */
function wasTold({ side, end: { code, reason }, other }: Ending): boolean {
  if (other?.askedCode === code) return true;
  // A client learns the reason, too; a gateway only that its peer closed.
  return other?.ended?.code === code && (side === 'client' || reason === 'the peer closed');
}

/** Whether an end may have heard nothing for too long, or missed something all that time. */
function mayBeIdle(ending: Ending, { idleTimeoutMs, keepAliveMs, isScarce }: CloseRulesSetup): boolean {
  const { conversation, side, other, isOtherDead } = ending;
  const { atMs, reason } = ending.end;
  if (reason !== 'nothing arrived') return conversation.wasRough || isScarce;
  // The handshake was not finished in time; what the client says then is noise to the older session.
  if (side === 'client' && conversation.metOlder && other === undefined) return conversation.wasRough;
  // It asks by itself, and who does not know it any more would tell it so.
  if (side === 'client') return conversation.lastRoughMs >= atMs - 1.3 * keepAliveMs - ANSWER_MS;
  const wasRough = conversation.lastRoughMs >= atMs - idleTimeoutMs - GRID_MS;
  return wasRough || isOtherDead || hasLeft(other, atMs);
}

/** Whether a code says that everything arrived that the other end sent. */
function promisesAll({ conversation, own, end: { code }, other }: Ending, setup: CloseRulesSetup): boolean {
  if (own.askedCode !== undefined) return false;
  // Both directions ended, or the other end left in order.
  if (code === CloseCode.normal) return true;
  if (other?.askedCode !== code || other.ended?.code !== code) return false;
  // The other end asked, had all of it acknowledged (else it would have closed with another code), and this one was told. Whoever
  // is kicked is not asked to wait for that; what is little gets across all the same.
  return !other.isKicked || (other.outstandingBytes < LITTLE_BYTES && isUnhindered(conversation, setup));
}

/** Nothing was in the way, and both read all the time. */
function isUnhindered(conversation: Conversation, { isScarce }: CloseRulesSetup): boolean {
  const { client, gateway, wasRough, wasRebound, isReplaced } = conversation;
  return (
    !wasRough && !wasRebound && !isScarce && !isReplaced && !client.hasPaused && gateway?.hasPaused === false
  );
}

/** Both asked at the same time, or one when all was done, or one could not get everything across in time. */
function maySayDifferent({ conversation, own, end }: Ending, { own: other, end: otherEnd }: Ending): boolean {
  if (own.askedCode !== undefined && other.askedCode !== undefined) return true;
  if (conversation.isFinished && own.in.isComplete && other.in.isComplete) return true;
  return end.code === CloseCode.deadLink || otherEnd.code === CloseCode.deadLink;
}

const hasLeft = (end: StreamApplication | undefined, atMs: number): boolean =>
  end?.ended !== undefined && end.ended.atMs <= atMs;

/** Not everything it sent was delivered. */
const isCut = (end: StreamApplication): boolean => end.out.delivered < end.out.taken;

/** Deadlines of that kind are rounded up to whole seconds. */
const GRID_MS = 2_000;
/** How long questions and their answers may take. */
const ANSWER_MS = 3_000;
const LITTLE_BYTES = 4_000;
