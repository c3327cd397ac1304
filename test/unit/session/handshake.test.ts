import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import { TicketKeyring } from '../../../src/crypto/ticket-keyring.ts';
import {
  ClientHandshake,
  HalfOpen,
  openHello,
  Path,
  PathArena,
  type AuthenticHello,
  type SessionCredentials,
} from '../../../src/session/index.ts';
import { readHello, readHelloAck } from '../../../src/wire/hello.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import type { TicketBody } from '../../../src/wire/ticket.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { CountingCipher } from '../endpoint/login-gateway.ts';

const CONV = 0x05060708;
const SECRET = new Uint8Array(32).fill(3);
const crypto = createHandshakeCrypto();
const keyring = new TicketKeyring([{ id: 1, key: new Uint8Array(32).fill(1) }]);

function credentials(ticket: Partial<TicketBody> = {}, conv = CONV): SessionCredentials {
  const body: TicketBody = {
    ...{ conv: CONV, issuedMs: 0, expiresMs: 1, secret: SECRET, seal: 'aead', subject: 'x', claims: '' },
    ...ticket,
  };
  return {
    conv,
    ticket: keyring.seal(body),
    secret: SECRET,
    resetToken: new Uint8Array(16),
    seal: body.seal,
  };
}

const pathOf = ({ reliable = false, announcing = false } = {}): Path =>
  new Path(0, 0, reliable, 0, { validated: true, announcing });

const NOTHING_EARLY = (): number => 0;

/** What a function writes, sealed. */
function written(cipher: CountingCipher, write: (arena: PathArena) => boolean): Uint8Array {
  const inner = new DatagramArena();
  const arena = new PathArena(inner);
  if (!write(arena.selectNone())) throw new Error('the arena was full');
  arena.sealAll(cipher);
  let datagram: Uint8Array | undefined;
  inner.drain((bytes, offset, length) => (datagram = bytes.slice(offset, offset + length)));
  return datagram!;
}

/** A client in its handshake. */
class Client {
  readonly cipher = new CountingCipher();
  readonly handshake: ClientHandshake;

  constructor(own = credentials(), timeoutMs = 10_000) {
    this.handshake = new ClientHandshake(own, { crypto, cipher: this.cipher }, 0, timeoutMs);
  }

  hello(
    now = 0,
    path = pathOf(),
    early: Parameters<ClientHandshake['write']>[2] = NOTHING_EARLY,
  ): Uint8Array {
    this.handshake.beginRound(now);
    return written(this.cipher, (arena) => this.handshake.write(arena, path, early));
  }

  take(ack: Uint8Array) {
    const bytes = ack.slice();
    return this.handshake.handleAck(bytes, wireMemory(bytes).view, 0, bytes.length);
  }
}

/** A gateway that takes HELLOs. */
class Gateway {
  readonly cipher = new CountingCipher();

  open(hello: Uint8Array) {
    const bytes = hello.slice();
    return openHello({ crypto, cipher: this.cipher, tickets: keyring }, wireMemory(bytes), 0, bytes.length);
  }

  accept(hello: Uint8Array): HalfOpen {
    const found = this.open(hello);
    if (typeof found === 'string') throw new Error(found);
    return new HalfOpen(found, { crypto, cipher: this.cipher }, 5_000);
  }

  acknowledge(half: HalfOpen, body: number[] = []): Uint8Array {
    return written(this.cipher, (arena) =>
      half.writeAck(arena, body.length, ({ bytes }, at) => {
        bytes.set(body, at);
        return body.length;
      }),
    );
  }
}

const headOf = (hello: Uint8Array) => {
  const head = readHello(wireMemory(hello).view, 0, hello.length);
  if (typeof head === 'string') throw new Error(head);
  return head;
};

describe('a HELLO', () => {
  it('is 1200 bytes where anybody could have sent it, and no longer than needed on a connection', () => {
    const client = new Client();
    expect(client.hello()).toHaveLength(1200);
    expect(client.hello(0, pathOf({ announcing: true }))).toHaveLength(1200);
    expect(client.hello(0, pathOf({ reliable: true })).length).toBeLessThan(200);
    expect(new Client(credentials({ seal: 'clear' })).hello()).toHaveLength(1200);
    // Even with the longest ticket.
    const long = credentials({ subject: 's'.repeat(255), claims: 'c'.repeat(683) });
    expect(new Client(long).hello(0, pathOf({ announcing: true }))).toHaveLength(1200);
  });

  it('is repeated with the same random and the next packet number, at growing intervals', () => {
    const client = new Client();
    expect(client.handshake.deadline).toBe(NEVER);
    const hellos: Uint8Array[] = [];
    const times: number[] = [];
    for (let now = 0; now <= 10_000; now++) {
      if (!client.handshake.isDue(now)) continue;
      times.push(now);
      hellos.push(client.hello(now));
    }
    expect(times).toEqual([0, 250, 750, 1750, 3750, 5750, 7750, 9750]);
    expect(hellos.map((hello) => headOf(hello).pn)).toEqual(hellos.map((_, index) => index));
    expect(new Set(hellos.map((hello) => hello.slice(12, 28).join())).size).toBe(1);
    expect([client.handshake.isSpent(9_999), client.handshake.isSpent(10_000)]).toEqual([false, true]);
    expect(client.handshake.deadline).toBe(10_000);
    const other = new Client().hello();
    expect(other.slice(12, 28)).not.toEqual(hellos[0]!.slice(12, 28));
  });

  it('goes out at once on another path, however long the last wait was', () => {
    const client = new Client();
    for (const now of [0, 250, 750]) client.hello(now);
    client.handshake.hurry();
    expect(client.handshake.isDue(751)).toBe(true);
    client.hello(751);
    expect(client.handshake.deadline).toBe(1_001);
  });

  it('takes early segments as far as they fit in 1200 bytes', () => {
    const client = new Client();
    let given = 0;
    const hello = client.hello(0, pathOf(), ({ bytes }, at, room) => {
      given = room;
      bytes.fill(9, at, at + 100);
      return 100;
    });
    expect(hello).toHaveLength(1200);
    const { bodyLength } = headOf(hello);
    expect(given).toBe(bodyLength - 16);
    const found = new Gateway().open(hello) as AuthenticHello;
    expect(found.earlyLength).toBe(given);
  });

  it('uses up no packet number when the arena is full', () => {
    const client = new Client();
    const full = new PathArena(new DatagramArena(100)).selectNone();
    expect(client.handshake.write(full, pathOf(), NOTHING_EARLY)).toBe(false);
    expect(headOf(client.hello()).pn).toBe(0);
  });
});

describe('a gateway takes a HELLO', () => {
  it('with its ticket, its random and where the rest stands, and keeps no key of it', () => {
    const gateway = new Gateway();
    const hello = new Client().hello(0, pathOf({ announcing: true }));
    const found = gateway.open(hello) as AuthenticHello;
    expect(found).toMatchObject({ conv: CONV, isClear: false, ticket: { subject: 'x', seal: 'aead' } });
    expect(found.clientRandom).toEqual(hello.slice(12, 28));
    expect(found.blockAt).toBe(headOf(hello).blockAt);
    expect(gateway.cipher.slots.size).toBe(0);
  });

  const bad: readonly [string, string, (hello: Uint8Array) => Uint8Array | undefined][] = [
    ['cut off in its header', 'hello_truncated', (hello) => hello.slice(0, 29)],
    ['cut off in its ticket', 'hello_truncated', (hello) => hello.slice(0, 100)],
    ['of another kind', 'hello_kind', (hello) => changed(hello, 4, 0xb1)],
    ['of another version', 'hello_version', (hello) => changed(hello, 5, 2)],
    ['with a ticket too short', 'hello_ticket_length', (hello) => changed(hello, 28, 10)],
    ['with a ticket of another version', 'ticket_malformed', (hello) => changed(hello, 30, 2)],
    ['with a ticket of an unknown key', 'ticket_unknown_key', (hello) => changed(hello, 31, 2)],
    ['with a ticket changed in one bit', 'ticket_forged', (hello) => flipped(hello, 60)],
    ['for another conversation', 'ticket_other_conv', (hello) => changed(hello, 0, 9)],
    ['without the seal of its ticket', 'ticket_other_seal', (hello) => clearOf(hello)],
    ['with another random', 'hello_forged', (hello) => flipped(hello, 12)],
    ['with another packet number', 'hello_forged', (hello) => flipped(hello, 6)],
    ['changed in its text', 'hello_forged', (hello) => flipped(hello, 1100)],
    ['changed in its tag', 'hello_forged', (hello) => flipped(hello, 1199)],
    ['longer by a byte', 'hello_forged', (hello) => Uint8Array.of(...hello, 0)],
  ];
  for (const [name, fault, change] of bad) {
    it(`but not one ${name}: ${fault}`, () => {
      const gateway = new Gateway();
      expect(gateway.open(change(new Client().hello())!)).toBe(fault);
      expect(gateway.cipher.slots.size).toBe(0);
    });
  }

  it('but not one of somebody who has the ticket and not its secret', () => {
    const stolen = { ...credentials(), secret: new Uint8Array(32).fill(4) };
    expect(new Gateway().open(new Client(stolen).hello())).toBe('hello_forged');
  });

  it('but not a clear one whose ticket is for a sealed session, nor with bytes that are reserved', () => {
    const clear = new Client(credentials({ seal: 'clear' })).hello();
    expect(new Gateway().open(clear)).toMatchObject({ isClear: true });
    expect(new Gateway().open(changed(clear, 6, 1))).toBe('hello_reserved');
    const sealed = { ...credentials(), seal: 'clear' as const };
    expect(new Gateway().open(new Client(sealed).hello())).toBe('ticket_other_seal');
  });

  it('whatever its address block says: a proxy may fill it', () => {
    const hello = new Client().hello(0, pathOf({ announcing: true }));
    hello.fill(7, headOf(hello).blockAt + 2, headOf(hello).blockAt + 20);
    expect(new Gateway().open(hello)).toMatchObject({ conv: CONV });
  });
});

describe('an answer to a HELLO', () => {
  it('gives both the same keys, of which no other handshake has one', () => {
    const [client, gateway] = [new Client(), new Gateway()];
    const half = gateway.accept(client.hello());
    const answer = client.take(gateway.acknowledge(half, [1, 2, 3]));
    expect(answer).toMatchObject({ bodyAt: 28, bodyLength: 3 });
    const [sent, received] = [answer!.seal!, half.seal!];
    const there = written(client.cipher, (arena) => sealOne(arena.select(CONV, sent, pathOf())));
    expect(opens(gateway.cipher, there, received.receiveKey)).toBe(true);
    const back = written(gateway.cipher, (arena) => sealOne(arena.select(CONV, received, pathOf())));
    expect(opens(client.cipher, back, sent.receiveKey)).toBe(true);
    // A second handshake with the very same HELLO has other keys.
    const again = gateway.accept(client.hello());
    expect(opens(gateway.cipher, there, again.seal!.receiveKey)).toBe(false);
  });

  it('is repeated with the same random and the next packet number, which goes on in what follows', () => {
    const [client, gateway] = [new Client(), new Gateway()];
    const half = gateway.accept(client.hello());
    const acks = [0, 1, 2].map(() => gateway.acknowledge(half));
    const heads = acks.map((ack) => readHelloAck(wireMemory(ack).view, 0, ack.length));
    expect(heads).toMatchObject([{ pn: 0 }, { pn: 1 }, { pn: 2 }]);
    expect(new Set(acks.map((ack) => ack.slice(12, 28).join())).size).toBe(1);
    expect(half.seal?.nextPn).toBe(3);
    const answer = client.take(acks[1]!);
    expect(answer?.seal?.replay.mayAccept(1)).toBe(false);
    expect(answer?.seal?.replay.mayAccept(2)).toBe(true);
  });

  it('is taken by the client that asked only, and leaves no key when it is not', () => {
    const gateway = new Gateway();
    const client = new Client();
    const ack = gateway.acknowledge(gateway.accept(client.hello()));
    const others: readonly [string, Uint8Array][] = [
      ['to another HELLO', gateway.acknowledge(gateway.accept(new Client().hello()))],
      ['for another conversation', changed(ack, 0, 9)],
      ['with another random', flipped(ack, 12)],
      ['changed in its tag', flipped(ack, ack.length - 1)],
      ['of a clear session', changed(ack, 4, 0xb3)],
      ['cut off', ack.slice(0, 43)],
      ['that is a HELLO', client.hello()],
    ];
    for (const [name, other] of others) expect([name, client.take(other)]).toEqual([name, undefined]);
    expect(client.cipher.slots.size).toBe(1);
    expect(client.take(ack)).toBeDefined();
    client.handshake.dispose();
    client.handshake.dispose();
    expect(client.cipher.slots.size).toBe(2);
  });

  it('to a clear session has no keys, nor a packet number', () => {
    const [client, gateway] = [new Client(credentials({ seal: 'clear' })), new Gateway()];
    const half = gateway.accept(client.hello());
    gateway.acknowledge(half, [1]);
    const ack = gateway.acknowledge(half, [1, 2]);
    expect(ack.slice(6, 12)).toEqual(new Uint8Array(6));
    expect(client.take(ack)).toMatchObject({ seal: undefined, bodyAt: 28, bodyLength: 2 });
    expect(half.seal).toBeUndefined();
    expect(gateway.cipher.slots.size + client.cipher.slots.size).toBe(0);
  });

  it('is not written into an arena that is full, and uses up nothing', () => {
    const gateway = new Gateway();
    const half = gateway.accept(new Client().hello());
    const full = new PathArena(new DatagramArena(40)).selectNone();
    expect(half.writeAck(full, 10, () => 10)).toBe(false);
    expect(half.seal?.nextPn).toBe(0);
  });
});

it('only the token of the login makes a RESET believable', () => {
  const { handshake } = new Client({ ...credentials(), resetToken: new Uint8Array(16).fill(8) });
  expect(handshake.isResetToken(new Uint8Array(16).fill(8))).toBe(true);
  expect(handshake.isResetToken(new Uint8Array(16).fill(9))).toBe(false);
  expect(handshake.isResetToken(new Uint8Array(15).fill(8))).toBe(false);
});

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return changed(bytes, at, bytes[at]! ^ 1);
}

/** The same HELLO, pretending to be a clear one. */
function clearOf(hello: Uint8Array): Uint8Array {
  const clear = changed(hello, 4, 0xb2);
  clear.fill(0, 6, 12);
  return clear;
}

function sealOne(arena: PathArena): boolean {
  const at = arena.reserve(24);
  arena.bytes.fill(1, at, at + 24);
  arena.commit(24);
  return true;
}

function opens(cipher: CountingCipher, datagram: Uint8Array, key: number): boolean {
  const bytes = datagram.slice();
  const row = Int32Array.of(0, 12, 12, bytes.length, key, bytes[6]!, 0, 0);
  return cipher.open(bytes, row, 1) === 1;
}
