import type { ReceiveBatch } from '../carrier/carrier.ts';
import { ownerOf } from '../wire/conversation.ts';
import type { DropReason } from './drop-reason.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { Relay } from './relay-port.ts';
import type { StatelessAnswers } from './stateless-answers.ts';

/** Who an endpoint is for those that ask. */
export interface EndpointIdentity {
  /** Owner of its sessions: the top byte of their `conv`. */
  readonly gatewayId: number;
  /** As in the configuration. */
  readonly ownersAreRouted: boolean;
  /** As in the components. */
  readonly isOwnerGone: (gatewayId: number) => boolean;
  readonly nodeNumber: number;
  readonly epochSeconds: number;
}

/** How an endpoint is doing. */
export interface EndpointCondition {
  /** 0 to 255. */
  readonly load: number;
  readonly isDraining: boolean;
}

/** Datagrams of no session here: they go on to the gateway that owns it, or are answered without one. */
export class Strangers {
  private readonly answers: StatelessAnswers;
  /** Takes what belongs to other gateways; set when there are any. */
  relay: Relay | undefined;
  private readonly identity: EndpointIdentity;
  private readonly condition: EndpointCondition;
  private readonly flush: () => void;
  /** Datagrams sent on. */
  relayed = 0;

  /** @param flush seals and sends what was written on every port. */
  constructor(
    answers: StatelessAnswers,
    identity: EndpointIdentity,
    condition: EndpointCondition,
    flush: () => void,
  ) {
    this.answers = answers;
    this.flush = flush;
    this.identity = identity;
    this.condition = condition;
  }

  handleUnknown(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): void {
    if (this.forward(port, batch, conv, offset, length, slot)) return;
    port.drops.count(this.reset(now, port, conv, length, slot));
  }

  /** Sends a datagram of a session that another gateway owns there. @returns whether it is another's. */
  forward(
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): boolean {
    const owner = ownerOf(conv);
    if (this.relay === undefined || owner === this.identity.gatewayId || owner === 0) return false;
    // Who stands in front gave up that owner, and here nobody can reach it.
    if (this.identity.ownersAreRouted && !this.relay.knows(owner)) return false;
    if (this.send(this.relay, owner, port, slot, batch.bytes, offset, length)) this.relayed++;
    else port.drops.count('relay_failed');
    return true;
  }

  private send(
    relay: Relay,
    owner: number,
    port: EndpointPort,
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    if (relay.forward(owner, port, slot, bytes, offset, length)) return true;
    if (!relay.isFull) return false;
    this.flush();
    return relay.forward(owner, port, slot, bytes, offset, length);
  }

  handleProbe(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): void {
    if (conv !== 0 && this.forward(port, batch, conv, offset, length, slot)) return;
    const condition = {
      nodeNumber: this.identity.nodeNumber,
      epochSeconds: this.identity.epochSeconds,
      load: this.condition.load,
      draining: this.condition.isDraining,
      notReady: false,
    };
    const reason = this.answers.answerProbe(now, port, batch, offset, length, slot, condition);
    if (reason !== undefined) port.drops.count(reason);
  }

  /**
   * Whether a conversation of another gateway was brought here: its owner is gone, or what stands in front took it for that
   * of somebody else. It is not opened here: what stands in front leads to its owner again, or later.
   */
  isAstray(port: EndpointPort, conv: number, slot: number): boolean {
    const { gatewayId, ownersAreRouted } = this.identity;
    if (!ownersAreRouted || ownerOf(conv) === gatewayId) return false;
    // What came past the proxies was brought by nobody.
    return port.carrier.proxyOf === undefined || port.carrier.proxyOf(slot) !== undefined;
  }

  /**
   * Tells a client that its conversation is not to be had here. Not for those of other gateways, unless they are gone: the
   * token would end the session at its owner, and anybody can come here with any conversation: a proxy leads who has come
   * once by what he said first. @returns the reason to count.
   */
  reset(now: number, port: EndpointPort, conv: number, length: number, slot: number): DropReason {
    const owner = ownerOf(conv);
    const { gatewayId, isOwnerGone } = this.identity;
    if (owner !== gatewayId && !(this.isAstray(port, conv, slot) && isOwnerGone(owner)))
      return 'unknown_session';
    return this.answers.reset(now, port, conv, length, slot);
  }
}
