import { describe, expect, it } from 'vitest';
import { writeAnySegment, type AnySegment } from '../../../src/wire/any-segment.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';
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
          for (const kind of [0xa0, 0xa4]) note('sealed', alike(conv, kind, length));
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
});
