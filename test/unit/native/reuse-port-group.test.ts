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
import { createOpener } from './open-native.ts';

const ipv6 = await hasIpv6();
const families = [LOOPBACK_V4, ...(ipv6 ? [LOOPBACK_V6] : [])];

describeWithNative('a group of sockets on one port', (bindings) => {
  const open = createOpener(bindings);
  const descriptors: number[] = [];
  const bindGroup = (bind: SocketAddress, count: number): number[] => {
    const group = bindings.bindReusePortGroup({ ...bind, ipv6Only: false, count });
    descriptors.push(...group);
    return group;
  };
  const openGroup = (bind: SocketAddress, count: number): DatagramSocket[] =>
    bindGroup(bind, count).map((descriptor) => open({ bind, descriptor }));

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

/** A datagram that begins with a conversation number. */
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

function datagramOf(conv: number): Uint8Array {
  const datagram = new Uint8Array(24);
  new DataView(datagram.buffer).setUint32(0, conv, true);
  return datagram;
}

function convOf({ bytes }: Received): number {
  return new DataView(bytes.buffer).getUint32(0, true);
}

function total(inboxes: readonly Received[][]): number {
  return inboxes.reduce((sum, { length }) => sum + length, 0);
}
