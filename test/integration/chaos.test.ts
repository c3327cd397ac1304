import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import {
  startChaos,
  type Chaos,
  type ChaosOptions,
  type ChaosState,
} from '../../tools/kcpgate/chaos/chaos.ts';
import { PROFILES } from '../../tools/kcpgate/chaos/profiles.ts';
import { Recorder } from '../../tools/kcpgate/chaos/recorder.ts';
import { parseScript } from '../../tools/kcpgate/chaos/script.ts';
import { linkOf, PERFECT_WEATHER } from '../../tools/kcpgate/chaos/weather.ts';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { LinkFates } from '../../tools/kcpgate/relay/link-fates.ts';
import { freePorts } from '../support/free-ports.ts';
import { runKcpgate, startKcpgate } from '../support/kcpgate-command.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closers.splice(0).reverse()) await close();
});

const SEED = 11;

describe.each(['4g', 'wifi-bad'] as const)('a network like %s on real sockets', (name) => {
  const weather = PROFILES[name].up;

  test('holds datagrams for its delay and lets pass what its rate lets pass', async () => {
    const { server, chaos, send } = await udpThrough({ up: weather });
    // As many as its queue would hold.
    const serialMs = (LARGE_BYTES * 1000) / weather.bytesPerSecond;
    const count = Math.floor((weather.queue as { ms: number }).ms / serialMs) - 1;
    const startedAt = performance.now();
    await send(count, LARGE_BYTES);
    await until(() => server.arrivals.length >= udpOf(chaos).toTarget.delivered);
    const leastMs = (index: number): number => weather.delayMs + (index + 1) * serialMs;
    for (const { index, at } of server.arrivals) {
      expect(at - startedAt).toBeGreaterThan(leastMs(index) - 1);
    }
    // Above it is the jitter, and what the machine takes.
    const last = server.arrivals.at(-1)!;
    expect(last.at - startedAt).toBeLessThan(2 * (leastMs(last.index) + weather.jitterMs) + 2000);
    expect(udpOf(chaos).toTarget.queueDrops).toBe(0);
  });

  test('loses what its seed says', async () => {
    const { server, chaos, send } = await udpThrough({ up: weather });
    await send(2000, SMALL_BYTES);
    const fates = new LinkFates(linkOf(weather), new SeededRandom(SEED, 1), 0, false);
    for (let index = 0; index < 2000; index++) fates.decide(index, SMALL_BYTES);
    const { lost, delivered } = fates.counters;
    expect(udpOf(chaos).toTarget).toMatchObject({ sent: 2000, lost, delivered });
    await until(() => server.arrivals.length === delivered);
  });
});

describe('steps', () => {
  test('are done when their time has come, and undone when they were for a time', async () => {
    const script = parseScript(
      'at 50ms udp blackhole 100ms up\nat 200ms udp profile satellite down\nat 250ms tcp reset\nat 300ms end',
    );
    if (!script.ok) throw new Error(JSON.stringify(script.faults));
    const done: string[] = [];
    const up: string[] = [];
    // A busy machine would be late for one of them, and a black hole ends so long after it began.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { chaos } = await udpThrough({
      steps: script.steps,
      onStep: (_, text, error) => {
        done.push(error === undefined ? text : `${text}: ${error}`);
        up.push(chaos.state().relays[0]!.up);
      },
      onEnd: () => done.push('ended'),
    });
    vi.advanceTimersByTime(299);
    expect(done).toHaveLength(4);
    vi.advanceTimersByTime(2);
    expect(done).toEqual([
      'udp blackhole 100ms up',
      'blackhole is over',
      'udp profile satellite down',
      'tcp reset: there is no such relay',
      'ended',
      'end',
    ]);
    expect(up).toEqual(['blackhole', 'perfect', 'perfect', 'perfect', 'perfect']);
    expect(chaos.state().relays[0]!.down).toMatch(/^delay 280ms/);
    expect(chaos.state().nextStepMs).toBeNull();
  });

  test('clear goes back to the weather at the start', async () => {
    const { chaos } = await udpThrough({ up: { ...PERFECT_WEATHER, delayMs: 5 } });
    chaos.apply({ kind: 'profile', scope: 'all', direction: 'both', profile: 'train' }, '');
    chaos.apply({ kind: 'clear', scope: { port: chaos.relays[0]!.listen.port }, direction: 'up' }, '');
    const [relay] = chaos.state().relays;
    expect(relay).toMatchObject({ up: 'delay 5ms' });
    expect(relay!.down).toMatch(/outage/);
  });
});

test('a recording has everything that came, and what became of it', async () => {
  const file = join(temporaryFolder(), 'seen.pcapng');
  const recorder = new Recorder(file, () => undefined);
  const up = { ...PERFECT_WEATHER, lossRate: 0.3, duplicateRate: 0.2, mtuBytes: 1000, delayMs: 3 };
  const { chaos, send, server } = await udpThrough({ up, recorder });
  await send(300, SMALL_BYTES);
  await send(5, LARGE_BYTES);
  const { toTarget } = udpOf(chaos);
  await until(() => server.arrivals.length === toTarget.delivered);
  await chaos.close();
  recorder.close();

  const comments: string[] = [];
  const reader = new CaptureReader({ sink: ({ comment }) => comments.push(comment) });
  reader.push(readFileSync(file));
  reader.finish();
  const count = (words: RegExp): number => comments.filter((comment) => words.test(comment)).length;
  expect(comments).toHaveLength(305);
  expect(count(/^up dropped: loss$/)).toBe(toTarget.lost);
  expect(count(/^up dropped: mtu$/)).toBe(5);
  expect(count(/^up delivered: duplicated \(3\.0 ms\)$/)).toBe(toTarget.duplicated);
  expect(count(/^up delivered \(3\.0 ms\)$/)).toBe(300 - toTarget.lost - toTarget.duplicated);
});

describe('the command', () => {
  test(
    'relays, is changed while it runs, and says in the end what happened',
    { timeout: 60_000 },
    async () => {
      const echo = await echoServer();
      const file = join(temporaryFolder(), 'seen.pcapng');
      const command = await startKcpgate([
        ...['chaos', '--udp', `0=${String(echo.port)}`, '--tcp', `0=${String(echo.port)}`, '--json'],
        ...['--loss', '100% up', '--control', '0', '--seed', '5', '--record', file],
      ]);
      closers.push(() => command.stop());
      const start = eventOf(await command.line((line) => line.includes('"start"')));
      expect(start.relays.map(({ carrier, up, down }) => [carrier, up, down])).toEqual([
        ['udp', 'loss 100%', 'perfect'],
        ['tcp', 'perfect', 'perfect'],
      ]);
      const [udpPort, tcpPort] = start.relays.map(({ listen }) => Number(listen.split(':').at(-1)));

      const tcp = connect(tcpPort!, '127.0.0.1');
      closers.push(() => tcp.destroy());
      const reset = new Promise((resolve) => tcp.once('error', resolve));
      tcp.write('hello');
      const [answer] = (await once(tcp, 'data')) as [Buffer];
      expect(answer.toString()).toBe('hello');

      const udp = await boundSocket();
      let heard = 0;
      udp.on('message', () => heard++);
      udp.send('lost', udpPort, '127.0.0.1');
      const state = async (): Promise<ChaosState> =>
        (await (await fetch(start.control)).json()) as ChaosState;
      await until(async () => udpIn(await state()).toTarget.lost === 1);
      const changed = await fetch(start.control, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ changes: ['udp loss off', 'tcp reset'] }),
      });
      expect(changed.status).toBe(200);
      expect(await reset).toMatchObject({ code: 'ECONNRESET' });
      udp.send('kept', udpPort, '127.0.0.1');
      await until(() => heard === 1);

      expect(await command.stop()).toEqual({ code: 0, signal: null });
      const end = eventOf(command.output.trim().split('\n').at(-1)!);
      expect(end.event).toBe('end');
      expect(udpIn(end)).toMatchObject({
        toTarget: { sent: 2, lost: 1, delivered: 1 },
        toClient: { delivered: 1 },
      });
      expect(end.relays[1]!.stats).toMatchObject({ accepted: 1, cut: 1, toTargetBytes: 5, toClientBytes: 5 });
      // Three packets open a connection, two carry bytes, one resets it.
      const reader = new CaptureReader({ sink: () => undefined });
      reader.push(readFileSync(file));
      reader.finish();
      expect(reader.counters.packets).toBe(3 + 6);
    },
  );

  test('ends when its script says so, and tells people', { timeout: 60_000 }, async () => {
    const script = join(temporaryFolder(), 'short.chaos');
    writeFileSync(script, 'at 10ms udp rebind\nat 50ms end\n');
    const { code, output } = await runKcpgate([
      ...['chaos', '--udp', '0=127.0.0.1:9', '--profile', '3g', '--seed', '4', '--script', script],
    ]);
    expect(code).toBe(0);
    expect(output).toMatch(/^seed 4\nudp 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:9 {2}up: delay 80ms, .*; down: /);
    expect(output).toMatch(/^\d\.\d s {2}udp rebind$/m);
    expect(output).toMatch(/^RELAY +WAY +CAME +LEFT/m);
  });

  test('measures itself', { timeout: 60_000 }, async () => {
    const { code, output } = await runKcpgate(['chaos', '--self-test', '150ms']);
    expect(code).toBe(0);
    const rows = [
      ...output.matchAll(/^(?:perfect|delay 20 ms, jitter 5 ms) +1[02]00? +(\d+) +\d+ +\d+ % /gmu),
    ];
    expect(rows).toHaveLength(4);
    // Nothing passes in a measurement in which a busy machine does not let one of the two processes run.
    expect(Math.max(...rows.map(([, perSecond]) => Number(perSecond)))).toBeGreaterThan(10);
  });

  test('refuses what is wrong before anything begins, and says where', { timeout: 60_000 }, async () => {
    const script = join(temporaryFolder(), 'wrong.chaos');
    writeFileSync(script, 'at 1s udp clear\nat 2s udp los 3%\n');
    const { code, output, errorOutput } = await runKcpgate(['chaos', '--udp', '0=9', '--script', script]);
    expect([code, output]).toEqual([2, '']);
    expect(errorOutput).toBe(`${script}:2:11: there is no "los"; did you mean "loss"?\n`);
  });

  test(
    'sums nothing up when it cannot be controlled where it was asked to',
    { timeout: 60_000 },
    async () => {
      const { port } = await echoServer();
      const refused = await runKcpgate(['chaos', '--udp', '0=9', '--control', String(port)]);
      expect([refused.code, refused.output]).toEqual([1, '']);
      expect(refused.errorOutput).toMatch(/^kcpgate: .*in use.*\n$/);
    },
  );
});

const SMALL_BYTES = 50;
const LARGE_BYTES = 1200;

interface Through {
  readonly chaos: Chaos;
  readonly server: { readonly arrivals: { readonly index: number; readonly at: number }[] };
  /** Sends numbered datagrams in small groups, so that no socket buffer overflows, until the relay has taken all. */
  readonly send: (count: number, bytes: number) => Promise<void>;
}

/** A relay in front of a socket that notes what arrives, and a client. */
async function udpThrough(options: Partial<ChaosOptions>): Promise<Through> {
  const socket = await boundSocket();
  // The system gives twice as much as it lets a program have: 416 KiB at least, and takes 2.25 KiB for a large datagram.
  socket.setRecvBufferSize(1 << 20);
  const arrivals: { index: number; at: number }[] = [];
  socket.on('message', (datagram) =>
    arrivals.push({ index: datagram.readUInt32BE(), at: performance.now() }),
  );
  const chaos = await startChaos({
    relays: [
      {
        carrier: 'udp',
        listen: { address: '127.0.0.1', family: 4, port: 0 },
        target: { address: '127.0.0.1', family: 4, port: socket.address().port },
      },
    ],
    ...{ seed: SEED, up: PERFECT_WEATHER, down: PERFECT_WEATHER },
    ...options,
  });
  closers.push(() => chaos.close());
  const client = await boundSocket();
  const { port, address } = chaos.relays[0]!.listen;
  const send = async (count: number, bytes: number): Promise<void> => {
    const before = udpOf(chaos).toTarget.sent;
    const most = bytes === SMALL_BYTES ? 180 : 60;
    for (let index = 0; index < count; index++) {
      const datagram = Buffer.alloc(bytes);
      datagram.writeUInt32BE(index);
      client.send(datagram, port, address);
      if (index % 20 !== 19) continue;
      // Nor so many that they overflow where they come out, should the machine be busy: those that lie there unread count, too.
      await until(() => {
        const { sent, delivered } = udpOf(chaos).toTarget;
        return sent === before + index + 1 && delivered - arrivals.length < most;
      });
    }
    await until(() => udpOf(chaos).toTarget.sent === before + count);
  };
  return { chaos, server: { arrivals }, send };
}

const udpOf = (chaos: Chaos): ReturnType<typeof udpIn> => udpIn(chaos.state());

function udpIn({ relays }: ChaosState): (ChaosState['relays'][number] & { carrier: 'udp' })['stats'] {
  const relay = relays[0]!;
  if (relay.carrier !== 'udp') throw new Error('the first is not UDP');
  return relay.stats;
}

const eventOf = (line: string): ChaosState & { readonly event: string; readonly control: string } =>
  JSON.parse(line) as ChaosState & { event: string; control: string };

/** UDP and TCP on the same port. */
async function echoServer(): Promise<{ port: number }> {
  const [port] = await freePorts(1);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(port, '127.0.0.1');
  closers.push(() => server.close());
  await once(server, 'listening');
  const udp = await boundSocket(port);
  udp.on('message', (datagram, from) => udp.send(datagram, from.port, from.address));
  return { port: port! };
}

async function boundSocket(port = 0): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return socket;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-chaos-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(2);
}
