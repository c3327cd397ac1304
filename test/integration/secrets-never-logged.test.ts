import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { connect, type Connection } from '../../src/client/node/index.ts';
import { deriveResetKey } from '../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../src/crypto/ticket-keyring.ts';
import { createLog, type Log } from '../../src/telemetry/log.ts';
import { Forger } from '../support/forger.ts';
import { startLoginGateway, type LoginGateway } from '../support/login-gateway.ts';
import { openRawTcp, openRawUdp, openRawWebSocket } from '../support/raw-line.ts';
import { SecretSearch } from '../support/secret-search.ts';
import { forge } from '../unit/gateway/login/token-maker.ts';

/*
 * The whole life of a gateway with everything logged, for every way to log in: good and bad logins, sessions on every line,
 * handshakes that are refused, junk, moves, kicks, drains, the admin API. No piece of a secret may be in the log.
 */

const LINES = ['udp', 'tcp', 'ws'] as const;
const JWT_SECRET = 'the secret of the JSON Web Tokens, for this test';
const STATIC_TOKEN = 'static-token-of-somebody-in-this-test';
const ADMIN_TOKEN = 'admin-token-of-nobody-but-this-test';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const jwt = (claims: object): string =>
  forge({ alg: 'HS256' }, { sub: 'anna', exp: Math.floor(Date.now() / 1000) + 60, ...claims }, JWT_SECRET);

/** How to log in, and what else must not be logged then. */
const MODES = [
  { auth: 'none', login: 'auth: none', token: undefined },
  {
    auth: 'static',
    login: `auth: static, tokens: [ { subject: anna, token: "${STATIC_TOKEN}" } ]`,
    token: STATIC_TOKEN,
  },
  {
    auth: 'jwt',
    login: `auth: jwt, jwt: { secret: "${JWT_SECRET}", ticket_claims: [ role ] }`,
    token: jwt({ role: 'admin' }),
  },
] as const;

/** Everything that is secret in one run, and the log to look through. */
class Life {
  readonly secrets = new SecretSearch();
  readonly lines: string[] = [];
  readonly log: Log;
  readonly ticketKey = randomBytes(32);
  readonly resetKey = randomBytes(32);
  running!: LoginGateway;
  readonly token: string | undefined;

  constructor(format: 'json' | 'text', token: string | undefined) {
    this.token = token;
    this.log = createLog({ level: 'trace', format, write: (line) => void this.lines.push(line) });
    this.secrets.add('the ticket key', this.ticketKey);
    this.secrets.add('the reset key', this.resetKey);
    this.secrets.add('a derived reset key', deriveResetKey(this.ticketKey));
    this.secrets.add('the secret of tokens', JWT_SECRET);
    this.secrets.add('the static token', STATIC_TOKEN);
    this.secrets.add('the admin token', ADMIN_TOKEN);
  }

  async start(login: string): Promise<void> {
    this.running = await startLoginGateway({
      common: `admin_addr: "127.0.0.1:0", admin_token: "${ADMIN_TOKEN}"`,
      ticketKey: this.ticketKey.toString('base64'),
      login: `${login}, reset_key: "${this.resetKey.toString('base64')}"`,
      logger: this.log.logger,
    });
    closers.push(() => this.running.gateway.stop());
  }

  /** Logs in as anybody could, and remembers what that gave. */
  async logIn(token: string | undefined, body: object = {}): Promise<number> {
    if (token !== undefined) this.secrets.add(`the token ${token.slice(0, 6)}`, token);
    const response = await fetch(this.running.loginUrl, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (response.status === 200) this.rememberAnswer(JSON.parse(text) as Answer);
    else expect(this.secrets.find(text)).toEqual([]);
    return response.status;
  }

  async connect(line: string): Promise<Connection> {
    const { loginUrl } = this.running;
    const connection = await connect({
      ...{ loginUrl, line, logger: this.log.logger },
      ...(this.token === undefined ? {} : { token: this.token }),
    });
    closers.push(() => connection.destroy());
    this.rememberAnswer(connection.login);
    return connection;
  }

  rememberAnswer({ sessions }: Answer): void {
    for (const { ticket, secret, resetToken } of sessions) {
      this.secrets.add('a ticket', Buffer.from(ticket, 'base64url'));
      this.secrets.add('a secret', Buffer.from(secret, 'base64url'));
      this.secrets.add('a reset token', Buffer.from(resetToken, 'base64url'));
    }
  }

  /** Handshakes made by hand: one that opens a session, and some that do not. */
  async shakeHands(): Promise<void> {
    const good = new TicketKeyring([{ id: 1, key: this.ticketKey }]);
    const unknown = new TicketKeyring([{ id: 9, key: randomBytes(32) }]);
    const forged = new TicketKeyring([{ id: 1, key: randomBytes(32) }]);
    const { udp, tcp, ws } = this.running.ports;
    const open = [() => openRawUdp(udp), () => openRawTcp(tcp), () => openRawWebSocket(ws)];
    for (const [index, openLine] of open.entries()) {
      const line = await openLine();
      closers.push(() => {
        line.close();
      });
      for (const keyring of [unknown, forged]) line.send(this.peer(keyring, index).hello(new Uint8Array(0)));
      line.send(this.peer(good, index, { expiresMs: 1 }).hello(new Uint8Array(0)));
      line.send(this.peer(good, index, { seal: 'clear' }).hello(new Uint8Array(0)));
      line.send(randomBytes(100));
      const peer = this.peer(good, index);
      line.send(peer.hello(new Uint8Array(0)));
      while (!peer.takeAnswer(await line.receive()));
      for (const purpose of ['early', 'client', 'server'] as const)
        this.secrets.add(`the ${purpose} key`, peer.keyOf(purpose));
      line.send(peer.sealed(Buffer.from('this is no segment, but authentic'), 0));
      line.send(peer.sealed(new Uint8Array(0), 0));
    }
  }

  peer(keyring: TicketKeyring, index: number, changes: { expiresMs?: number; seal?: 'clear' } = {}): Forger {
    const conv = 0x01000001 + index;
    const secret = new Uint8Array(randomBytes(32));
    const body = {
      conv,
      issuedMs: 0,
      expiresMs: Date.now() + 60_000,
      secret,
      seal: 'aead',
      ...changes,
    } as const;
    const ticket = keyring.seal({ ...body, subject: 'by hand', claims: '' });
    this.secrets.add('a ticket', ticket);
    this.secrets.add('a secret', secret);
    return new Forger({ conv, ticket, secret, isClear: changes.seal === 'clear' }, randomBytes(16));
  }

  async admin(path: string, token: string, body?: object): Promise<number> {
    const { port } = this.running.gateway.adminAddress!;
    const response = await fetch(`http://127.0.0.1:${String(port)}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(this.secrets.find(await response.text())).toEqual([]);
    return response.status;
  }
}

interface Answer {
  readonly sessions: readonly {
    readonly ticket: string;
    readonly secret: string;
    readonly resetToken: string;
  }[];
}

test.each(MODES.flatMap((mode) => (['json', 'text'] as const).map((format) => ({ ...mode, format }))))(
  'nothing secret is logged: auth $auth, log as $format',
  async ({ auth, login, token, format }) => {
    const life = new Life(format, token);
    await life.start(login);
    expect(await life.logIn(token)).toBe(200);
    for (const bad of ['a-token-that-is-no-token-at-all', jwt({ exp: 1 }), `${STATIC_TOKEN}-`])
      expect(await life.logIn(bad)).toBe(auth === 'none' ? 200 : 401);
    await life.logIn(token, { seal: ['unknown'], token: 'one-more-token-in-the-body' });

    const connections = await Promise.all(LINES.map((line) => life.connect(line)));
    for (const connection of connections) {
      connection.send(Buffer.from('hello'));
      for await (const message of connection) {
        expect(Buffer.from(message).toString()).toBe('hello');
        break;
      }
    }
    await connections[0]!.moveTo('tcp');
    await life.shakeHands();

    expect(await life.admin('/api/sessions', 'not-the-admin-token-but-long-enough')).toBe(401);
    expect(await life.admin('/api/sessions', ADMIN_TOKEN)).toBe(200);
    expect(await life.admin('/api/status', ADMIN_TOKEN)).toBe(200);
    const { conv } = connections[1]!.login.sessions[0]!;
    await life.running.gateway.kick({ conv }, CloseCode.kicked, 'out with you');
    expect(await connections[1]!.closed).toMatchObject({ code: CloseCode.kicked });
    life.running.gateway.drain({ deadlineMs: 60_000, jitterMs: 10, lines: [] });
    expect(await life.logIn(token)).toBe(503);
    life.running.gateway.undrain();
    await life.running.gateway.stop();
    life.log.flush();

    const text = life.lines.join('\n');
    // It has logged what it should.
    for (const known of [
      'session opened',
      'session closed',
      'listening',
      'draining',
      'by hand',
      'out with you',
    ])
      expect(text).toContain(known);
    expect(life.secrets.size).toBeGreaterThan(30);
    expect(life.secrets.find(text)).toEqual([]);
    // And what would be found is found.
    life.log.logger.info('a mistake', { note: life.ticketKey.toString('hex') });
    life.log.logger.info(`a mistake: ${ADMIN_TOKEN}`);
    expect(life.secrets.find(life.lines.join('\n')).sort()).toEqual(['the admin token', 'the ticket key']);
  },
);
