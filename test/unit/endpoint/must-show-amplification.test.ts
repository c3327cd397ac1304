import { describe, expect, it } from 'vitest';
import { writeAnySegment, type AnySegment } from '../../../src/wire/any-segment.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { SessionAcceptor } from '../../../src/endpoint/index.ts';
import { EchoUpstream } from '../../../src/upstream/index.ts';
import { onFedGateway, type FedGateway, type FedGatewayOptions } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';

/** How much the gateway answered to what was sent from one address, until nothing more came. */
function ratio(gateway: FedGateway, slot: number, datagrams: readonly Uint8Array[]): number {
  gateway.sent('udp');
  gateway.feed('udp', slot, ...datagrams);
  gateway.loop.runFor(40_000);
  const out = gateway.sent('udp', slot).reduce((sum, { length }) => sum + length, 0);
  return out / datagrams.reduce((sum, { length }) => sum + length, 0);
}

/** Bytes that look like a datagram of a kind. */
function alike(conv: number, kind: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0x5a);
  new DataView(bytes.buffer).setUint32(0, conv, true);
  bytes[4] = kind;
  return bytes;
}

function datagramOf(segment: AnySegment): Uint8Array {
  const memory = wireMemory(new Uint8Array(2048));
  return memory.bytes.slice(0, writeAnySegment(memory, 0, segment));
}

const probe = (conv: number, paddingBytes: number): AnySegment => ({
  ...{ type: 'probe', conv, index: 0, ts: 1, number: 2, nonce: 3, paddingBytes },
});

/** A way to be turned away. */
interface Refusal {
  readonly why: string;
  readonly options?: FedGatewayOptions;
  readonly prepare?: (gateway: FedGateway) => void;
}

/** What a client without login begins with. */
const opening = (conv: number, type: 'new' | 'push', payload: Uint8Array): AnySegment => {
  const fields = { conv, frg: 0, wnd: 128, ts: 0, sn: 0, una: 0, payload };
  return type === 'new' ? { type, ...fields, address: null } : { type, ...fields };
};

describe('what a gateway answers to an address that proved nothing', () => {
  it('is never more than what came from there, whatever kind of datagram that was', () => {
    const worst = new Map<string, number>();
    onFedGateway({ port: { allowStock: false, allowClear: true } }, (gateway) => {
      let slot = 10;
      const note = (kind: string, ...datagrams: Uint8Array[]): void => {
        worst.set(kind, Math.max(worst.get(kind) ?? 0, ratio(gateway, slot++, datagrams)));
      };
      const open = gateway.open('udp', 1, { conv: 0x01000001 });
      const fresh = (terms: Parameters<FedGateway['login']>[0] = {}): HandMadeClient =>
        new HandMadeClient(gateway.login({ conv: 0x01000100 + slot, ...terms }));
      const unknownKey = gateway.login({ conv: 0x01000002 });
      unknownKey.ticket[1] = 200;
      const hello = fresh().hello();
      note('HELLO', hello);
      note('HELLO, three times', hello, hello, hello);
      note('HELLO of an open session', open.hello());
      note('HELLO, ticket expired', fresh({ expiresMs: 1 }).hello());
      note('HELLO, ticket of an unknown key', new HandMadeClient(unknownKey).hello());
      note('HELLO, another secret', fresh({ conv: 0x01000001 }).hello());
      note('HELLO_CLEAR', fresh({ seal: 'clear' }).hello());
      for (const length of [24, 40, 41, 60, 100, 1200, 1400]) {
        for (const conv of [0, 1, 0x01000001, 0x01777777, 0x02000001]) {
          for (let kind = 80; kind <= 95; kind++) note(`clear ${String(kind)}`, alike(conv, kind, length));
          for (const kind of [0xa0, 0xa4, 0xa8, 0xac]) note('sealed', alike(conv, kind, length));
          for (let kind = 0xb0; kind <= 0xb7; kind++) note('handshake', alike(conv, kind, length));
          note('unknown', alike(conv, 0xee, length));
        }
      }
      for (const padding of [39, 40, 100, 1200]) {
        for (const conv of [0, 0x01000001]) note('PROBE', datagramOf(probe(conv, padding)));
      }
      note('RESET', datagramOf({ type: 'reset', conv: 0x01000001, token: new Uint8Array(16) }));
    });
    const [kind, most] = [...worst].reduce((one, other) => (other[1] > one[1] ? other : one));
    console.log(`worst of ${String(worst.size)} kinds: ${most.toFixed(3)} bytes out for one in, ${kind}`);
    expect(most).toBeLessThanOrEqual(1);
    expect(worst.get('HELLO')).toBeGreaterThan(0);
    expect(worst.get('PROBE')).toBe(1);
  });

  const refusals: readonly Refusal[] = [
    { why: 'no room', options: { admission: { maxSessions: 0 } } },
    { why: 'no room for this source', options: { admission: { maxSessionsPerSource: 0 } } },
    { why: 'too many a second', options: { admission: { newSessionsPerSecond: 1e-9 } } },
    { why: 'too many handshakes', options: { maxHalfOpen: 0 } },
    {
      why: 'draining',
      prepare: ({ endpoint }) => {
        endpoint.startDraining({ deadlineMs: 1e6, jitterMs: 0, lines: [] });
      },
    },
    { why: 'refused', options: { acceptor: { accept: () => CloseCode.blocked } } },
  ];

  it.each(refusals)('is never more either when it says no: $why', ({ why, options, prepare }) => {
    onFedGateway({ ...options, port: { allowStock: true } }, (gateway) => {
      prepare?.(gateway);
      const client = new HandMadeClient(gateway.login());
      const announced = datagramOf(opening(0x01000077, 'new', new Uint8Array(0)));
      // Where it lets sessions without login in, nobody says no to those.
      const announcing = why === 'too many handshakes' ? 0 : ratio(gateway, 11, [announced]);
      const worst = [ratio(gateway, 10, [client.hello()]), announcing];
      // On a connection a HELLO is not padded, and its answer still not longer.
      gateway.tcp.connect(10);
      gateway.sent('tcp');
      const hello = client.hello([], 0);
      gateway.feed('tcp', 10, hello);
      const out = gateway.sent('tcp', 10).reduce((sum, { length }) => sum + length, 0);
      worst.push(out / hello.length);
      console.log(
        `${why}: HELLO, NEW, HELLO on a connection: ${worst.map((one) => one.toFixed(3)).join(', ')}`,
      );
      for (const one of worst) expect(one).toBeLessThanOrEqual(1);
      expect(worst[2]).toBeGreaterThan(0);
    });
  });

  it('is three times what came from there at most, whatever is to be said on a new path, and whatever is asked there', () => {
    const goodbyes: Readonly<Record<string, (gateway: FedGateway) => void>> = {
      kick: ({ endpoint }) => void endpoint.kick({}, CloseCode.kicked, 'x'.repeat(123)),
      end: ({ sinks }) => sinks.at(-1)?.port.end(),
      close: ({ sinks }) => sinks.at(-1)?.port.close(CloseCode.normal, 'y'.repeat(123)),
      drain: ({ endpoint }) => {
        endpoint.startDraining({ deadlineMs: 1e6, jitterMs: 0, lines: ['a', 'b'] });
      },
      messages: ({ sinks }) => {
        for (let i = 0; i < 50; i++) sinks.at(-1)?.port.sendDatagram(new Uint8Array(1000), 0, 1000);
      },
    };
    const asked: Readonly<Record<string, (client: HandMadeClient) => AnySegment[]>> = {
      nothing: () => [],
      'the window': (client) => [{ ...client.tell(), type: 'windowAsk' } as AnySegment],
      'a challenge': (client) => [client.challenge()],
      'three challenges': (client) => [client.challenge(), client.challenge(), client.challenge()],
      data: (client) => [client.push(0, 'x')],
      'the end': (client) => [client.fin(0)],
    };
    let most = 0;
    for (const [told, say] of Object.entries(goodbyes)) {
      for (const [what, segments] of Object.entries(asked)) {
        onFedGateway({}, (gateway) => {
          const client = gateway.open('udp', 1);
          gateway.sinks.at(-1)?.port.send(new Uint8Array(50_000), 0, 50_000);
          // Small ones, so that headers weigh most.
          const datagrams = Array.from({ length: 5 }, () => client.datagram(segments(client)));
          gateway.sent('udp');
          gateway.feed('udp', 2, ...datagrams);
          say(gateway);
          gateway.loop.runFor(60_000);
          const out = gateway.sent('udp', 2).reduce((sum, { length }) => sum + length, 0);
          const one = out / datagrams.reduce((sum, { length }) => sum + length, 0);
          expect(one, `${told}, ${what}`).toBeLessThanOrEqual(3);
          most = Math.max(most, one);
        });
      }
    }
    console.log(`worst on an unvalidated path of a session that ends: ${most.toFixed(3)}`);
    expect(most).toBeGreaterThan(1);
  });

  it('is three times what came from there at most, on a new path of a session that is open', () => {
    let worst = 0;
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      // Plenty to send, so that the gateway would fill any window.
      const port = gateway.sinks.at(-1)?.port;
      const bulk = new Uint8Array(64 * 1024);
      for (let i = 0; i < 16; i++) port?.send(bulk, 0, bulk.length);
      gateway.sent('udp');
      for (let slot = 2; slot < 30; slot++) {
        worst = Math.max(worst, ratio(gateway, slot, [client.datagram([client.tell()])]));
      }
    });
    console.log(`worst on an unvalidated path of a live session: ${worst.toFixed(3)}`);
    expect(worst).toBeLessThanOrEqual(3);
    expect(worst).toBeGreaterThan(1);
  });

  it('is bounded, and no more, where sessions without login are let in', () => {
    const upstream = new EchoUpstream({ name: 'echo' });
    const acceptor: SessionAcceptor = {
      accept: () => ({ stream: false, bind: (port) => upstream.open(port) }),
    };
    const found: string[] = [];
    onFedGateway({ acceptor, port: { allowStock: true } }, (gateway) => {
      let slot = 10;
      for (const type of ['new', 'push'] as const) {
        for (const length of [0, 1, 100, 1300]) {
          if (type === 'push' && length === 0) continue;
          const one = ratio(gateway, slot, [datagramOf(opening(slot, type, new Uint8Array(length)))]);
          slot++;
          found.push(`${type.toUpperCase()} of ${String(length)} bytes ${one.toFixed(2)}`);
          // The echo, sent six times at most, an acknowledgement, and the end.
          expect(one).toBeLessThanOrEqual(12);
        }
      }
    });
    console.log(`sessions without login, to an echo (allow_stock): ${found.join(', ')}`);
  });
});
