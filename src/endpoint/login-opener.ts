import { formatSocketAddress, sourceKey } from '../base/address.ts';
import { CloseCode } from '../base/close-code.ts';
import type { Logger } from '../base/logger.ts';
import { configOfConversation } from '../kcp/index.ts';
import type { HalfOpen } from '../session/index.ts';
import type { SessionLogin } from './endpoint-config.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { Handshakes } from './handshakes.ts';
import type { SessionGroup } from './session-group.ts';
import type { SessionRegistry } from './session-registry.ts';
import { LOGIN_KEY, type SessionEntry } from './session-table.ts';
import type { EndpointCondition } from './strangers.ts';

/** Opens the sessions of clients that logged in, when their handshake is finished. */
export class LoginOpener {
  readonly handshakes: Handshakes;
  private readonly registry: SessionRegistry;
  private readonly logins: SessionGroup;
  private readonly condition: EndpointCondition;
  private readonly logger: Logger;

  constructor(
    registry: SessionRegistry,
    handshakes: Handshakes,
    logins: SessionGroup,
    condition: EndpointCondition,
    logger: Logger,
  ) {
    this.registry = registry;
    this.handshakes = handshakes;
    this.logins = logins;
    this.condition = condition;
    this.logger = logger;
  }

  /** Opens the session of a handshake that is finished. */
  establish(
    now: number,
    port: EndpointPort,
    half: HalfOpen,
    slot: number,
    pathId: number,
  ): SessionEntry | undefined {
    const { conv, seal, ticket } = half;
    const logins = this.logins;
    const old = this.registry.table.find(LOGIN_KEY, conv);
    if (old !== undefined) this.replace(old, 'the same client opened the session anew');
    const path = half.makePath(now, port.number, slot, port.isReliable, pathId);
    const address = path.clientAddress ?? port.carrier.addressOf(slot);
    const source = sourceKey(address);
    const login: SessionLogin = {
      subject: ticket.subject,
      claims: ticket.claims,
      isClear: seal === undefined,
    };
    const id = this.registry.nextId;
    const plan =
      this.refusalOf(source) ??
      this.registry.planOf({
        id,
        conv,
        remoteAddress: address,
        peer: 'kcpgate',
        port: port.config.name,
        localAddress: port.carrier.localAddress,
        login,
      });
    const stream = typeof plan === 'number' || plan.stream;
    const kcp = configOfConversation(logins.config.kcp, {
      conv,
      stream,
      limitUntilHeard: false,
      loggedIn: true,
    });
    const parts = { key: LOGIN_KEY, source, group: logins, home: port, hello: half };
    const entry = this.registry.add(parts, 'gateway', 'kcpgate', kcp, { path, seal, loggedIn: true });
    this.handshakes.finish(half);
    logins.admission.opened(source);
    if (seal === undefined) this.registry.clearCount++;
    port.bind(slot, entry);
    if (typeof plan === 'number') {
      entry.session.kick(plan, 'refused');
    } else {
      this.limitSubject(ticket.subject, entry);
      entry.upstream = plan.upstream ?? '';
      this.registry.guard(entry, () => {
        entry.session.bind(plan.bind(entry.session));
      });
    }
    this.logger.info('session opened', {
      session: entry.id,
      conv,
      subject: ticket.subject,
      port: port.config.name,
      remote: formatSocketAddress(address),
      ...(seal === undefined ? { insecure: true } : {}),
    });
    const { early } = half;
    if (early !== undefined) {
      const view = new DataView(early.buffer);
      this.registry.deliver(
        now,
        port,
        { bytes: early, view },
        entry,
        0,
        0,
        early.length,
        0,
        slot,
        pathId,
        false,
        // The HELLO may have come from elsewhere.
        0,
      );
    }
    return entry;
  }

  /** When it said HELLO there was room and the gateway was not draining; many may have shaken hands since, or from elsewhere. */
  private refusalOf(source: string): CloseCode | undefined {
    if (this.condition.isDraining) return CloseCode.drain;
    return this.logins.admission.limitOf(source) === undefined ? undefined : CloseCode.overload;
  }

  private limitSubject(subject: string, entry: SessionEntry): void {
    const surplus = this.registry.subjects.add(subject, entry);
    surplus?.session.kick(CloseCode.replaced, 'too many sessions of this subject');
  }

  /** Ends a session at once because another takes its place. */
  private replace(old: SessionEntry, reason: string): void {
    while (!old.session.writeFarewell(this.registry, CloseCode.replaced, reason)) this.registry.flush();
    this.registry.guard(old, () => {
      old.session.destroy(CloseCode.replaced, reason);
    });
    this.registry.settle(old);
  }
}
