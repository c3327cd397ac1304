import { formatSocketAddress, sourceKey } from '../base/address.ts';
import { CloseCode } from '../base/close-code.ts';
import type { Logger } from '../base/logger.ts';
import type { ReceiveBatch } from '../carrier/carrier.ts';
import { configOfConversation } from '../kcp/index.ts';
import { Path, type PeerKind } from '../session/index.ts';
import { Command } from '../wire/command.ts';
import { KICK_MAX_BYTES, writeKick } from '../wire/kick.ts';
import { readReset } from '../wire/reset.ts';
import {
  checkSegment,
  commandOf,
  conversationOf,
  SEGMENT_HEADER_BYTES,
  unacknowledgedOf,
} from '../wire/segment.ts';
import type { DropReason } from './drop-reason.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { LoginOpener } from './login-opener.ts';
import { openingPeer } from './opening.ts';
import type { SessionRegistry } from './session-registry.ts';
import { LOGIN_KEY, pathKey, type SessionEntry } from './session-table.ts';
import type { EndpointCondition, Strangers } from './strangers.ts';

/** What kind of endpoint a {@link ClearReceiver} is for. */
export interface ClearRules {
  /** Peers may open sessions, and ask. */
  readonly isGateway: boolean;
  /** There are sessions that logged in. */
  readonly hasLogins: boolean;
}

/** Takes clear datagrams: of stock peers and of clear sessions; lets new ones in. */
export class ClearReceiver {
  private readonly registry: SessionRegistry;
  private readonly strangers: Strangers;
  private readonly opener: LoginOpener | undefined;
  private readonly condition: EndpointCondition;
  private readonly logger: Logger;
  private readonly isGateway: boolean;
  private readonly hasLogins: boolean;

  constructor(
    registry: SessionRegistry,
    strangers: Strangers,
    opener: LoginOpener | undefined,
    condition: EndpointCondition,
    logger: Logger,
    { isGateway, hasLogins }: ClearRules,
  ) {
    this.registry = registry;
    this.strangers = strangers;
    this.opener = opener;
    this.condition = condition;
    this.logger = logger;
    this.isGateway = isGateway;
    this.hasLogins = hasLogins;
  }

  handleDatagram(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
  ): void {
    const { view } = batch;
    const conv = conversationOf(view, offset);
    let entry = this.registry.table.find(pathKey(port.number, slot), conv);
    if (entry === undefined) {
      const command = commandOf(view, offset);
      if (command === Command.probe && this.isGateway)
        return this.strangers.handleProbe(now, port, batch, conv, offset, length, slot);
      if (command === Command.reset && this.hasLogins)
        return this.handleReset(now, port, batch, conv, offset, length);
      if (this.hasLogins) {
        const login = this.findClear(now, port, conv, offset, length, slot, batch);
        if (login === 'dropped') return;
        if (login !== undefined) {
          this.registry.deliver(
            now,
            port,
            batch,
            login,
            offset,
            0,
            length,
            0,
            slot,
            login.session.path.id,
            false,
          );
          return;
        }
      }
      entry = this.admit(now, port, batch, offset, length, slot, conv);
      if (entry === undefined) return;
    }
    this.registry.markDirty(entry);
    try {
      const fault = entry.session.handleDatagram(now, batch.bytes, view, offset, length);
      if (fault !== 0) port.drops.countFault(fault);
    } catch (error) {
      this.registry.fail(entry, error);
    }
  }

  /** The clear session that logged in and has this path; it opens with its first datagram after the HELLO. */
  private findClear(
    now: number,
    port: EndpointPort,
    conv: number,
    offset: number,
    length: number,
    slot: number,
    batch: ReceiveBatch,
  ): SessionEntry | 'dropped' | undefined {
    const halves = this.opener?.handshakes.halfOpen;
    // Whoever opens a session has received nothing of it; what says otherwise is of one that was lost here in a restart.
    if (halves !== undefined && halves.size > 0 && unacknowledgedOf(batch.view, offset) === 0) {
      const half = halves
        .of(conv)
        .find((one) => one.seal === undefined && one.originAt(port.number, slot) !== undefined);
      if (half !== undefined) return this.opener?.establish(now, port, half, slot, 0);
    }
    const entry = this.registry.table.find(LOGIN_KEY, conv);
    if (entry === undefined) {
      // Stock peers would not understand a RESET; where clear sessions may log in, it may be one of those.
      if (!this.isGateway || port.config.allowClear !== true || port.config.allowStock) return undefined;
      if (this.opener?.handshakes.isSealing(conv) === true) {
        port.drops.count('seal_required');
        return 'dropped';
      }
      this.strangers.handleUnknown(now, port, batch, conv, offset, length, slot);
      return 'dropped';
    }
    if (entry.session.seal !== undefined || entry.session.state === 'opening') {
      port.drops.count('seal_required');
      return 'dropped';
    }
    if (entry.session.hasPath(port.number, slot)) return entry;
    port.drops.count('path_not_allowed');
    return 'dropped';
  }

  private handleReset(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
  ): void {
    const entry = this.registry.table.find(LOGIN_KEY, conv);
    const isWhole = checkSegment(batch.view, offset, offset + length, 0) > 0;
    const reset = isWhole ? readReset(batch, offset) : 'truncated';
    if (entry === undefined || typeof reset === 'string' || !entry.session.handleReset(now, reset.token))
      port.drops.count('reset_not_believed');
  }

  /** A datagram of no known session: opens one without login if it may. */
  private admit(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
    conv: number,
  ): SessionEntry | undefined {
    if (!this.isGateway) return this.drop(port, 'unknown_session');
    const { config, group, carrier } = port;
    const peer = openingPeer(batch.view, offset, length, config.kcp.receiveWindow);
    if (peer === undefined) return this.drop(port, 'not_an_opening');
    if (!config.allowStock) return this.drop(port, 'stock_not_allowed');
    if (this.condition.isDraining) return this.refuse(port, slot, conv, peer, CloseCode.drain, 'draining');
    // The block of a NEW: what a trusted proxy wrote there is the client's address.
    const clientAddress =
      peer === 'kcpgate'
        ? port.blockAddress(batch, offset + SEGMENT_HEADER_BYTES, offset + length, slot)
        : undefined;
    const remoteAddress = clientAddress ?? carrier.addressOf(slot);
    const source = sourceKey(remoteAddress);
    const full = group.admission.admit(now, source);
    if (full !== undefined) return this.refuse(port, slot, conv, peer, CloseCode.overload, full);
    const plan = this.registry.planOf({
      id: this.registry.nextId,
      conv,
      remoteAddress,
      peer,
      port: config.name,
      localAddress: carrier.localAddress,
      login: undefined,
    });
    if (typeof plan === 'number') return this.refuse(port, slot, conv, peer, plan, 'refused');
    const own = { conv, stream: plan.stream, limitUntilHeard: true, loggedIn: false };
    const path = new Path(port.number, slot, port.isReliable, 0, { validated: true, announcing: false });
    path.clientAddress = clientAddress;
    const parts = { key: pathKey(port.number, slot), source, group, home: port, hello: undefined };
    const entry = this.registry.add(parts, 'gateway', peer, configOfConversation(config.kcp, own), { path });
    entry.upstream = plan.upstream ?? '';
    group.admission.opened(source);
    port.bind(slot, entry);
    this.registry.guard(entry, () => {
      entry.session.bind(plan.bind(entry.session));
    });
    this.logger.debug('session opened', {
      session: entry.id,
      conv,
      peer,
      remote: formatSocketAddress(remoteAddress),
    });
    return entry;
  }

  /** Counts a refusal. A kcpgate peer is told, in less bytes than it sent; a stock peer would not understand. */
  private refuse(
    port: EndpointPort,
    slot: number,
    conv: number,
    peer: PeerKind,
    code: CloseCode,
    reason: DropReason,
  ): undefined {
    port.drops.count(reason);
    if (peer !== 'kcpgate') return undefined;
    const arena = port.arenaTo(slot).selectNone();
    const at = arena.reserveWhole(KICK_MAX_BYTES);
    if (at < 0) return undefined;
    const kick = { type: 'kick', conv, wnd: 0, una: 0, code, retryAfterMs: 0, reason: '' } as const;
    arena.commitWhole(writeKick(arena, at, kick), 0, 0, 0, 0);
    return undefined;
  }

  private drop(port: EndpointPort, reason: DropReason): undefined {
    port.drops.count(reason);
    return undefined;
  }
}
