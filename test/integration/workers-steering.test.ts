import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { login } from '../../src/client/node/index.ts';
import { writeDataSegment } from '../../src/wire/data-segment.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import { writeProxyV2 } from '../../src/wire/proxy-v2.ts';
import { writeSpp } from '../../src/wire/spp.ts';
import { describeWithNative } from '../support/native.ts';
import { PYTHON } from '../support/peer-detection.ts';
import { peer } from '../support/peers.ts';
import { echo, LoginWorkers, untilStatus, workerOf } from './login-workers.ts';

const world = new LoginWorkers();
afterEach(() => world.end());

const CLIENT = { address: '203.0.113.7', family: 4, port: 40_001 } as const;
const LINE = { address: '198.51.100.1', family: 4, port: 4000 } as const;

/**
 * Sends its input in one call that the system splits, and writes the first four bytes of each answer: port, size of a
 * datagram. The loopback interface hands over the whole, as network cards do with what came one after the other.
 */
const GLUE = `
import socket, sys
data = sys.stdin.buffer.read()
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.setsockopt(17, 103, int(sys.argv[2]))  # UDP_SEGMENT
link.settimeout(10)
link.connect(('127.0.0.1', int(sys.argv[1])))
link.send(data)
heard = set()
while len(heard) < len(data) // int(sys.argv[2]):
    heard.add(link.recv(2048)[:4])
sys.stdout.buffer.write(b''.join(heard))
`;

/** The first PUSH of a stock peer. */
function openingOf(conv: number): Uint8Array {
  const memory = wireMemory(new Uint8Array(64));
  const payload = Uint8Array.of(conv & 255);
  const push = { type: 'push', conv, frg: 0, wnd: 128, ts: 0, sn: 0, una: 0, payload } as const;
  return memory.bytes.subarray(0, writeDataSegment(memory, 0, push));
}

/** A proxy that puts a header in front of the first datagram of a client, or of each. */
async function udpProxy(target: number, header: Uint8Array, everyTime: boolean): Promise<number> {
  const front = createSocket('udp4').bind(0, '127.0.0.1');
  const back = createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(front, 'listening'), once(back, 'listening')]);
  world.onEnd(() => {
    front.close();
    back.close();
  });
  let client = { address: '', port: 0 };
  let isFirst = true;
  front.on('message', (datagram, from) => {
    client = from;
    back.send(isFirst || everyTime ? Buffer.concat([header, datagram]) : datagram, target, '127.0.0.1');
    isFirst = false;
  });
  back.on('message', (datagram) => {
    // With SPP the answer carries the header, too.
    const at = datagram.readUInt16BE(0) === 0x56ec ? header.length : 0;
    front.send(datagram.subarray(at), client.port, client.address);
  });
  return front.address().port;
}

function proxyHeader(): Uint8Array {
  const memory = wireMemory(new Uint8Array(128));
  const header = { transport: 'datagram', source: CLIENT, destination: LINE } as const;
  return memory.bytes.slice(0, writeProxyV2(memory, 0, header));
}

function sppHeader(): Uint8Array {
  const memory = wireMemory(new Uint8Array(128));
  return memory.bytes.slice(0, writeSpp(memory, 0, CLIENT, LINE));
}

peer('python').describe('datagrams that are glued together', () => {
  describeWithNative('at a gateway with two workers', () => {
    test('each finds the worker of its session', { timeout: 60_000 }, async () => {
      const running = await world.start({ udpListener: 'new_sessions_per_source_per_second: 1000' });
      const openings = Array.from({ length: 40 }, (_, i) => openingOf(1000 + i));
      const size = openings[0]!.length;
      const glue = spawn(PYTHON, ['-c', GLUE, String(running.ports.udp), String(size)]);
      world.onEnd(() => glue.kill());
      glue.stdin.end(Buffer.concat(openings));
      const chunks: Buffer[] = [];
      glue.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(glue, 'close');
      const answers = Buffer.concat(chunks);
      // Each is answered from the address it was sent to: the socket is connected.
      const answered = new Set<number>();
      for (let at = 0; at < answers.length; at += 4) answered.add(answers.readUInt32LE(at));
      expect([...answered].sort()).toEqual(openings.map((_, i) => 1000 + i));
      const status = await untilStatus(running, ({ listeners }) => listeners[0]?.stats.openedSessions === 40);
      expect(status.workers.map(({ listeners }) => listeners[0]?.stats.openedSessions)).toEqual([20, 20]);
      // All of them came to the worker of the first.
      expect(status.workers.map(({ handedOn }) => handedOn)).toEqual([20, 0]);
      for (const { id, conv } of await running.gateway.sessions()) {
        expect(id.startsWith(`${String(conv % 2)}.`)).toBe(true);
      }
    });
  });
});

describeWithNative('datagrams behind proxies', () => {
  test.each([
    ['the PROXY header of the first datagram', 'proxy', proxyHeader, false],
    ['PROXY headers', 'proxy', proxyHeader, true],
    ['SPP headers', 'spp', sppHeader, true],
  ] as const)(
    'with %s each find the worker of their session',
    { timeout: 60_000 },
    async (_, mode, header, everyTime) => {
      const running = await world.start({
        udpListener: `proxy_protocol: ${mode}, trusted_proxies: [ "127.0.0.1/32" ]`,
      });
      const seen = new Set<number>();
      for (let i = 0; i < 100 && seen.size < 2; i++) {
        const at = await udpProxy(running.ports.udp, header(), everyTime);
        const answer = await login({ loginUrl: running.loginUrl });
        const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: at } : line));
        const connection = await world.open({ credentials: { ...answer, lines }, line: 'udp' });
        for (const text of ['a', 'b', 'c']) expect(await echo(connection, text)).toBe(text);
        const [session, ...others] = await running.gateway.sessions({ conv: answer.sessions[0]!.conv });
        expect(others).toEqual([]);
        expect(session?.remoteAddress).toEqual(CLIENT);
        expect(session?.id.startsWith(`${String(workerOf(connection))}.`)).toBe(true);
        seen.add(workerOf(connection));
        await connection.close();
      }
      expect(seen.size).toBe(2);
    },
  );
});
