import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import type { ConnectionRelay } from '../../../../src/gateway/workers/connection-relay.ts';
import { JoinedLine, probe, sealed } from './joined-line.ts';

const KIB = 1024;

function dropsOf(relay: ConnectionRelay): Record<string, number> {
  return Object.fromEntries(relay.drops().filter(([, count]) => count > 0));
}

describe('a line whose connections the main thread has', () => {
  it('leads each to the worker of its session, and back', async () => {
    const line = new JoinedLine({ workers: 3 });
    const clients = [3, 4, 5, 6].map((conv) => {
      const client = line.connect();
      client.say(sealed(conv, `hello from ${String(conv)}`), sealed(conv, 'and more'));
      return client;
    });
    await line.deliver();
    expect(line.workers.map(({ texts }) => texts)).toEqual([
      ['hello from 3', 'and more', 'hello from 6', 'and more'],
      ['hello from 4', 'and more'],
      ['hello from 5', 'and more'],
    ]);
    for (const { heard, carrier } of line.workers) {
      for (const [slot] of heard) {
        expect(carrier.addressOf(slot)).toEqual(line.carrier.addressOf(slot));
        expect(carrier.intern(carrier.addressOf(slot))).toBe(slot);
        carrier.release(slot);
      }
      heard.forEach(([slot], i) => {
        carrier.arena.target = slot;
        line.workers.find((each) => each.carrier === carrier)!.write(slot, `answer ${String(i)}`);
      });
      carrier.flush();
    }
    await line.deliver();
    expect(clients.map(({ received }) => received)).toEqual([
      ['answer 0', 'answer 1'],
      ['answer 0', 'answer 1'],
      ['answer 0', 'answer 1'],
      ['answer 2', 'answer 3'],
    ]);
  });

  it('has one message for each worker and turn, however many datagrams and connections', async () => {
    const line = new JoinedLine();
    const clients = Array.from({ length: 10 }, () => line.connect());
    for (const [i, client] of clients.entries()) {
      for (let n = 0; n < 5; n++) client.say(sealed(2 + (i % 2), 'x'));
    }
    expect(line.workers.map(({ inbox }) => inbox.length)).toEqual([0, 0]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(line.workers.map(({ inbox }) => inbox.map(({ datagrams }) => datagrams?.count))).toEqual([
      [25],
      [25],
    ]);
    line.deliverTo(0);
    expect(line.workers[0]!.batches).toEqual([25]);
    expect(line.workers[0]!.outbox).toHaveLength(1);
    for (const [slot] of line.workers[0]!.heard) line.workers[0]!.write(slot, 'y');
    line.workers[0]!.carrier.flush();
    expect(line.workers[0]!.outbox.map(({ datagrams }) => datagrams?.count)).toEqual([undefined, 25]);
  });

  it('knows no worker until something valid comes, and then only one', async () => {
    const line = new JoinedLine();
    const client = line.connect();
    const fec = sealed(0);
    fec[4] = 0xf1;
    const unknown = sealed(0);
    unknown[4] = 1;
    client.say(new Uint8Array(0), new Uint8Array(5), fec, unknown);
    await line.deliver();
    expect(dropsOf(line.relay)).toEqual({ empty: 1, too_short: 1, kind_not_accepted: 1, unknown_kind: 1 });
    expect(line.workers.map(({ heard }) => heard.length)).toEqual([0, 0]);
    client.say(sealed(7, 'mine'), unknown, new Uint8Array(5));
    await line.deliver();
    expect(line.workers.map(({ heard }) => heard.length)).toEqual([0, 3]);

    client.say(sealed(9, 'the same worker'), sealed(8, 'another'), sealed(7, 'too late'));
    await line.deliver();
    expect(line.workers.map(({ texts }) => texts.slice(3))).toEqual([[], ['the same worker']]);
    expect(client.ended).toEqual({
      code: CloseCode.protocolError,
      reason: 'a connection carries one session',
    });
    expect(line.workers[1]!.gone).toEqual([client.slot]);
    expect(dropsOf(line.relay)).toMatchObject({ connection_taken: 1 });
  });

  it('has PROBEs answered by any worker, before its own is known', async () => {
    const line = new JoinedLine({ workers: 3 });
    const client = line.connect();
    const { slot } = client;
    client.say(probe(0));
    await line.deliver();
    client.say(probe(4));
    await line.deliver();
    expect(line.workers.map(({ texts }) => texts)).toEqual([['probe', 'probe'], [], []]);
    // It still has an answer to give when the connection becomes another's.
    line.workers[0]!.carrier.retain(slot);
    client.say(sealed(5, 'hello'), probe(0), probe(1));
    await new Promise((resolve) => setImmediate(resolve));
    line.workers[0]!.send(slot, 'probe ack');
    await line.deliver();
    expect(line.workers.map(({ texts }) => texts.slice(0, 3))).toEqual([
      ['probe', 'probe'],
      [],
      ['hello', 'probe', 'probe'],
    ]);
    expect(line.workers[0]!.gone).toEqual([slot]);
    expect(client.received).toEqual(['probe ack']);
    line.workers[2]!.send(slot, 'welcome');
    await line.deliver();
    expect(client.received).toEqual(['probe ack', 'welcome']);

    // The slot is not used again before both let go of it.
    client.leave();
    await line.deliver();
    expect(line.connect().slot).not.toBe(slot);
    line.workers[0]!.carrier.release(slot);
    await line.deliver();
    expect(line.connect().slot).toBe(slot);
  });

  it('passes a PROBE to a worker that runs', async () => {
    const line = new JoinedLine();
    line.workers[0]!.isRunning = false;
    const client = line.connect();
    client.say(probe(0));
    await line.deliver();
    expect(line.workers.map(({ texts }) => texts)).toEqual([[], ['probe']]);
    client.say(sealed(2, 'hello'));
    expect(client.ended?.code).toBe(CloseCode.overload);
  });
});

describe('what is on its way to a worker', () => {
  const chunk = new Uint8Array(1000);

  it('is bounded: a connection is not read when the worker does not take it', async () => {
    const line = new JoinedLine();
    const [client, other] = [line.connect(), line.connect()];
    for (let i = 0; i < 2000; i++) client.say(sealed(2, chunk));
    expect(client.isPaused).toBe(true);
    other.say(sealed(4, 'read'));
    expect(other.isPaused).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
    const bytes = line.workers[0]!.inbox.reduce(
      (sum, { datagrams }) => sum + (datagrams?.memory.byteLength ?? 0),
      0,
    );
    expect(bytes).toBeLessThan(300 * KIB);
    await line.deliver(40);
    expect(client.isPaused).toBe(false);
    expect(line.workers[0]!.heard).toHaveLength(2001);
  });

  it('is bounded for all connections of a worker together, and those that go on are ended', async () => {
    const line = new JoinedLine({ maxSlots: 1000 });
    const clients = Array.from({ length: 600 }, () => line.connect());
    const read = 200;
    let ended = 0;
    for (const client of clients) {
      // What one read brings.
      client.say(...Array.from({ length: read }, () => sealed(2, chunk)));
      if (client.ended !== undefined) {
        expect(client.ended).toEqual({ code: CloseCode.overload, reason: 'its worker does not keep up' });
        ended++;
      }
    }
    expect(clients.filter(({ isPaused }) => isPaused).length).toBeGreaterThan(200);
    expect(ended).toBeGreaterThan(200);
    const posted = clients.length - ended;
    expect(posted * read * 1024).toBeLessThanOrEqual(65 * KIB * KIB);
    const free = line.connect();
    free.say(sealed(3, 'the other worker'));
    expect(free.isPaused).toBe(false);
    await line.deliver(40);
    expect(clients.filter(({ isPaused }) => isPaused).length).toBe(0);
    expect(line.workers[1]!.texts).toEqual(['the other worker']);
  });

  it('ends a connection that cannot be stopped', () => {
    const line = new JoinedLine({ canPause: false });
    const client = line.connect();
    for (let i = 0; i < 2000; i++) client.say(sealed(2, chunk));
    expect(client.ended?.code).toBe(CloseCode.slowConsumer);
  });
});

describe('what is on its way to a connection', () => {
  it('is known at the worker, until the system took it', async () => {
    const line = new JoinedLine({ highWaterBytes: 10_000 });
    const client = line.connect();
    client.say(sealed(2, 'hello'));
    await line.deliver();
    const worker = line.workers[0]!;
    const { slot } = client;
    const { connections } = worker.carrier;
    expect(connections.highWaterBytes).toBe(10_000);
    worker.send(slot, 'x'.repeat(976));
    expect(connections.queuedBytes(slot)).toBe(1000);
    await line.deliver();
    expect(connections.queuedBytes(slot)).toBe(0);

    client.isClogged = true;
    let sent = 0;
    // What a session does: nothing more above the mark.
    for (let i = 0; i < 200; i++) {
      if (connections.queuedBytes(slot) > connections.highWaterBytes) break;
      worker.send(slot, 'x'.repeat(976));
      sent++;
      if (i % 3 === 0) await line.deliver(1);
    }
    await line.deliver();
    // The mark here and the mark there.
    expect(sent).toBeGreaterThan(15);
    expect(sent).toBeLessThan(30);
    expect(client.queuedBytes).toBe(sent * 1000);
    expect(worker.writable).toEqual([]);
    client.unclog();
    await line.deliver();
    expect(worker.writable).toEqual([slot]);
    expect(connections.queuedBytes(slot)).toBe(0);
    expect(client.receivedBytes).toBe(1000 + sent * 1000);
  });

  it('ends it when it is more than there may be; the worker is told later', async () => {
    const line = new JoinedLine({ maxQueueBytes: 5000 });
    const client = line.connect();
    client.say(sealed(2, 'hello'));
    await line.deliver();
    const worker = line.workers[0]!;
    client.isClogged = true;
    for (let i = 0; i < 20; i++) worker.send(client.slot, 'x'.repeat(976));
    expect(worker.gone).toEqual([]);
    expect(worker.carrier.stats().sendDrops).toBe(15);
    expect(worker.carrier.connections.queuedBytes(client.slot)).toBe(0);
    await line.deliver();
    expect(worker.gone).toEqual([client.slot]);
    expect(client.ended?.code).toBe(CloseCode.slowConsumer);
    expect(client.received).toHaveLength(5);
    expect(worker.carrier.stats().connections).toMatchObject({
      opened: 1,
      open: 0,
      closed: { slow_consumer: 1 },
    });
    expect(() => worker.carrier.addressOf(client.slot)).toThrow(RangeError);
  });
});

describe('a connection of a worker', () => {
  it('may stay when the worker says so', async () => {
    const line = new JoinedLine();
    const confirmed: number[] = [];
    const { confirm } = line.carrier.connections;
    Object.assign(line.carrier.connections, {
      confirm: (slot: number) => {
        confirmed.push(slot);
        confirm(slot);
      },
    });
    const client = line.connect();
    client.say(sealed(3, 'hello'));
    await line.deliver();
    const { connections } = line.workers[1]!.carrier;
    connections.confirm(client.slot);
    connections.confirm(client.slot);
    connections.confirm(77);
    await line.deliver();
    expect(confirmed).toEqual([client.slot]);
  });

  it('that breaks is gone at the worker, after what came of it; its slot is kept as long as it wants', async () => {
    const line = new JoinedLine();
    const client = line.connect();
    const { slot } = client;
    client.say(sealed(2, 'hello'));
    await line.deliver();
    const worker = line.workers[0]!;
    worker.carrier.retain(slot);
    client.say(sealed(2, 'last words'));
    client.leave();
    await line.deliver();
    expect(worker.texts).toEqual(['hello', 'last words']);
    expect(worker.gone).toEqual([slot]);
    expect(worker.carrier.addressOf(slot).address).toBe('198.51.100.7');
    expect(worker.carrier.intern(worker.carrier.addressOf(slot))).toBe(-1);
    worker.send(slot, 'nobody hears that');
    expect(worker.carrier.stats().sendDrops).toBe(1);
    worker.carrier.connections.disconnect(slot, CloseCode.normal, '');

    expect(line.connect().slot).not.toBe(slot);
    worker.carrier.release(slot);
    await line.deliver();
    expect(() => worker.carrier.addressOf(slot)).toThrow(RangeError);
    const next = line.connect();
    expect(next.slot).toBe(slot);
    next.say(sealed(4, 'somebody else'));
    await line.deliver();
    expect(worker.heard.at(-1)).toEqual([slot, 'somebody else']);
    expect(worker.gone).toEqual([slot]);
  });

  it('is ended after what was sent, and nothing more comes of it', async () => {
    const line = new JoinedLine();
    const client = line.connect();
    const { slot } = client;
    client.say(sealed(2, 'hello'));
    await line.deliver();
    const worker = line.workers[0]!;
    worker.carrier.retain(slot);
    worker.write(slot, 'one');
    worker.carrier.connections.disconnect(slot, CloseCode.kicked, 'go');
    worker.carrier.connections.disconnect(slot, CloseCode.normal, 'twice');
    worker.write(slot, 'two');
    worker.carrier.release(slot);
    client.say(sealed(2, 'on its way'));
    worker.carrier.flush();
    worker.send(slot, 'never');
    await line.deliver();
    expect(client.received).toEqual(['one', 'two']);
    expect(client.ended).toEqual({ code: CloseCode.kicked, reason: 'go' });
    expect(worker.texts).toEqual(['hello']);
    expect(worker.gone).toEqual([]);
    client.leave();
    await line.deliver();
    expect(line.connect().slot).toBe(slot);
  });

  it('is not taken for the one that had its slot before, in the same turn', async () => {
    const line = new JoinedLine();
    const client = line.connect();
    client.say(sealed(2, 'hello'));
    await line.deliver();
    const worker = line.workers[0]!;
    worker.carrier.connections.disconnect(client.slot, CloseCode.kicked, '');
    worker.carrier.flush();
    client.say(sealed(2, 'of the old one'));
    line.deliverFrom(0);
    client.leave();
    const next = line.connect();
    expect(next.slot).toBe(client.slot);
    next.say(sealed(4, 'of the new one'));
    await line.deliver();
    expect(worker.texts).toEqual(['hello', 'of the new one']);
  });

  it('is ended when its worker closes', async () => {
    const line = new JoinedLine();
    const clients = [line.connect(), line.connect()];
    for (const client of clients) client.say(sealed(2, 'hello'));
    await line.deliver();
    const worker = line.workers[0]!;
    worker.write(clients[0]!.slot, 'farewell');
    await worker.carrier.close();
    clients[0]!.say(sealed(2, 'too late'));
    await line.deliver();
    expect(clients.map(({ ended }) => ended?.code)).toEqual([CloseCode.drain, CloseCode.drain]);
    expect(clients[0]!.received).toEqual(['farewell']);
    expect(worker.texts).toEqual(['hello', 'hello']);
  });

  it('goes with a worker that dies; those of the others go on, and its slots are free', async () => {
    const line = new JoinedLine({ maxSlots: 4 });
    const clients = [2, 3, 5].map((conv) => {
      const client = line.connect();
      client.say(sealed(conv, 'hello'));
      return client;
    });
    await line.deliver();
    const dead = line.workers[1]!;
    dead.carrier.retain(clients[1]!.slot);
    clients[1]!.say(sealed(3, 'on its way'));
    line.kill(1);
    expect(clients.map(({ ended }) => ended?.code)).toEqual([
      undefined,
      CloseCode.staleSession,
      CloseCode.staleSession,
    ]);
    for (const client of clients.slice(1)) client.leave();
    await line.deliver();
    const again = Array.from({ length: 3 }, () => line.connect());
    for (const client of again) client.say(sealed(7, 'here again'));
    clients[0]!.say(sealed(2, 'still here'));
    await line.deliver();
    expect(line.workers.map(({ texts }) => texts)).toEqual([
      ['hello', 'still here'],
      ['here again', 'here again', 'here again'],
    ]);
    // What the dead one still had to say is for nobody.
    line.relay.hear(1, {
      line: 0,
      confirmed: [clients[1]!.slot],
      datagrams: null,
      taken: [],
      disconnected: [],
      released: [0],
    });
  });

  it('whose worker is being started is asked to come back', () => {
    const line = new JoinedLine();
    line.workers[1]!.isRunning = false;
    const client = line.connect();
    client.say(sealed(3, 'hello'), sealed(3, 'again'));
    expect(client.ended).toEqual({ code: CloseCode.overload, reason: 'its worker is being started' });
  });
});
