import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { NativeLoad } from '../../native-bindings/index.ts';
import type { SocketAddress } from '../../src/base/address.ts';
import type { Carrier } from '../../src/carrier/carrier.ts';
import { LineTable } from '../support/line-table.ts';
import { createUdpCarrier } from '../../src/carrier/node/udp.ts';
import { RelayCarrier, type RelayPeer } from '../../src/carrier/relay.ts';
import { NODE_CLOCK } from '../../src/endpoint/node-clock.ts';
import { ownerOf } from '../../src/wire/conversation.ts';
import { ANY_V6, hasIpv6, LOOPBACK_V4, LOOPBACK_V6, untilTrue } from '../contract/loopback.ts';
import { datagramsOf } from '../contract/received.ts';
import { describeWithNative } from '../support/native.ts';

const ipv6 = await hasIpv6();
const UDP_LINE = { number: 0 };

/** A gateway without sessions: it echoes what is its own, and relays the rest. */
interface Gateway {
  readonly id: number;
  readonly line: Carrier;
  readonly relay: RelayCarrier;
  /** Where clients of its own sessions were heard from, by the relay. */
  readonly clients: SocketAddress[];
}

function describeOn(implementation: string, native: NativeLoad): void {
  describe.each([
    { name: 'IPv4', between: LOOPBACK_V4, line: LOOPBACK_V4, client: LOOPBACK_V4 },
    ...(ipv6
      ? [
          { name: 'IPv6', between: LOOPBACK_V6, line: LOOPBACK_V6, client: LOOPBACK_V6 },
          {
            name: 'IPv4 client of a dual-stack line',
            between: LOOPBACK_V4,
            line: ANY_V6,
            client: LOOPBACK_V4,
          },
        ]
      : []),
  ])(`two gateways, by ${implementation}: $name`, ({ between, line: lineBind, client: clientBind }) => {
    const closing: (() => unknown)[] = [];
    afterEach(async () => {
      await Promise.all(closing.splice(0).map((close) => close()));
    });

    const openUdp = async (bind: SocketAddress): Promise<Carrier> => {
      const carrier = await createUdpCarrier({ bind, native });
      closing.push(() => carrier.close());
      return carrier;
    };

    const openGateway = (id: number, line: Carrier, relayPort: Carrier, peers: RelayPeer[]): Gateway => {
      const lines = new LineTable();
      lines.attach(UDP_LINE.number, line);
      const relay = new RelayCarrier(relayPort, { gatewayId: id, peers, lines, clock: NODE_CLOCK });
      const clients: SocketAddress[] = [];
      line.start((batch) => {
        for (const { bytes, slot } of datagramsOf(batch)) {
          const owner = ownerOf(new DataView(bytes.buffer).getUint32(0, true));
          if (owner === id) answer(line, slot, bytes);
          else if (!relay.forward(owner, UDP_LINE, slot, bytes, 0, bytes.length) && relay.isFull) {
            relay.flush();
            relay.forward(owner, UDP_LINE, slot, bytes, 0, bytes.length);
          }
        }
        relay.flush();
      });
      relay.start((batch) => {
        for (const { bytes, slot } of datagramsOf(batch)) {
          clients.push(relay.addressOf(slot));
          answer(relay, slot, bytes);
        }
      });
      return { id, line, relay, clients };
    };

    const openPair = async (): Promise<[Gateway, Gateway]> => {
      const [portA, portB] = [await openUdp(between), await openUdp(between)];
      const peerOf = (gatewayId: number, { localAddress }: Carrier): RelayPeer => ({
        gatewayId,
        address: localAddress,
      });
      return [
        openGateway(1, await openUdp(lineBind), portA, [peerOf(2, portB)]),
        openGateway(2, await openUdp(lineBind), portB, [peerOf(1, portA)]),
      ];
    };

    const openClient = async (to: Gateway) => {
      const socket = createSocket(clientBind.family === 6 ? 'udp6' : 'udp4');
      closing.push(() => socket.close());
      // The answers must come from where the questions went.
      socket.connect(to.line.localAddress.port, clientBind.address);
      await once(socket, 'connect');
      const received: Buffer[] = [];
      socket.on('message', (message) => received.push(message));
      return { socket, received };
    };

    it('every line leads to every session, with the real address of the client', async () => {
      const [a, b] = await openPair();
      for (const [line, owner] of [
        [a, b],
        [b, a],
      ] as const) {
        const { socket, received } = await openClient(line);
        const datagrams = Array.from({ length: 100 }, (_, i) => datagramOf(owner.id, i, 1200 - (i % 3)));
        for (const [i, datagram] of datagrams.entries()) {
          socket.send(datagram);
          if (i % 20 === 19) await untilTrue(() => received.length === i + 1);
        }
        expect(received.map(String).sort()).toEqual(
          datagrams.map((bytes) => String(Buffer.from(bytes))).sort(),
        );
        const { port } = socket.address();
        expect(new Set(owner.clients.map(({ address, port: from }) => `${address} ${from}`))).toEqual(
          new Set([`${clientBind.address} ${port}`]),
        );
        expect(line.relay.relayStats()).toMatchObject({ forwarded: 100, answered: 100, relayedClients: 1 });
        expect(owner.relay.relayStats()).toMatchObject({ requests: 100, clients: 1 });
      }
    });

    it('nothing goes round: a session that neither owns is dropped where it is asked for', async () => {
      const [a, b] = await openPair();
      const { socket } = await openClient(a);
      socket.send(datagramOf(7, 0, 100));
      await untilTrue(() => a.relay.relayStats().drops.relay_unknown_owner === 1);
      expect(b.relay.stats().receivedDatagrams).toBe(0);
    });
  });
}

describeOn('dgram', { status: 'off', reason: 'this test' });
describeWithNative('native', (bindings, file) => {
  describeOn('native', { status: 'loaded', bindings, file });
});

function answer(carrier: Carrier, slot: number, bytes: Uint8Array): void {
  carrier.arena.target = slot;
  const at = carrier.arena.reserve(bytes.length);
  carrier.arena.bytes.set(bytes, at);
  carrier.arena.commit(bytes.length);
}

/** A datagram of a session of that gateway; `number` tells it from others. */
function datagramOf(owner: number, number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number);
  new DataView(bytes.buffer).setUint32(0, (owner << 24) | number, true);
  return bytes;
}
