import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { CloseCode } from '../../src/base/close-code.ts';
import { connect, type Connection } from '../../src/client/node/index.ts';
import { TicketKeyring } from '../../src/crypto/ticket-keyring.ts';
import type { DropReason } from '../../src/endpoint/drop-reason.ts';
import type { TicketBody } from '../../src/wire/ticket.ts';
import { Forger, type ForgedLogin, type HelloChanges } from '../support/forger.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';
import { openRawTcp, openRawUdp, openRawWebSocket, type RawLine } from '../support/raw-line.ts';

/*
 * Everything that must not be accepted is sent to a gateway over real sockets, while other sessions go on: it is dropped, and
 * counted under its name and no other.
 */

type LineName = 'udp' | 'tcp' | 'ws';
const LINES: readonly LineName[] = ['udp', 'tcp', 'ws'];
const GATEWAY_ID = 1;
const NOTHING = new Uint8Array(0);

/** A gateway with a known ticket key, and peers made by hand. */
class Target {
  readonly running: LoginGateway;
  readonly keyring: TicketKeyring;
  #convs = 0;

  constructor(running: LoginGateway) {
    this.running = running;
    this.keyring = new TicketKeyring([{ id: 1, key: Buffer.from(running.ticketKey, 'base64') }]);
  }

  static async start(options: LoginGatewayOptions = {}): Promise<Target> {
    // One thread: with more, a connection and its limits belong to the worker of its first datagram.
    return new Target(await startLoginGateway({ ...options, workers: 1 }));
  }

  /** A conversation that nobody has. */
  newConversation(): number {
    return GATEWAY_ID * 2 ** 24 + ++this.#convs;
  }

  login(changes: Partial<TicketBody> = {}, keyring = this.keyring): ForgedLogin {
    const conv = changes.conv ?? this.newConversation();
    const secret = new Uint8Array(randomBytes(32));
    const body = { issuedMs: Date.now(), expiresMs: Date.now() + 60_000, subject: 'nobody', claims: '' };
    const ticket = keyring.seal({ ...body, seal: 'aead', secret, ...changes, conv });
    return { conv, ticket, secret, isClear: changes.seal === 'clear' };
  }

  peer(changes: Partial<TicketBody> = {}, keyring?: TicketKeyring): Forger {
    return new Forger(this.login(changes, keyring), randomBytes(16));
  }

  async open(line: LineName): Promise<RawLine> {
    const port = this.running.ports[line];
    if (line === 'udp') return openRawUdp(port);
    return line === 'tcp' ? openRawTcp(port) : openRawWebSocket(port);
  }

  /** Shakes hands on a line, so that a session is open. */
  async openSession(raw: RawLine, peer = this.peer()): Promise<Forger> {
    raw.send(peer.hello(NOTHING));
    while (!peer.takeAnswer(await raw.receive()));
    raw.send(peer.sealed(segment(peer.login.conv, 90, {}, randomBytes(8)), 0));
    while (peer.read(await raw.receive()) === undefined);
    return peer;
  }

  /** What a line has dropped so far. */
  async drops(line: LineName): Promise<Record<string, number>> {
    const status = await this.running.gateway.status();
    return { ...status.listeners.find(({ name }) => name === line)!.stats.drops };
  }

  async stats(line: LineName) {
    const status = await this.running.gateway.status();
    return status.listeners.find(({ name }) => name === line)!.stats;
  }
}

/** Resolves when a connection is gone, in whatever way. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** What the counters rose by. */
function risen(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const rows = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(rows.filter(([, count]) => count !== 0));
}

/** One segment. */
function segment(
  conv: number,
  command: number,
  fields: { sn?: number; una?: number; frg?: number } = {},
  payload: Uint8Array = NOTHING,
  length = payload.length,
): Buffer {
  const bytes = Buffer.alloc(24 + payload.length);
  bytes.writeUInt32LE(conv);
  bytes[4] = command;
  bytes[5] = fields.frg ?? 0;
  bytes.writeUInt16LE(128, 6);
  bytes.writeUInt32LE(fields.sn ?? 0, 12);
  bytes.writeUInt32LE(fields.una ?? 0, 16);
  bytes.writeUInt32LE(length, 20);
  bytes.set(payload, 24);
  return bytes;
}

/** Bytes of no meaning that look like a datagram of a kind. */
function alike(conv: number, kind: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, 0x5a);
  bytes.writeUInt32LE(conv);
  bytes[4] = kind;
  bytes[5] = 0;
  return bytes;
}

/** Changes one byte. */
function changed(bytes: Buffer, at: number, mask = 1): Buffer {
  bytes[at < 0 ? bytes.length + at : at]! ^= mask;
  return bytes;
}

interface Refused {
  readonly what: string;
  readonly reason: DropReason;
  /** Where it can come up. Default: on every line. */
  readonly lines?: readonly LineName[];
  /** Before there is any session. */
  readonly datagrams?: (target: Target, own: { readonly conv: number }) => readonly Uint8Array[];
  /** In a session that is open on the same line. */
  readonly within?: (peer: Forger) => readonly Uint8Array[];
  /** How many of them count. Default: all. */
  readonly count?: number;
}

const hello = (target: Target, changes: HelloChanges = {}, ticket: Partial<TicketBody> = {}): Buffer =>
  target.peer(ticket).hello(NOTHING, changes);

const otherKeys = (id: number): TicketKeyring =>
  new TicketKeyring([{ id, key: new Uint8Array(randomBytes(32)) }]);

const TABLE: readonly Refused[] = [
  { what: 'no bytes', reason: 'empty', lines: ['udp'], datagrams: () => [NOTHING] },
  { what: 'less than a header', reason: 'too_short', datagrams: () => [new Uint8Array(1), alike(1, 81, 23)] },
  {
    what: 'a kind nobody knows',
    reason: 'unknown_kind',
    datagrams: () => [alike(1, 0xee, 60), alike(1, 0, 24)],
  },
  { what: 'FEC', reason: 'kind_not_accepted', datagrams: () => [alike(1, 0xf1, 60), alike(1, 0xf2, 60)] },
  {
    what: 'a late segment of no session',
    reason: 'not_an_opening',
    datagrams: (target) => [82, 83, 84, 86].map((command) => segment(target.newConversation(), command)),
  },
  {
    what: 'data without login',
    reason: 'stock_not_allowed',
    datagrams: (target) => [segment(target.newConversation(), 81, {}, Buffer.from('hello'))],
  },
  {
    what: 'a PROBE that is too short',
    reason: 'probe_malformed',
    datagrams: () => [segment(0, 87), alike(0, 87, 64)],
  },
  {
    what: 'a sealed datagram of no session',
    reason: 'unknown_session',
    datagrams: (target) => [
      alike(target.newConversation(), 0xa0, 60),
      alike(target.newConversation(), 0xa4, 60),
    ],
  },
  { what: 'sealed, cut off', reason: 'too_short', datagrams: () => [alike(1, 0xa0, 27), alike(1, 0xa4, 47)] },
  {
    what: 'the answer of a gateway',
    reason: 'hello_unexpected',
    datagrams: () => [0xb1, 0xb3, 0xb5, 0xb7].map((kind) => alike(1, kind, 100)),
  },
  {
    what: 'a HELLO shorter than its answer may be',
    reason: 'hello_too_short',
    lines: ['udp'],
    datagrams: (target) => [hello(target, { length: 1199 }), hello(target, { length: 200 })],
  },
  {
    what: 'a HELLO that ends inside its ticket or tag',
    reason: 'hello_truncated',
    lines: ['tcp', 'ws'],
    datagrams: (target) => [29, 100].map((length) => hello(target).subarray(0, length)),
  },
  { what: 'another version', reason: 'hello_version', datagrams: (target) => [changed(hello(target), 5, 3)] },
  {
    what: 'a HELLO_CLEAR with a packet number',
    reason: 'hello_reserved',
    datagrams: (target) => [changed(hello(target, {}, { seal: 'clear' }), 11)],
  },
  {
    what: 'a ticket of an impossible length',
    reason: 'hello_ticket_length',
    datagrams: (target) =>
      [0, 85, 1025, 65_535].map((length) => {
        const bytes = hello(target);
        bytes.writeUInt16LE(length, 28);
        return bytes;
      }),
  },
  {
    what: 'a ticket of another version',
    reason: 'ticket_malformed',
    datagrams: (target) => [changed(hello(target), 30, 2)],
  },
  {
    what: 'a ticket under a key nobody has',
    reason: 'ticket_unknown_key',
    datagrams: (target) => [target.peer({}, otherKeys(77)).hello(NOTHING)],
  },
  {
    what: 'a ticket under another key of the same id',
    reason: 'ticket_forged',
    datagrams: (target) => [target.peer({}, otherKeys(1)).hello(NOTHING)],
  },
  {
    what: 'a ticket with one bit changed',
    reason: 'ticket_forged',
    datagrams: (target) => [32, 60, 100].map((at) => changed(hello(target), at)),
  },
  {
    what: 'a ticket for another conversation',
    reason: 'ticket_other_conv',
    datagrams: (target, { conv }) => [
      hello(target, { conv }),
      hello(target, { conv: target.newConversation() }),
    ],
  },
  {
    what: 'a ticket for another seal',
    reason: 'ticket_other_seal',
    datagrams: (target) => [
      hello(target, { isClear: true }),
      hello(target, { isClear: false }, { seal: 'clear' }),
    ],
  },
  {
    what: 'a HELLO with one bit changed, or under another secret',
    reason: 'hello_forged',
    datagrams: (target) => [
      changed(hello(target), -1),
      changed(hello(target), 6),
      changed(hello(target), 12),
      hello(target, { secret: randomBytes(32) }),
    ],
  },
  {
    what: 'a ticket that is over',
    reason: 'ticket_expired',
    datagrams: (target) => [hello(target, {}, { expiresMs: Date.now() - 1 })],
  },
  {
    what: 'a clear session where there may be none',
    reason: 'clear_not_allowed',
    datagrams: (target) => [hello(target, {}, { seal: 'clear' })],
  },
  {
    what: "somebody else's conversation",
    reason: 'conv_collision',
    datagrams: (target, { conv }) => [hello(target, {}, { conv })],
  },
  {
    what: 'a RESET for a session that is open',
    reason: 'reset_not_believed',
    datagrams: (_, { conv }) => [segment(conv, 89, {}, randomBytes(16)), segment(conv, 89)],
  },
  {
    what: 'clear data of a sealed session',
    reason: 'seal_required',
    datagrams: (_, { conv }) => [
      segment(conv, 81, {}, Buffer.from('hello')),
      segment(conv, 85),
      segment(conv, 86),
    ],
  },
  {
    what: 'sealed with one bit changed',
    reason: 'open_failed',
    within: (peer) => [5, 6, 20, -1].map((at) => changed(peer.sealed(segment(peer.login.conv, 83), 0), at)),
  },
  {
    what: 'the same again',
    reason: 'replayed',
    within: (peer) => {
      const bytes = peer.sealed(segment(peer.login.conv, 83), 0);
      return [bytes, bytes, bytes];
    },
    count: 2,
  },
  {
    what: 'a packet number from before the window',
    reason: 'replayed',
    within: (peer) => {
      const { pn } = peer;
      peer.pn += 5000;
      const newest = peer.sealed(segment(peer.login.conv, 83), 0);
      return [newest, peer.sealed(segment(peer.login.conv, 83), 0, undefined, pn)];
    },
    count: 1,
  },
  {
    what: 'sealed, a segment of another conversation within',
    reason: 'other_conversation',
    within: (peer) => [peer.sealed(segment(1, 83), 0)],
  },
  {
    what: 'sealed, a segment that is cut off within',
    reason: 'truncated',
    within: (peer) => [peer.sealed(segment(peer.login.conv, 81, {}, Buffer.alloc(10), 11), 0)],
  },
  {
    what: 'sealed, an acknowledgement of what was never sent',
    reason: 'una_beyond_sent',
    within: (peer) => [peer.sealed(segment(peer.login.conv, 83, { una: 1_000_000 }), 0)],
  },
  {
    what: 'a datagram of another session on the same connection',
    reason: 'connection_taken',
    lines: ['tcp', 'ws'],
    within: (peer) => [alike(peer.login.conv + 1, 0xa0, 60)],
  },
];

/** A client of ours that is not to notice anything. */
class Bystander {
  readonly connection: Connection;
  #count = 0;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  static async open({ loginUrl }: LoginGateway, line: LineName): Promise<Bystander> {
    return new Bystander(await connect({ loginUrl, line }));
  }

  get conv(): number {
    return this.connection.login.sessions[0]!.conv;
  }

  async echo(): Promise<void> {
    const message = Buffer.from(`still here ${String(++this.#count)}`);
    this.connection.send(message);
    for await (const answer of this.connection) {
      expect(Buffer.from(answer).toString()).toBe(message.toString());
      return;
    }
    throw new Error('it ended');
  }
}

describe.each(LINES)('what must not be accepted on a line over %s', (line) => {
  let target: Target;
  let bystanders: Bystander[];

  beforeAll(async () => {
    target = await Target.start({ udpListener: 'allow_stock: false' });
    bystanders = await Promise.all(LINES.map((name) => Bystander.open(target.running, name)));
  });
  afterAll(async () => {
    for (const { connection } of bystanders) await connection.destroy();
    await target.running.gateway.stop();
  });

  const rows = TABLE.filter(({ lines = LINES }) => lines.includes(line));
  test.each(rows)('$what: $reason', async ({ reason, datagrams, within, count }) => {
    const raw = await target.open(line);
    const peer = within === undefined ? undefined : await target.openSession(raw);
    const before = await target.drops(line);
    const sent =
      within === undefined || peer === undefined
        ? datagrams!(target, { conv: bystanders[0]!.conv })
        : within(peer);
    for (const datagram of sent) raw.send(datagram);
    const rise = { [reason]: count ?? sent.length };
    await expect.poll(async () => risen(before, await target.drops(line))).toEqual(rise);
    for (const bystander of bystanders) await bystander.echo();
    expect(risen(before, await target.drops(line))).toEqual(rise);
    raw.close();
  });
});

describe('a peer that proved itself is told why it is not let in', () => {
  let target: Target | undefined;
  afterEach(async () => {
    await target?.running.gateway.stop();
  });

  /** The reason and the code in the answer to a HELLO. */
  async function refusal(line: LineName, peer: Forger): Promise<{ code: number; reason: string }> {
    const raw = await target!.open(line);
    raw.send(peer.hello(NOTHING));
    const answer = await raw.receive();
    expect(peer.takeAnswer(answer)).toBe(true);
    const segments = peer.readAnswer(answer);
    raw.close();
    expect(segments[4]).toBe(85);
    return { code: segments.readUInt32LE(12), reason: segments.subarray(24).toString() };
  }

  test.each(LINES)('its ticket is over (%s)', async (line) => {
    target = await Target.start();
    const late = target.peer({ expiresMs: Date.now() - 1 });
    expect(await refusal(line, late)).toEqual({ code: CloseCode.ticketExpired, reason: 'ticket_expired' });
    expect((await target.running.gateway.status()).sessions).toMatchObject({
      refusals: { ticket_expired: 1 },
      halfOpen: 0,
      openedSessions: 0,
    });
  });

  const limits = [
    { sessions: 'max_sessions: 1', reason: 'session_limit' },
    { sessions: 'max_sessions_per_source: 1', reason: 'source_limit' },
    { sessions: 'new_sessions_per_source_per_second: 1', reason: 'rate_limit' },
  ] as const;
  test.each(limits)('there is no room: $reason', async ({ sessions, reason }) => {
    target = await Target.start({ sessions });
    const first = await target.open('udp');
    await target.openSession(first);
    expect(await refusal('udp', target.peer())).toEqual({ code: CloseCode.overload, reason });
    expect(await target.drops('udp')).toMatchObject({ [reason]: 1 });
    first.close();
  });

  test('too many shake hands', async () => {
    target = await Target.start({ sessions: 'max_half_open: 1' });
    const first = await target.open('udp');
    first.send(target.peer().hello(NOTHING));
    await first.receive();
    expect(await refusal('tcp', target.peer())).toEqual({
      code: CloseCode.overload,
      reason: 'half_open_limit',
    });
    first.close();
  });

  test('the gateway is being drained', async () => {
    target = await Target.start();
    target.running.gateway.drain({ deadlineMs: 60_000, jitterMs: 0, lines: [] });
    expect(await refusal('udp', target.peer())).toEqual({ code: CloseCode.drain, reason: 'draining' });
    target.running.gateway.undrain();
    const raw = await target.open('udp');
    await target.openSession(raw);
    raw.close();
  });
});

describe('what is no datagram', () => {
  let target: Target;
  let bystanders: Bystander[];

  beforeAll(async () => {
    target = await Target.start({ udpListener: 'allow_stock: false', listeners: '' });
    bystanders = await Promise.all(LINES.map((name) => Bystander.open(target.running, name)));
  });
  afterAll(async () => {
    for (const { connection } of bystanders) await connection.destroy();
    await target.running.gateway.stop();
  });
  afterEach(async () => {
    for (const bystander of bystanders) await bystander.echo();
  });

  const carrierOf = async (line: LineName) => (await target.stats(line)).carrier;

  test('UDP: a datagram larger than any', async () => {
    const raw = await target.open('udp');
    const { oversizeDrops } = await carrierOf('udp');
    raw.send(new Uint8Array(3000));
    raw.send(new Uint8Array(60_000));
    await expect.poll(async () => (await carrierOf('udp')).oversizeDrops - oversizeDrops).toBe(2);
    raw.close();
  });

  const frames = [
    { what: 'a frame of no bytes', reason: 'frame_empty', bytes: Buffer.alloc(2) },
    { what: 'a frame that is too long', reason: 'frame_oversize', bytes: Buffer.from([0xff, 0xff, 1, 2, 3]) },
  ] as const;
  test.each(frames)('TCP: $what ends the connection', async ({ reason, bytes }) => {
    const before = (await carrierOf('tcp')).connections!.closed[reason];
    const { socket } = await openRawTcp(target.running.ports.tcp);
    socket.write(bytes);
    await closeOf(socket);
    await expect.poll(async () => (await carrierOf('tcp')).connections!.closed[reason]).toBe(before + 1);
  });

  test('TCP: a connection that ends in the middle of a frame leaves nothing', async () => {
    const before = (await carrierOf('tcp')).connections!;
    const { socket } = await openRawTcp(target.running.ports.tcp);
    socket.end(Buffer.from([1, 0, 42]));
    await expect
      .poll(async () => (await carrierOf('tcp')).connections!.closed.peer_closed)
      .toBe(before.closed.peer_closed + 1);
    expect((await carrierOf('tcp')).connections!.open).toBe(before.open);
  });

  test('TCP: a connection that brings its first datagram byte by byte is ended in time', async () => {
    const slow = await Target.start({ listeners: 'first_datagram_timeout: 300ms', udpListener: ' ' });
    const { socket } = await openRawTcp(slow.running.ports.tcp);
    const peer = slow.peer().hello(NOTHING);
    const frame = Buffer.concat([Buffer.from([peer.length >>> 8, peer.length & 255]), peer]);
    const writing = (async () => {
      for (const byte of frame) {
        if (socket.destroyed) return;
        socket.write(Uint8Array.of(byte));
        await delay(20);
      }
    })();
    await closeOf(socket);
    await writing;
    const closed = async () => (await slow.stats('tcp')).carrier.connections!.closed.first_datagram_timeout;
    await expect.poll(closed).toBe(1);
    await slow.running.gateway.stop();
  });

  test('TCP: junk does not keep a connection open', async () => {
    const slow = await Target.start({ listeners: 'first_datagram_timeout: 300ms', udpListener: ' ' });
    const raw = await openRawTcp(slow.running.ports.tcp);
    const sending = setInterval(() => {
      raw.send(alike(1, 0xee, 60));
    }, 20);
    await closeOf(raw.socket);
    clearInterval(sending);
    const closed = async () => (await slow.stats('tcp')).carrier.connections!.closed.first_datagram_timeout;
    await expect.poll(closed).toBe(1);
    await slow.running.gateway.stop();
  });

  const messages = [
    { what: 'text', reason: 'text_message', code: 1003, message: 'hello' },
    {
      what: 'a message that is too long',
      reason: 'frame_oversize',
      code: 1009,
      message: Buffer.alloc(70_000),
    },
  ] as const;
  test.each(messages)(
    'WebSocket: $what ends the connection with $code',
    async ({ reason, code, message }) => {
      const before = (await carrierOf('ws')).connections!.closed[reason];
      const { webSocket } = await openRawWebSocket(target.running.ports.ws);
      webSocket.send(message);
      expect((await once(webSocket, 'close'))[0]).toBe(code);
      await expect.poll(async () => (await carrierOf('ws')).connections!.closed[reason]).toBe(before + 1);
    },
  );

  test('WebSocket: a frame that is not masked ends the connection', async () => {
    const before = (await carrierOf('ws')).connections!.closed.websocket_fault;
    const socket = connectTcp(target.running.ports.ws, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'GET /kcp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Protocol: kcpgate.v1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'data');
    socket.write(Buffer.from([0x82, 3, 1, 2, 3]));
    socket.resume();
    await closeOf(socket);
    await expect
      .poll(async () => (await carrierOf('ws')).connections!.closed.websocket_fault)
      .toBe(before + 1);
  });

  const upgrades = [
    {
      what: 'without the subprotocol',
      path: '/kcp',
      protocols: [],
      status: 400,
      reason: 'subprotocol_missing',
    },
    {
      what: 'for another subprotocol',
      path: '/kcp',
      protocols: ['chat'],
      status: 400,
      reason: 'subprotocol_missing',
    },
    { what: 'on another path', path: '/other', protocols: ['kcpgate.v1'], status: 404, reason: undefined },
  ] as const;
  test.each(upgrades)(
    'WebSocket: an upgrade $what is refused',
    async ({ path, protocols, status, reason }) => {
      const before = (await carrierOf('ws')).connections!.refused;
      const webSocket = new WebSocket(`ws://127.0.0.1:${String(target.running.ports.ws)}${path}`, [
        ...protocols,
      ]);
      const [error] = (await once(webSocket, 'error')) as [Error];
      expect(error.message).toContain(String(status));
      if (reason !== undefined)
        expect((await carrierOf('ws')).connections!.refused[reason]).toBe(before[reason] + 1);
    },
  );
});

test('more PROBEs than are answered are counted', async () => {
  const target = await Target.start();
  const raw = await target.open('udp');
  const probe = alike(0, 87, 64);
  probe.writeUInt32LE(40, 20);
  const looked = async (): Promise<number> => {
    const { probesAnswered, drops } = await target.stats('udp');
    return probesAnswered + drops.answer_limit;
  };
  for (let sent = 0; sent < 3_000;) {
    // Not more at a time than any socket holds, nor so few that a busy machine has them in the time in which all are answered.
    for (const group = sent + 100; sent < group; sent++) raw.send(probe);
    while ((await looked()) < sent) await delay(1);
  }
  expect(await looked()).toBe(3_000);
  const { probesAnswered } = await target.stats('udp');
  expect(probesAnswered).toBeGreaterThanOrEqual(1_000);
  expect(probesAnswered).toBeLessThan(3_000);
  raw.close();
  await target.running.gateway.stop();
});
