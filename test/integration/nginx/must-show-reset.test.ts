import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../../../src/client/node/index.ts';
import { Command } from '../../../src/wire/command.ts';
import { probeDatagram } from '../../../tools/kcpgate/upstream-check/probe-message.ts';
import { NginxFront } from '../../support/nginx-front.ts';
import { peer } from '../../support/peers.ts';

peer('nginx').describe('a gateway behind nginx that is asked for sessions of another one', () => {
  let front: NginxFront;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    front = await NginxFront.start({ gateways: 2 });
    return () => front.stop();
  }, 120_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A way to one gateway, whoever owns what is sent there. */
  interface Way {
    readonly name: string;
    readonly told: Buffer[];
    send(bytes: Uint8Array): void;
  }

  /** nginx leads a client by its first datagram only. */
  async function udpWay(): Promise<Way> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    closers.push(() => socket.close());
    await once(socket, 'listening');
    const told: Buffer[] = [];
    socket.on('message', (bytes) => told.push(bytes));
    return { name: 'udp', told, send: (bytes) => socket.send(bytes, front.ports.udp, '127.0.0.1') };
  }

  /** And a WebSocket by its path. */
  async function webSocketWay(id: number): Promise<Way> {
    const url = `ws://127.0.0.1:${String(front.ports.http)}/kcp/${String(id)}`;
    const socket = new WebSocket(url, 'kcpgate.v1');
    closers.push(() => socket.terminate());
    await once(socket, 'open');
    const told: Buffer[] = [];
    socket.on('message', (bytes: Buffer) => told.push(bytes));
    return { name: 'ws', told, send: (bytes) => socket.send(bytes) };
  }

  /** Waits until a way brought this command, and nothing else. */
  async function answeredBy({ told, name }: Way, command: number): Promise<void> {
    while (told.length === 0) await delay(5);
    expect(
      told.splice(0).map((bytes) => bytes[4]),
      name,
    ).toEqual([command]);
  }

  test(
    'gives away what ends them only when that one does not answer any more',
    { timeout: 60_000 },
    async () => {
      const client = createClient({ loginUrl: front.loginUrl, line: ({ id }) => id.startsWith('udp-') });
      closers.push(() => client.destroy());
      const session = await client.connect();
      session.send(Buffer.from('hello'));
      for await (const _ of session) break;
      const owners = await Promise.all(front.gateways.map((gateway) => gateway.sessions()));
      const { conv } = owners.flat()[0]!;
      const owner = conv >>> 24;
      const other = 3 - owner;
      for (const way of [await udpWay(), await webSocketWay(other)]) {
        way.send(sealedLike(other * 2 ** 24 + 77));
        await answeredBy(way, Command.reset);
        // Longer than it takes the other gateway to find out whether the owner answers.
        for (const until = performance.now() + 800; performance.now() < until;) {
          way.send(sealedLike(conv));
          way.send(probeDatagram({ number: 1, nonce: 2 }));
          await answeredBy(way, Command.probeAck);
          await delay(50);
        }
      }
      session.send(Buffer.from('still there'));
      for await (const message of session) {
        expect(Buffer.from(message).toString()).toBe('still there');
        break;
      }

      front.gateway(owner).process.signal('SIGSTOP');
      const way = await webSocketWay(other);
      for (const until = performance.now() + 20_000; way.told.length === 0; await delay(50)) {
        if (performance.now() > until) throw new Error('there was no RESET');
        way.send(sealedLike(conv));
      }
      expect(way.told[0]![4]).toBe(Command.reset);
    },
  );
});

/** Bytes that look like data of a sealed session. */
function sealedLike(conv: number): Uint8Array {
  const bytes = Buffer.alloc(100, 0x33);
  bytes.writeUInt32LE(conv);
  bytes[4] = 0xa0;
  return bytes;
}
