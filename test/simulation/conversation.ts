import type { SessionPort } from '../../src/base/sink.ts';
import { ByteStreamModel, DatagramModel } from './byte-stream-model.ts';
import { StreamApplication, type Side } from './stream-application.ts';

/** What a conversation tells of itself. */
export interface ConversationEvents {
  readonly now: () => number;
  readonly report: (fault: Error) => void;
  readonly closed: (conversation: Conversation, side: Side) => void;
}

export interface ConversationParts extends ConversationEvents {
  /** No two have the same. */
  readonly number: number;
  /** Number of the client. */
  readonly owner: number;
  readonly conv: number;
  readonly isClear: boolean;
  readonly isStream: boolean;
}

/**
 * What one dial of a client should become: a session with two ends, and what each direction of it carries. The end at the gateway is
 * there when its session opened.
 */
export class Conversation {
  readonly number: number;
  readonly owner: number;
  readonly conv: number;
  readonly isClear: boolean;
  readonly isStream: boolean;
  readonly up: ByteStreamModel;
  readonly down: ByteStreamModel;
  readonly datagramsUp: DatagramModel;
  readonly datagramsDown: DatagramModel;
  client!: StreamApplication;
  gateway: StreamApplication | undefined;
  /** The process of an end died. */
  isClientDead = false;
  isGatewayDead = false;
  /** Another dial had the same `conv`, while the end at the gateway was open or later. */
  isReplaced = false;
  /** When it was dialled, the gateway still had a session of that `conv`. */
  metOlder = false;
  /** The gateway let nobody in at some time since the dial. */
  metDraining = false;
  /** The gateway was closed in order while this was open, without a word asked of anybody. */
  isCutOff = false;
  /** A NAT gave its client another address: until that says something, nothing reaches it. */
  wasRebound = false;
  /** It went to a path that it had left. */
  isBackOnOldPath = false;
  /**
   * Nothing happened to it that could lose a datagram: no weather, no attack, no new address, only moves
   * that waited for an answer.
   */
  isSheltered = true;
  /** The last time at which something hindered it. */
  lastRoughMs = -Infinity;
  /** Its close was looked at. */
  isChecked = false;
  readonly #parts: ConversationParts;

  constructor(parts: ConversationParts) {
    const { number, owner, conv, isClear, isStream } = parts;
    this.#parts = parts;
    this.number = number;
    this.owner = owner;
    this.conv = conv;
    this.isClear = isClear;
    this.isStream = isStream;
    this.up = new ByteStreamModel(`dial ${number} up`, 2 * number, isStream);
    this.down = new ByteStreamModel(`dial ${number} down`, 2 * number + 1, isStream);
    this.datagramsUp = new DatagramModel(`dial ${number} messages up`, 2 * number);
    this.datagramsDown = new DatagramModel(`dial ${number} messages down`, 2 * number + 1);
  }

  /** Something hinders it until then. */
  noteRough(untilMs: number): void {
    this.isSheltered = false;
    this.lastRoughMs = Math.max(this.lastRoughMs, untilMs);
  }

  get wasRough(): boolean {
    return this.lastRoughMs > -Infinity;
  }

  get isClientOver(): boolean {
    return this.isClientDead || this.client.ended !== undefined;
  }

  get isGatewayOver(): boolean {
    return this.isGatewayDead || this.gateway === undefined || this.gateway.ended !== undefined;
  }

  get isOver(): boolean {
    return this.isClientOver && this.isGatewayOver;
  }

  /** Both ends are there. */
  get isLive(): boolean {
    return !this.isClientOver && !this.isGatewayOver;
  }

  /** Everything arrived that either end was told to send. */
  get isDelivered(): boolean {
    const { client, gateway, up, down } = this;
    return client.isIdle && gateway?.isIdle === true && up.isComplete && down.isComplete;
  }

  /** Both directions came to their end: the session should close by itself. */
  get isFinished(): boolean {
    return this.up.isEnded && this.down.isEnded;
  }

  at(side: Side): StreamApplication | undefined {
    return side === 'client' ? this.client : this.gateway;
  }

  /** The user of an end that is made now. */
  join(side: Side, port: SessionPort): StreamApplication {
    const { now, report, closed } = this.#parts;
    const isClient = side === 'client';
    const application = new StreamApplication({
      side,
      port,
      out: isClient ? this.up : this.down,
      in: isClient ? this.down : this.up,
      datagramsOut: isClient ? this.datagramsUp : this.datagramsDown,
      datagramsIn: isClient ? this.datagramsDown : this.datagramsUp,
      now,
      report: (fault) => {
        // Whoever is dead says nothing.
        if (!(isClient ? this.isClientDead : this.isGatewayDead)) report(fault);
      },
      closed: () => {
        closed(this, side);
      },
    });
    if (isClient) this.client = application;
    else this.gateway = application;
    return application;
  }

  /** For people. */
  get text(): string {
    const kind = `${this.isClear ? 'clear' : 'sealed'} ${this.isStream ? 'stream' : 'messages'}`;
    const gateway = this.gateway === undefined ? 'no end at the gateway' : this.gateway.text;
    const dead = `${this.isClientDead ? ' (client dead)' : ''}${this.isGatewayDead ? ' (gateway dead)' : ''}`;
    return `dial ${this.number} (conv ${this.conv}, ${kind})${dead}: ${this.client.text} | ${gateway}`;
  }
}
