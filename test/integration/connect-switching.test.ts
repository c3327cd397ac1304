import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import {
  connect,
  login,
  type Connection,
  type ConnectionStatus,
  type SessionOptions,
} from '../../src/client/node/index.ts';
import { startUdpRelay, type UdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { startCuttableProxy, type CuttableProxy } from '../support/cuttable-proxy.ts';
import { startLoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A gateway whose lines can be harmed: `udp`, `udp2` over another relay, `tcp` that can be cut, `ws` that nothing befalls. */
interface World {
  readonly udp: UdpRelay;
  readonly udp2: UdpRelay;
  readonly tcp: CuttableProxy;
  open(lines: readonly string[], options?: SessionOptions): Promise<Watched>;
}

interface Watched {
  readonly connection: Connection;
  readonly statuses: ConnectionStatus[];
  readonly numbers: Numbers;
}

async function world(options: LoginGatewayOptions = {}): Promise<World> {
  const { gateway, loginUrl, ports } = await startLoginGateway(options);
  closers.push(() => gateway.stop());
  const relay = async (seed: number): Promise<UdpRelay> => {
    const made = await startUdpRelay({ target: { address: '127.0.0.1', port: ports.udp }, seed });
    closers.push(() => made.close());
    return made;
  };
  const [udp, udp2, tcp] = [await relay(1), await relay(2), await startCuttableProxy(ports.tcp)];
  closers.push(() => tcp.close());
  const answer = await login({ loginUrl });
  const [first] = answer.lines;
  const all = [...answer.lines, { ...first!, id: 'udp2' }].map((line) => {
    const port = { udp: udp.port, udp2: udp2.port, tcp: tcp.port }[line.id];
    return port === undefined ? line : { ...line, port };
  });
  return {
    ...{ udp, udp2, tcp },
    open: async (ids, more = {}) => {
      const lines = ids.map((id) => all.find((line) => line.id === id)!);
      // It stays on the first line until something befalls that, however fast the others seem to be.
      const switching = more.line === undefined ? { switching: { startMs: 0 } } : {};
      const connection = await connect({ credentials: { ...answer, lines }, ...switching, ...more });
      closers.push(() => connection.destroy());
      const statuses: ConnectionStatus[] = [];
      for (const type of ['moved', 'pathlost', 'suspect', 'decision', 'close'] as const) {
        connection.on(type, (status) => statuses.push(status));
      }
      return { connection, statuses, numbers: new Numbers(connection) };
    },
  };
}

/** Sends a number every few ms and checks that each comes back once, in order. */
class Numbers {
  sent = 0;
  received = 0;
  longestGapMs = 0;
  readonly #connection: Connection;
  readonly #reading: Promise<void>;
  #lastAt = performance.now();
  #isStopped = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#reading = this.#read();
    void this.#write();
  }

  /** Waits until so many more came back. */
  async more(count: number): Promise<void> {
    for (const enough = this.received + count; this.received < enough;) await delay(5);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#connection.end();
    await this.#reading;
    expect(this.received).toBe(this.sent);
  }

  async #write(): Promise<void> {
    const message = Buffer.alloc(64);
    while (!this.#isStopped) {
      message.writeUInt32BE(this.sent);
      if (this.#connection.send(message) > 0) this.sent++;
      await delay(5);
    }
  }

  async #read(): Promise<void> {
    for await (const message of this.#connection) {
      if (Buffer.from(message).readUInt32BE() !== this.received++) throw new Error('lost, or out of order');
      const now = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastAt);
      this.#lastAt = now;
    }
  }
}

async function untilOn(connection: Connection, line: string): Promise<void> {
  while (connection.line.id !== line) await delay(5);
}

const BLACK_HOLE = [{ lossRate: 1 }, { lossRate: 1 }] as const;
const CLEAN = [{ lossRate: 0 }, { lossRate: 0 }] as const;

describe('a line that swallows everything', () => {
  test('is left for another one; nothing is lost, and every decision is told', async () => {
    const { udp, open } = await world();
    const { connection, statuses, numbers } = await open(['udp', 'tcp']);
    expect(connection.line.id).toBe('udp');
    await numbers.more(50);
    udp.setLinks(...BLACK_HOLE);
    await untilOn(connection, 'tcp');
    await numbers.more(100);
    expect(statuses.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['suspect', 'decision', 'moved']) as string[],
    );
    const move = connection.decisions.find(({ action }) => action === 'move');
    expect(move).toMatchObject({ from: 'udp', to: 'tcp', outcome: { result: 'done' } });
    expect(connection.explain()).toContain('udp -> tcp');
    await numbers.stop();
  });

  test('and works again: the session comes back to it', async () => {
    const { udp, open } = await world();
    const { connection, numbers } = await open(['udp', 'tcp'], {
      switching: { startMs: 0, udpAgainMs: 200, holdDownMs: 100, probationMs: 300, standbyMs: 200 },
    });
    await numbers.more(20);
    udp.setLinks(...BLACK_HOLE);
    await untilOn(connection, 'tcp');
    udp.setLinks(...CLEAN);
    await untilOn(connection, 'udp');
    await numbers.more(50);
    await numbers.stop();
  });

  test('and is the only one: it is taken anew, over another socket', async () => {
    const { udp, open } = await world();
    const { connection, numbers, statuses } = await open(['udp']);
    await numbers.more(20);
    udp.setLinks(...BLACK_HOLE);
    while (connection.decisions.length === 0) await delay(5);
    await delay(500);
    udp.setLinks(...CLEAN);
    await numbers.more(100);
    await numbers.stop();
    for (const status of statuses) if (status.type === 'moved') expect(status).toMatchObject({ to: 'udp' });
  });

  test.each(['aes-128-gcm', 'clear'] as const)('is left in a session with seal %s', async (seal) => {
    const { gateway, loginUrl, ports } = await startLoginGateway({ listeners: 'allow_clear: true' });
    closers.push(() => gateway.stop());
    const udp = await startUdpRelay({ target: { address: '127.0.0.1', port: ports.udp }, seed: 1 });
    closers.push(() => udp.close());
    const answer = await login({ loginUrl, seal: [seal] });
    const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: udp.port } : line));
    const connection = await connect({
      credentials: { ...answer, lines },
      seal: [seal],
      switching: { startMs: 0 },
    });
    closers.push(() => connection.destroy());
    const numbers = new Numbers(connection);
    await numbers.more(20);
    udp.setLinks(...BLACK_HOLE);
    while (connection.line.id === 'udp') await delay(5);
    await numbers.more(50);
    await numbers.stop();
  });
});

describe('a connection that is cut', () => {
  test('is made again, or another line takes over; nothing is lost', async () => {
    const { tcp, open } = await world();
    const { connection, numbers, statuses } = await open(['tcp', 'ws']);
    expect(connection.line.id).toBe('tcp');
    for (let cuts = 0; cuts < 3; cuts++) {
      await numbers.more(20);
      const movesBefore = connection.stats().moves;
      if (connection.line.id !== 'tcp') await connection.moveTo('tcp');
      tcp.cut();
      while (connection.stats().moves <= movesBefore) await delay(5);
      await numbers.more(20);
    }
    expect(statuses).toContainEqual({ type: 'pathlost', line: 'tcp', redials: true });
    await numbers.stop();
  });

  test('and the only line: it is made again', async () => {
    const { tcp, open } = await world();
    const { numbers } = await open(['tcp']);
    await numbers.more(20);
    tcp.refuses = true;
    tcp.cut();
    await delay(700);
    tcp.refuses = false;
    await numbers.more(50);
    await numbers.stop();
  });
});

describe('redundant', () => {
  test('everything goes over two lines, the first copy counts: loss on either is not felt', async () => {
    const { udp, udp2, open } = await world();
    const options = { redundant: true, switching: false };
    const { connection, numbers } = await open(['udp', 'udp2'], options);
    const second = connection.line.id === 'udp' ? 'udp2' : 'udp';
    while (connection.stats().copies.received === 0) await delay(5);
    expect(connection.stats().copies).toMatchObject({ line: second });
    const loss = [{ lossRate: 0.2 }, { lossRate: 0.2 }] as const;
    udp.setLinks(...loss);
    udp2.setLinks(...loss);
    await numbers.more(200);
    await numbers.stop();
    const { copies, kcp } = connection.stats();
    expect(copies.sent).toBeGreaterThan(100);
    expect(copies.bytesSent).toBeGreaterThan(100 * 64);
    expect(kcp.timeoutRetransmits).toBeLessThan(kcp.segmentsSent / 4);
  });

  test('no more is spent than allowed', async () => {
    const { open } = await world();
    const redundant = { maxExtraBytesPerSecond: 1000 };
    const startedAt = performance.now();
    const { connection, numbers } = await open(['udp', 'udp2'], { redundant, switching: false });
    while (connection.stats().copies.skipped < 50) await delay(5);
    await numbers.stop();
    const { bytesSent, skipped } = connection.stats().copies;
    expect(skipped).toBeGreaterThan(50);
    // What is saved up at first, and what comes with time.
    expect(bytesSent).toBeLessThan(5_000 + performance.now() - startedAt);
  });

  test('the next line takes the place of a second one that dies, or is taken into use', async () => {
    const { udp, udp2, open } = await world();
    const options = { redundant: true, switching: false };
    const { connection, numbers } = await open(['udp', 'udp2', 'ws'], options);
    while (connection.stats().copies.sent === 0) await delay(5);
    const second = connection.line.id === 'udp' ? 'udp2' : 'udp';
    expect(connection.stats().copies.line).toBe(second);
    (second === 'udp' ? udp : udp2).setLinks(...BLACK_HOLE);
    while (connection.stats().copies.line !== 'ws') await delay(5);
    await connection.moveTo('ws');
    for (const relay of [udp, udp2]) relay.setLinks(...CLEAN);
    while (!['udp', 'udp2'].includes(String(connection.stats().copies.line))) await delay(5);
    await numbers.more(50);
    await numbers.stop();
  });

  test('a line that swallows everything is left, and copies go on elsewhere', async () => {
    const { udp, udp2, open } = await world();
    const { connection, numbers } = await open(['udp', 'udp2', 'ws'], { redundant: true });
    while (connection.stats().copies.sent === 0) await delay(5);
    for (const relay of [udp, udp2]) relay.setLinks(...BLACK_HOLE);
    await untilOn(connection, 'ws');
    await numbers.more(50);
    for (const relay of [udp, udp2]) relay.setLinks(...CLEAN);
    const { sent } = connection.stats().copies;
    while (connection.stats().copies.sent < sent + 20) await delay(5);
    expect(connection.stats().copies.line).not.toBe(connection.line.id);
    await numbers.stop();
  });

  test('may be one of certain lines only', async () => {
    const { open } = await world();
    const { connection, numbers } = await open(['udp', 'udp2', 'tcp', 'ws'], {
      redundant: { line: ({ transport }) => transport === 'ws' },
      switching: false,
    });
    while (connection.stats().copies.sent === 0) await delay(5);
    expect(connection.stats().copies.line).toBe('ws');
    await numbers.stop();
  });
});

describe('without switching', () => {
  test.each([{ switching: false }, { line: 'udp' }] as const)('it stays where it is: %j', async (options) => {
    const { udp, open } = await world();
    const { connection, numbers } = await open(['udp', 'tcp'], options);
    await numbers.more(20);
    udp.setLinks(...BLACK_HOLE);
    await delay(1500);
    expect(connection.line.id).toBe('udp');
    expect([connection.decisions, connection.explain()]).toEqual([[], '']);
    udp.setLinks(...CLEAN);
    await numbers.more(20);
    await numbers.stop();
  });
});

test('what a listener throws or does harms nothing', async () => {
  const { udp, open } = await world();
  const { connection, numbers } = await open(['udp', 'tcp', 'ws']);
  await numbers.more(20);
  const moves: Promise<unknown>[] = [];
  // Once: a second move would take the place of the first, which fails then.
  connection.on('suspect', () => {
    if (moves.length === 0) moves.push(connection.moveTo('ws'));
  });
  udp.setLinks(...BLACK_HOLE);
  while (moves.length === 0) await delay(5);
  await Promise.all(moves);
  await numbers.more(50);
  await numbers.stop();
});
