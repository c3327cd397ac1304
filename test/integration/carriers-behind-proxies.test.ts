import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { NativeLoad } from '../../native-bindings/index.ts';
import type { SocketAddress } from '../../src/base/address.ts';
import { parseCidr, CidrSet } from '../../src/base/cidr.ts';
import { META_ADDRESS, META_LENGTH, META_OFFSET, META_STRIDE } from '../../src/carrier/carrier.ts';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
import { proxiedCarrier, type ProxiedCarrier, type ProxiedOptions } from '../../src/carrier/proxied.ts';
import { NODE_CLOCK } from '../../src/endpoint/node-clock.ts';
import { hasIpv6, LOOPBACK_V4, LOOPBACK_V6, untilTrue } from '../contract/loopback.ts';
import { datagramsOf } from '../contract/received.ts';
import { describeWithNative } from '../support/native.ts';
import {
  bytesOf,
  client,
  client6,
  collect,
  joined,
  LINE,
  spp,
  textOf,
  v1,
  v2,
} from '../unit/carrier/proxy-datagrams.ts';

const ipv6 = await hasIpv6();
const trusted = new CidrSet(['127.0.0.0/8', '::1'].map(blockOf));

function describeOn(implementation: string, native: NativeLoad): void {
  describe.each([LOOPBACK_V4, ...(ipv6 ? [LOOPBACK_V6] : [])])(
    `a UDP carrier behind proxies, by ${implementation}, on $address`,
    (bind) => {
      const closing: (() => unknown)[] = [];
      afterEach(async () => {
        await Promise.all(closing.splice(0).map((close) => close()));
      });

      const open = async (options: Partial<ProxiedOptions>): Promise<ProxiedCarrier> => {
        const carrier = proxiedCarrier(await createUdpCarrier({ bind, native }), {
          mode: 'proxy',
          isTrusted: (address) => trusted.has(address),
          clock: NODE_CLOCK,
          ...options,
        });
        closing.push(() => carrier.close());
        return carrier;
      };

      /** A socket of a proxy towards the gateway, as nginx opens one for each client. */
      const openProxy = async (to: SocketAddress): Promise<{ socket: Socket; received: string[] }> => {
        const socket = createSocket(bind.family === 6 ? 'udp6' : 'udp4');
        closing.push(() => socket.close());
        socket.connect(to.port, to.address);
        await once(socket, 'connect');
        const received: string[] = [];
        socket.on('message', (message) => received.push(textOf(message)));
        return { socket, received };
      };

      it('knows clients by the header of their first datagram, and answers by their proxy', async () => {
        const carrier = await open({});
        const seen = collect(carrier, (batch) => echo(carrier, batch));
        const [one, two] = [await openProxy(carrier.localAddress), await openProxy(carrier.localAddress)];
        one.socket.send(joined(v1(client(1)), bytesOf('a')));
        two.socket.send(v2(client6(2)));
        await untilTrue(() => seen.length === 1 && carrier.proxyStats().clients === 2);
        for (const text of ['b', 'c']) one.socket.send(text);
        two.socket.send('d');
        await untilTrue(() => one.received.length === 3 && two.received.length === 1);
        const byText = (a: { text: string }, b: { text: string }): number => a.text.localeCompare(b.text);
        expect(seen.sort(byText).map(({ text, from }) => [text, from])).toEqual([
          ['a', client(1)],
          ['b', client(1)],
          ['c', client(1)],
          ['d', client6(2)],
        ]);
        expect(one.received).toEqual(['a', 'b', 'c']);
        const proxy = { ...bind, port: one.socket.address().port };
        expect(carrier.proxyOf(seen[0]!.slot)).toEqual(proxy);
      });

      it('gives headers back with SPP, each client its own, whole runs at a time', async () => {
        const carrier = await open({ mode: 'spp', echoSpp: true });
        collect(carrier, (batch) => echo(carrier, batch));
        const proxy = await createUdpCarrier({ bind, native });
        closing.push(() => proxy.close());
        const answers: string[] = [];
        proxy.start((batch) => {
          for (const { bytes } of datagramsOf(batch)) answers.push(String(bytes));
        });
        const slot = proxy.intern(carrier.localAddress);
        const sent: string[] = [];
        for (let i = 0; i < 200; i++) {
          // Runs of one client, then another; equal in length, so that they travel glued together.
          const header = spp(client(1 + (Math.floor(i / 20) % 2)), LINE);
          const datagram = joined(
            header,
            bytesOf(`number ${String(i).padStart(4, '0')}`),
            new Uint8Array(500),
          );
          const at = proxy.arena.reserve(datagram.length);
          proxy.arena.bytes.set(datagram, at);
          proxy.arena.target = slot;
          proxy.arena.commit(datagram.length);
          sent.push(String(datagram));
          if (i % 50 === 49) proxy.flush();
        }
        await untilTrue(() => answers.length === 200);
        expect(answers).toEqual(sent);
        expect(carrier.proxyStats()).toMatchObject({ headers: 200, clients: 2 });
        if (carrier.capabilities.segmentation) expect(carrier.stats().segmentedSends).toBeGreaterThan(0);
      });
    },
  );
}

describeOn('dgram', { status: 'off', reason: 'this test' });
describeWithNative('native', (bindings, file) => {
  describeOn('native', { status: 'loaded', bindings, file });
});

/** Sends every datagram of a batch back where it came from. */
function echo(carrier: ProxiedCarrier, batch: Parameters<Parameters<ProxiedCarrier['start']>[0]>[0]): void {
  const { arena } = carrier;
  for (let at = 0; at < batch.count * META_STRIDE; at += META_STRIDE) {
    const offset = batch.meta[at + META_OFFSET]!;
    const length = batch.meta[at + META_LENGTH]!;
    arena.target = batch.meta[at + META_ADDRESS]!;
    const to = arena.reserve(length);
    arena.bytes.set(batch.bytes.subarray(offset, offset + length), to);
    arena.commit(length);
  }
}

function blockOf(text: string) {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.cidr;
}
