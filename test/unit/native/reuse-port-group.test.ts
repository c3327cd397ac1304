import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import type { DatagramSocket } from '../../../src/carrier/node/datagram-socket.ts';
import { createDgramSocket } from '../../../src/carrier/node/dgram-socket.ts';
import { hasIpv6, LOOPBACK_V4, LOOPBACK_V6, untilTrue } from '../../contract/loopback.ts';
import { datagramsOf } from '../../contract/received.ts';
import { collect, send, sendAll, type Received } from '../../contract/socket-traffic.ts';
import { describeWithNative } from '../../support/native.ts';
import { bytesOf, client, client6, joined, spp, v1, v2 } from '../carrier/proxy-datagrams.ts';
import { createOpener } from './open-native.ts';

const ipv6 = await hasIpv6();
const families = [LOOPBACK_V4, ...(ipv6 ? [LOOPBACK_V6] : [])];

describeWithNative('a group of sockets on one port', (bindings) => {
  const open = createOpener(bindings);
  const descriptors: number[] = [];
  const bindGroup = (bind: SocketAddress, count: number, proxyHeaders?: ProxyHeaders): number[] => {
    const options = { ...bind, ipv6Only: false, count };
    const group = bindings.bindReusePortGroup(
      proxyHeaders === undefined ? options : { ...options, proxyHeaders },
    );
    descriptors.push(...group);
    return group;
  };
  const openGroup = (bind: SocketAddress, count: number, proxyHeaders?: ProxyHeaders): DatagramSocket[] =>
    bindGroup(bind, count, proxyHeaders).map((descriptor) => open({ bind, descriptor }));

  afterEach(() => {
    for (const descriptor of descriptors.splice(0)) bindings.closeDescriptor(descriptor);
  });

  describe.each(families)('on $address', (bind) => {
    it.each([1, 2, 3, 5, 8])('steers by conv mod %d', async (count) => {
      const group = openGroup(bind, count);
      expect(new Set(group.map(({ localAddress }) => localAddress.port)).size).toBe(1);
      const inboxes = group.map(collect);
      const client = open({ bind });
      const slot = client.intern(group[0]!.localAddress);
      const convs = [0, 1, 2, 3, 4, 5, 255, 256, 0x01020304, 0x7fffffff, 0x80000000, 0xdeadbeef, 0xffffffff];
      // In one batch: what is glued together goes where the first of it goes, so conversations are not mixed.
      sendAll(
        client,
        convs.map((conv) => [slot, datagramOf(conv)]),
      );
      await untilTrue(() => total(inboxes) === convs.length);
      for (const [number, inbox] of inboxes.entries()) {
        const wanted = convs.filter((conv) => conv % count === number);
        expect(inbox.map(convOf)).toEqual(wanted);
      }
    });

    it('sends what is shorter than a conv to the first', async () => {
      const group = openGroup(bind, 3);
      const inboxes = group.map(collect);
      const client = open({ bind });
      const slot = client.intern(group[0]!.localAddress);
      for (const length of [0, 1, 2, 3]) sendAll(client, [[slot, new Uint8Array(length).fill(255)]]);
      await untilTrue(() => total(inboxes) === 4);
      expect(inboxes.map(({ length }) => length)).toEqual([4, 0, 0]);
    });

    it('keeps a conversation on its socket when its source port changes', async () => {
      const group = openGroup(bind, 2);
      const inboxes = group.map(collect);
      for (let source = 0; source < 20; source++) {
        const client = open({ bind });
        const slot = client.intern(group[0]!.localAddress);
        for (const conv of [1_000_000, 1_000_001]) sendAll(client, [[slot, datagramOf(conv)]]);
        await untilTrue(() => total(inboxes) === (source + 1) * 2);
      }
      expect(inboxes.map((inbox) => new Set(inbox.map(convOf)))).toEqual([
        new Set([1_000_000]),
        new Set([1_000_001]),
      ]);
      expect(new Set(inboxes[1]!.map(({ from }) => from.port)).size).toBe(20);
    });
  });

  describe.each(families)('behind proxies, on $address', (bind) => {
    const convs = Array.from({ length: 30 }, (_, i) => 0x0100_0000 + i * 7);
    /** Sends one datagram a conv, and tells which convs came to which member. */
    const steered = async (
      mode: ProxyHeaders,
      count: number,
      headers: readonly Uint8Array[],
      length = 24,
    ): Promise<number[][]> => {
      const group = openGroup(bind, count, mode);
      const inboxes = group.map(collect);
      const sender = open({ bind });
      const slot = sender.intern(group[0]!.localAddress);
      const datagrams = convs.flatMap((conv) =>
        headers.map((header) => joined(header, datagramOf(conv, length))),
      );
      // In one batch, as a relay sends: what is glued together must be of one conversation. Text is nothing that we send.
      const isText = headers.some(([first]) => first === 0x50);
      const batches = isText ? datagrams.map((datagram) => [datagram]) : [datagrams];
      for (const batch of batches) {
        sendAll(
          sender,
          batch.map((datagram) => [slot, datagram]),
        );
      }
      await untilTrue(() => total(inboxes) === datagrams.length);
      return inboxes.map((inbox) => inbox.map(({ bytes }) => convBehind(bytes, length)));
    };
    const expected = (count: number, times: number): number[][] =>
      Array.from({ length: count }, (_, number) =>
        convs.filter((conv) => conv % count === number).flatMap((conv) => Array<number>(times).fill(conv)),
      );

    it.each([
      ['version 2', 'proxy', [v2(client(1))]],
      ['version 2 and IPv6', 'proxy', [v2(client6(1))]],
      ['version 2 and TLVs', 'proxy', [withTlv(v2(client(1)))]],
      ['version 2, LOCAL', 'proxy', [localV2]],
      ['version 1', 'proxy', [v1(client(1)), v1(client(22))]],
      ['version 1, shortest and longest', 'proxy', [bytesOf('PROXY UNKNOWN\r\n'), longestV1]],
      ['no header', 'proxy', [new Uint8Array(0)]],
      ['SPP', 'spp', [spp(client(1)), spp(client6(2))]],
      ['no SPP header', 'spp', [new Uint8Array(0)]],
    ] as const)('steers by the conv behind a header: %s', async (_name, mode, headers) => {
      for (const count of [2, 3]) {
        expect(await steered(mode, count, headers)).toEqual(expected(count, headers.length));
      }
    });

    it('steers every datagram by itself where one after the other is as long', async () => {
      expect(await steered('proxy', 3, [v2(client(1))], 1200)).toEqual(expected(3, 1));
    });

    it('looks for the headers of its mode only', async () => {
      const group = openGroup(bind, 3);
      const inboxes = group.map(collect);
      const sender = open({ bind });
      const slot = sender.intern(group[0]!.localAddress);
      // Conversation numbers that look like headers.
      const looks = [0x584f5250, 0x0a0d0a0d, 0x1111ec56, 0x2222ec56];
      sendAll(
        sender,
        looks.map((conv) => [slot, datagramOf(conv, 60)]),
      );
      await untilTrue(() => total(inboxes) === looks.length);
      expect(inboxes.map((inbox) => inbox.map(convOf))).toEqual(
        [0, 1, 2].map((number) => looks.filter((conv) => conv % 3 === number)),
      );
    });

    it.each([
      [
        'proxy',
        [
          v2(client(1)),
          v2(client(1)).slice(0, 14),
          v1(client(1)),
          v1(client(1)).slice(0, 20),
          joined(v2(client(1)), bytesOf('abc')),
          joined(localV2.slice(0, 14), bytesOf('\xff\xff')),
        ],
      ],
      ['spp', [spp(client(1)), spp(client(1)).slice(0, 5), joined(spp(client(1)), bytesOf('abc'))]],
    ] as const)(
      'sends what ends within the header, or right behind it, to the first: %s',
      async (mode, cut) => {
        const group = openGroup(bind, 3, mode);
        const inboxes = group.map(collect);
        const sender = open({ bind });
        const slot = sender.intern(group[0]!.localAddress);
        for (const datagram of cut) sendAll(sender, [[slot, datagram]]);
        await untilTrue(() => total(inboxes) === cut.length);
        expect(inboxes.map(({ length }) => length)).toEqual([cut.length, 0, 0]);
      },
    );
  });

  it('answers from each member with the address of all', async () => {
    const group = openGroup(LOOPBACK_V4, 2);
    for (const member of group) {
      member.start((batch) => {
        for (const { slot } of datagramsOf(batch)) send(member, slot, 'pong');
      });
    }
    const client = open({ remote: group[0]!.localAddress });
    const inbox = collect(client);
    const slot = client.intern(group[0]!.localAddress);
    for (const conv of [0, 1, 2, 3]) sendAll(client, [[slot, datagramOf(conv)]]);
    await untilTrue(() => inbox.length === 4);
  });

  it('is refused on a port that somebody has, group or not, and nothing stays open', async () => {
    const socket = open();
    const group = openGroup(LOOPBACK_V4, 2);
    for (const { localAddress } of [socket, group[0]!]) {
      expect(() => bindGroup(localAddress, 2)).toThrow(
        expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind', errno: -98 }),
      );
    }
    const { port } = socket.localAddress;
    await socket.close();
    expect(bindGroup({ ...LOOPBACK_V4, port }, 2)).toHaveLength(2);
  });

  it('gets a port that no other group has', () => {
    const ports = Array.from({ length: 50 }, () => openGroup(LOOPBACK_V4, 2)[0]!.localAddress.port);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it.each([0, -1, 1025])('is refused with %d members', (count) => {
    expect(() => bindGroup(LOOPBACK_V4, count)).toThrow(RangeError);
  });

  describe('adopting a descriptor', () => {
    it('leaves the original open', async () => {
      const [descriptor] = bindGroup(LOOPBACK_V4, 1);
      const first = open({ descriptor: descriptor! });
      const { localAddress } = first;
      expect(localAddress).toMatchObject({ address: '127.0.0.1', family: 4 });
      expect(localAddress.port).toBeGreaterThan(0);
      await first.close();
      const inbox = collect(open({ descriptor: descriptor! }));
      const client = open();
      send(client, client.intern(localAddress), 'still here');
      await untilTrue(() => inbox.length === 1);
    });

    it('with a remote address drops what strangers sent before', async () => {
      const [descriptor] = bindGroup(LOOPBACK_V4, 1);
      const [server, stranger, probe] = [open(), open(), open({ descriptor: descriptor! })];
      const { localAddress } = probe;
      await probe.close();
      send(stranger, stranger.intern(localAddress), 'psst');
      send(server, server.intern(localAddress), 'hello');
      const client = open({ descriptor: descriptor!, remote: server.localAddress });
      const inbox = collect(client);
      await untilTrue(() => inbox.length === 1 && client.stats().receiveDrops === 1);
      expect(inbox[0]).toMatchObject({ text: 'hello', from: server.localAddress });
    });

    it('is refused for what is no UDP socket', async () => {
      const file = openSync('/dev/null', 'r');
      expect(() => open({ descriptor: file })).toThrow(expect.objectContaining({ code: 'bind_failed' }));
      closeSync(file);
      const before = new Set(socketDescriptors());
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const tcp = socketDescriptors().find((descriptor) => !before.has(descriptor))!;
      expect(() => open({ descriptor: tcp })).toThrow(expect.objectContaining({ code: 'bind_failed' }));
      server.close();
      expect(() => open({ descriptor: 1_000_000 })).toThrow(expect.objectContaining({ code: 'bind_failed' }));
    });

    it('is refused on dgram, as are groups, in words that say why', async () => {
      for (const option of [{ descriptor: 3 }, { reusePort: true }]) {
        await expect(createDgramSocket({ bind: LOOPBACK_V4, ...option })).rejects.toMatchObject({
          code: 'config_invalid',
          message: expect.stringContaining('native addon') as string,
        });
      }
    });
  });

  it('can be joined by hand, without steering', () => {
    const first = open({ reusePort: true });
    const second = open({ bind: first.localAddress, reusePort: true });
    expect(second.localAddress).toEqual(first.localAddress);
  });
});

/** The descriptors of this process that are sockets. */
function socketDescriptors(): number[] {
  return readdirSync('/proc/self/fd').map(Number).filter(isSocket);
}

function isSocket(descriptor: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
  } catch {
    // That of the listing itself is closed by now.
    return false;
  }
}

type ProxyHeaders = 'off' | 'proxy' | 'spp';

const localV2 = Uint8Array.from('0d0a0d0a000d0a515549540a20000007030004a9b87e8f'.match(/../g)!, (pair) =>
  parseInt(pair, 16),
);
const longestV1 = bytesOf(`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`);

/** A version 2 header with a TLV, some hundred bytes long. */
function withTlv(header: Uint8Array): Uint8Array {
  const tlv = new Uint8Array(300).fill(0x0a);
  tlv.set([0xee, 0x01, 0x29]);
  const whole = joined(header, tlv);
  new DataView(whole.buffer).setUint16(14, whole.length - 16);
  return whole;
}

/** The conversation number of what stands at the end of a datagram. */
function convBehind(bytes: Uint8Array, length: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - length, true);
}

/** A datagram that begins with a conversation number. */
function datagramOf(conv: number, length = 24): Uint8Array {
  const datagram = new Uint8Array(length);
  new DataView(datagram.buffer).setUint32(0, conv, true);
  return datagram;
}

function convOf({ bytes }: Received): number {
  return new DataView(bytes.buffer).getUint32(0, true);
}

function total(inboxes: readonly Received[][]): number {
  return inboxes.reduce((sum, { length }) => sum + length, 0);
}
