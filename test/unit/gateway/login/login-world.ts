import type { SocketAddress } from '../../../../src/base/address.ts';
import { createResetTokens } from '../../../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../../../src/crypto/ticket-keyring.ts';
import { SeededRandom } from '../../../../src/base/seeded-random.ts';
import { NO_AUTHENTICATION } from '../../../../src/gateway/login/authenticator.ts';
import type { OfferedLine } from '../../../../src/gateway/login/derive-lines.ts';
import type { LoginAnswer, SessionEntry } from '../../../../src/gateway/login/login-answer.ts';
import type { LoginRequest } from '../../../../src/gateway/login/login-request.ts';
import {
  isProblem,
  LoginService,
  type LoginServiceComponents,
  type LoginServiceOptions,
} from '../../../../src/gateway/login/login-service.ts';
import type { Problem } from '../../../../src/gateway/login/problem.ts';
import type { TicketBody } from '../../../../src/wire/ticket.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';

/** A time of no meaning, in milliseconds of Unix time. */
export const NOW_MS = 1_760_000_000_000;

export const UDP_LINE: OfferedLine = {
  line: {
    id: 'udp',
    gatewayId: 3,
    transport: 'udp',
    host: '192.0.2.1',
    port: 4000,
    priority: 0,
    weight: 100,
  },
  allowsClear: false,
};
export const WSS_LINE: OfferedLine = {
  line: {
    id: 'wss',
    gatewayId: 3,
    transport: 'wss',
    host: 'gate.example',
    port: 443,
    path: '/kcp',
    priority: 20,
    weight: 100,
  },
  allowsClear: true,
};

/** A login service whose surroundings a test holds. */
export interface LoginWorld {
  readonly service: LoginService;
  readonly keyring: TicketKeyring;
  readonly logger: RecordingLogger;
  /** The monotonic clock; the test moves it. */
  readonly clock: { time: number };
  /** Answers one login from a body (as JSON) and changes to an ordinary request. */
  login(body?: unknown, changes?: Partial<LoginRequest>): Promise<LoginAnswer | Problem>;
}

export function createLoginWorld(
  options: Partial<LoginServiceOptions> = {},
  components: Partial<LoginServiceComponents> = {},
): LoginWorld {
  const keyring = new TicketKeyring([{ id: 7, key: new Uint8Array(32).fill(1) }]);
  const random = new SeededRandom(1);
  const logger = new RecordingLogger();
  const clock = { time: 0 };
  const service = new LoginService(
    {
      gatewayIds: [3],
      ticketTtlMs: 60_000,
      seal: 'aes-128-gcm',
      limits: { perSecond: 1000, perSecondPerSource: 1000, perSecondPerSubject: 1000 },
      relays: false,
      transport: { mtu: 1400, mode: 'fast3', sendWindow: 1024, receiveWindow: 1024, maxMessageBytes: 65_535 },
      probe: { count: 5, intervalMs: 100, deadlineMs: 4000 },
      ...options,
    },
    {
      authenticator: NO_AUTHENTICATION,
      keyring,
      resetTokens: createResetTokens(new Uint8Array(32).fill(2)),
      randomBytes: (length) => Uint8Array.from({ length }, () => random.nextInt(256)),
      linesOf: () => [UDP_LINE],
      isConversationInUse: () => false,
      readiness: () => 'ready',
      clock: { now: () => clock.time },
      logger,
      ...components,
    },
  );
  return {
    service,
    keyring,
    logger,
    clock,
    login: (body, changes = {}) =>
      service.login({
        body: body === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(body)),
        bearer: undefined,
        sourceAddress: addressOf('192.0.2.9'),
        host: 'gate.example',
        nowMs: NOW_MS,
        ...changes,
      }),
  };
}

export function addressOf(address: string): SocketAddress {
  return { address, family: address.includes(':') ? 6 : 4, port: 50_000 };
}

/** The answer, which must not be a problem. */
export function granted(result: LoginAnswer | Problem): LoginAnswer {
  if (isProblem(result)) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result;
}

/** What the ticket of a session says. */
export function ticketOf(keyring: TicketKeyring, { ticket }: SessionEntry): TicketBody {
  const bytes = Buffer.from(ticket, 'base64url');
  const body = keyring.open(bytes, 0, bytes.length);
  if (typeof body === 'string') throw new Error(body);
  return body;
}
