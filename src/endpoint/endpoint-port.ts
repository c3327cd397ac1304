import type { SocketAddress } from '../base/address.ts';
import type { PacketCipher } from '../base/packet-cipher.ts';
import type { Carrier } from '../carrier/carrier.ts';
import { PathArena, type Session } from '../session/index.ts';
import { checkAddressBlock, readAddressBlock } from '../wire/address-block.ts';
import type { WireMemory } from '../wire/memory.ts';
import type { PortConfig } from './endpoint-config.ts';
import { DropCounters } from './drop-reason.ts';
import type { EndpointStats } from './endpoint-stats.ts';
import { SessionGroup } from './session-group.ts';

/** Whoever has a connection to itself: an entry of the session table. */
export interface ConnectionUser {
  readonly conv: number;
  readonly session: Session;
}

/** One carrier of an endpoint with what belongs to it. */
export class EndpointPort {
  /** Its number among the ports of the endpoint. */
  readonly number: number;
  readonly carrier: Carrier;
  readonly config: PortConfig;
  /** The carrier's arena, as sessions write to it. */
  readonly arena: PathArena;
  readonly drops = new DropCounters();
  /** Its sessions without login. */
  readonly group: SessionGroup;
  /** What is sent on a slot arrives, in order, while the connection lives. */
  readonly isReliable: boolean;
  /** A slot is a connection, which carries one session. */
  readonly isConnected: boolean;
  /** The last batch was not all that had arrived. */
  moreWaiting = false;
  probesAnswered = 0;
  resetsSent = 0;
  /** Paths in use on this port. */
  pathCount = 0;
  /** Connections: the session each carries. */
  private readonly bound = new Map<number, ConnectionUser>();

  constructor(number: number, carrier: Carrier, config: PortConfig) {
    this.number = number;
    this.carrier = carrier;
    this.config = config;
    this.arena = new PathArena(carrier.arena);
    this.group = new SessionGroup(config);
    this.isConnected = carrier.connections !== undefined;
    this.isReliable = config.reliable ?? carrier.capabilities.reliable;
  }

  /** The arena, pointed at one peer. */
  arenaTo(slot: number): PathArena {
    this.carrier.arena.target = slot;
    return this.arena;
  }

  /** Seals and sends everything written. */
  flush(cipher: PacketCipher | undefined): void {
    if (cipher !== undefined) this.arena.sealAll(cipher);
    this.carrier.flush();
  }

  /** The session a connection carries. */
  boundTo(slot: number): ConnectionUser | undefined {
    return this.bound.get(slot);
  }

  /** A connection carries this session from now on; nobody else's. */
  bind(slot: number, user: ConnectionUser): void {
    if (this.carrier.connections === undefined) return;
    this.bound.set(slot, user);
    this.carrier.connections.confirm(slot);
  }

  unbind(slot: number): void {
    this.bound.delete(slot);
  }

  /** The client's address in an address block at `at`, if it is filled and its bringer is trusted. */
  blockAddress(memory: WireMemory, at: number, end: number, slot: number): SocketAddress | undefined {
    const { isTrustedProxy } = this.config;
    if (isTrustedProxy === undefined || checkAddressBlock(memory.view, at, end) !== 'filled')
      return undefined;
    // Who brought it is the proxy, not the client that a header in front of it names.
    const bringer = this.carrier.proxyOf?.(slot) ?? this.carrier.addressOf(slot);
    return isTrustedProxy(bringer.address) ? readAddressBlock(memory, at) : undefined;
  }

  stats(): EndpointStats {
    const { probesAnswered, resetsSent } = this;
    return {
      ...this.group.stats(),
      drops: this.drops.snapshot(),
      probesAnswered,
      resetsSent,
      carrier: this.carrier.stats(),
    };
  }
}
