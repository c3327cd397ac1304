import { describe, expect, it } from 'vitest';
import { readAnySegment, writeAnySegment, type AnySegment } from '../../../src/wire/any-segment.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';

function datagramOf(...segments: readonly AnySegment[]): Uint8Array {
  const memory = wireMemory(new Uint8Array(2048));
  let end = 0;
  for (const segment of segments) end += writeAnySegment(memory, end, segment);
  return memory.bytes.slice(0, end);
}

const probe = (conv: number, paddingBytes = 40): AnySegment => ({
  ...{ type: 'probe', conv, index: 3, ts: 1234, number: 5, nonce: 0xabcd, paddingBytes },
});

/** What somebody without a session is answered. */
function answers(gateway: FedGateway, slot: number, ...datagrams: Uint8Array[]): (AnySegment | string)[] {
  gateway.sent('udp');
  gateway.feed('udp', slot, ...datagrams);
  return gateway.sent('udp', slot).map((bytes) => readAnySegment(wireMemory(bytes), 0, bytes.length));
}

/** Bytes that look like data of a sealed session. */
function sealedLike(conv: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0x33);
  new DataView(bytes.buffer).setUint32(0, conv, true);
  bytes[4] = 0xa0;
  return bytes;
}

describe('a PROBE', () => {
  it('is answered with what was asked and how things are, with and without a session', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      for (const conv of [0, client.conv, 99]) {
        expect(answers(gateway, 2, datagramOf(probe(conv)))).toEqual([
          {
            type: 'probeAck',
            ...{ conv, index: 3, ts: 1234, number: 5, nonce: 0xabcd },
            ...{ load: 3, draining: false, notReady: false, nodeId: 0, epochSeconds: 0, retryAfterMs: 0 },
            address: { address: '10.0.0.2', family: 4, port: 10_002 },
          },
        ]);
      }
      gateway.endpoint.startDraining({ deadlineMs: 60_000, jitterMs: 0, lines: [] });
      expect(answers(gateway, 2, datagramOf(probe(0)))).toMatchObject([{ draining: true }]);
      expect(gateway.endpoint.stats(0).probesAnswered).toBe(4);
    });
  });

  it('shorter than its answer is not answered, nor one that is cut off', () => {
    onFedGateway({}, (gateway) => {
      const whole = datagramOf(probe(0, 100));
      const short = datagramOf(probe(0, 39));
      expect(answers(gateway, 1, short, whole.slice(0, 60), whole.slice(0, 80))).toEqual([]);
      expect(gateway.drops()).toEqual({ probe_malformed: 3 });
    });
  });

  it('is answered so often a second to one network, whatever the others ask', () => {
    onFedGateway({}, (gateway) => {
      // Not more at a time than an arena holds.
      const some = Array.from({ length: 200 }, () => datagramOf(probe(0)));
      const answered = (host: number): number =>
        Array.from({ length: 6 }, () => answers(gateway, host, ...some).length).reduce((sum, n) => sum + n);
      expect(answered(1)).toBe(1_000);
      expect(answered(2)).toBe(0);
      // 10.0.1.0/24
      expect(answered(256)).toBe(1_000);
      gateway.loop.runFor(1_000);
      expect(answered(1)).toBe(500);
      expect(gateway.drops()).toEqual({ answer_limit: 200 + 1_200 + 200 + 700 });
    });
  });
});

describe('a PROBE of a proxy itself', () => {
  it('is answered whatever its clients ask, and whoever they say they are', () => {
    const proxy = { address: '10.0.0.9', family: 4, port: 4000 } as const;
    onFedGateway({ port: { isTrustedProxy: (address) => address === proxy.address } }, (gateway) => {
      // Slot 9 is the proxy, and so is 265 with another port; the rest are clients that it names, some in its own name.
      const isClient = (slot: number): boolean => slot !== 9 && slot !== 265;
      const addressOf = gateway.udp.addressOf.bind(gateway.udp);
      Object.assign(gateway.udp, {
        proxyOf: (slot: number) => (isClient(slot) ? proxy : undefined),
        addressOf: (slot: number) => ({
          ...addressOf(slot),
          ...(slot < 300 ? { address: proxy.address } : {}),
        }),
      });
      const some = Array.from({ length: 200 }, () => datagramOf(probe(0)));
      const answered = (slot: number): number => answers(gateway, slot, ...some).length;
      for (let i = 0; i < 6; i++) answered(1);
      expect(answered(1)).toBe(0);
      expect(answered(9)).toBe(200);
      // What all clients may ask together is used up, too.
      for (let network = 2; network < 130; network++) answered(network * 256);
      expect(answered(131 * 256)).toBe(0);
      expect(answered(9)).toBe(200);
      // Datagrams of clients whose header was lost look like those of the proxy, from other ports.
      for (let i = 0; i < 6; i++) answered(265);
      expect(answered(265)).toBe(0);
      expect(answered(9)).toBe(200);
    });
  });
});

describe('sealed data of a session that is not known', () => {
  it('gets a RESET when it is longer than that, with the token of its login', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login({ conv: 0x0100004d }));
      const { resetToken: token } = client.credentials;
      expect(answers(gateway, 1, sealedLike(0x0100004d, 41))).toEqual([
        { type: 'reset', conv: 0x0100004d, token },
      ]);
      const short = [40, 30, 20].map((length) => sealedLike(0x0100004d, length));
      expect(answers(gateway, 1, ...short)).toEqual([]);
      expect(gateway.drops()).toEqual({ unknown_session: 3, too_short: 1 });
      expect(gateway.endpoint.stats(0).resetsSent).toBe(1);
    });
  });

  it('gets none when another gateway owns it: the token would end the session there', () => {
    onFedGateway({}, (gateway) => {
      expect(answers(gateway, 1, sealedLike(0x0200004d, 100), sealedLike(77, 100))).toEqual([]);
      expect(gateway.drops()).toEqual({ unknown_session: 2 });
    });
  });

  it('gets one where its owner is gone, because what stands in front brought it here instead', () => {
    onFedGateway({ ownersAreRouted: true }, (gateway) => {
      const client = new HandMadeClient(gateway.login({ conv: 0x0200004d }));
      const { resetToken: token } = client.credentials;
      const reset = { type: 'reset', conv: 0x0200004d, token };
      expect(answers(gateway, 1, sealedLike(0x0200004d, 100))).toEqual([reset]);
      // Nor is it opened here: when its owner is back, that is where its datagrams go.
      expect(answers(gateway, 2, client.hello())).toEqual([reset]);
      expect(gateway.stats).toMatchObject({ openSessions: 0, halfOpen: 0 });
      expect(gateway.drops()).toEqual({ unknown_session: 2 });
    });
  });

  it('gets none while its owner answers, wherever it was brought, and is not opened here', () => {
    const asked: number[] = [];
    let isGone = false;
    const isOwnerGone = (owner: number): boolean => {
      asked.push(owner);
      return isGone;
    };
    onFedGateway({ ownersAreRouted: true, isOwnerGone }, (gateway) => {
      const client = new HandMadeClient(gateway.login({ conv: 0x0200004d }));
      expect(answers(gateway, 1, sealedLike(0x0200004d, 100), client.hello())).toEqual([]);
      expect(gateway.stats).toMatchObject({ openSessions: 0, halfOpen: 0 });
      expect(asked).toEqual([2, 2]);
      // Of its own it knows.
      expect(answers(gateway, 1, sealedLike(0x0100004d, 100))).toHaveLength(1);
      expect(asked).toEqual([2, 2]);
      isGone = true;
      expect(answers(gateway, 1, sealedLike(0x0200004d, 100))).toMatchObject([{ type: 'reset' }]);
    });
  });

  it('gets none when it came past the proxies that would have brought it to its owner', () => {
    onFedGateway({ ownersAreRouted: true }, (gateway) => {
      const proxy = { address: '192.0.2.9', family: 4, port: 7 } as const;
      Object.assign(gateway.udp, { proxyOf: (slot: number) => (slot === 2 ? proxy : undefined) });
      expect(answers(gateway, 1, sealedLike(0x0200004d, 100))).toEqual([]);
      expect(answers(gateway, 2, sealedLike(0x0200004d, 100))).toMatchObject([{ type: 'reset' }]);
    });
  });

  it('is relayed where its owner is a peer, and only then', () => {
    onFedGateway({ ownersAreRouted: true }, (gateway) => {
      const owners: number[] = [];
      gateway.endpoint.useRelay({
        isFull: false,
        knows: (owner) => owner === 3,
        forward: (owner) => owners.push(owner) > 0,
        forget: () => undefined,
      });
      expect(answers(gateway, 1, sealedLike(0x0300004d, 100))).toEqual([]);
      expect(answers(gateway, 1, sealedLike(0x0200004d, 100))).toMatchObject([{ type: 'reset' }]);
      expect(owners).toEqual([3]);
    });
  });

  it('gets them ever more rarely when it goes on, while the same on another path is answered at once', () => {
    onFedGateway({}, (gateway) => {
      const times: number[] = [];
      for (let ms = 0; ms < 12_000; ms += 10) {
        if (answers(gateway, 1, sealedLike(0x0100004d, 100)).length > 0) times.push(ms);
        gateway.loop.runFor(10);
      }
      expect(times).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 11_750]);
      expect(answers(gateway, 2, sealedLike(0x0100004d, 100))).toHaveLength(1);
      expect(answers(gateway, 1, sealedLike(0x0100004e, 100))).toHaveLength(1);
      // What nobody hears takes nothing from those who do: far more was asked than a network has.
      expect(gateway.endpoint.stats(0).resetsSent).toBe(9);
      gateway.loop.runFor(30_000);
      expect(answers(gateway, 1, sealedLike(0x0100004d, 100))).toHaveLength(1);
      gateway.loop.runFor(250);
      expect(answers(gateway, 1, sealedLike(0x0100004d, 100))).toHaveLength(1);
    });
  });

  it('gets so many a second for one network, though it takes nothing from others', () => {
    onFedGateway({}, (gateway) => {
      const many = Array.from({ length: 250 }, (_, conv) => sealedLike(0x01000100 + conv, 100));
      const [first, second] = [answers(gateway, 1, ...many), answers(gateway, 2, ...many)];
      expect([first.length, second.length]).toEqual([200, 0]);
      expect(answers(gateway, 256, ...many)).toHaveLength(200);
      gateway.loop.runFor(1_000);
      expect(answers(gateway, 1, ...many)).toHaveLength(20);
    });
  });

  it('costs nothing that stays: no session, no key, no address', () => {
    onFedGateway({}, (gateway) => {
      for (let slot = 0; slot < 50; slot++) gateway.feed('udp', slot, sealedLike(slot, 1200));
      expect(gateway.udp.retained).toEqual([]);
      expect(gateway.cipher.slots.size).toBe(0);
      expect(gateway.stats).toMatchObject({ openSessions: 0, halfOpen: 0 });
    });
  });
});

describe('what answers would go on for ever with', () => {
  it('is never answered: a RESET, a PROBE_ACK, a HELLO_ACK', () => {
    onFedGateway({}, (gateway) => {
      const address = { address: '192.0.2.1', family: 4, port: 1 } as const;
      const reset = datagramOf({ type: 'reset', conv: 77, token: new Uint8Array(16) });
      const probeAck = datagramOf({
        ...{ type: 'probeAck', conv: 77, index: 0, ts: 0, number: 0, nonce: 0, load: 0, draining: false },
        ...{ notReady: false, address, nodeId: 0, epochSeconds: 0, retryAfterMs: 0 },
      });
      const ack = sealedLike(77, 100);
      ack[4] = 0xb1;
      expect(answers(gateway, 1, reset, probeAck, ack)).toEqual([]);
      expect(gateway.drops()).toMatchObject({ reset_not_believed: 1, hello_unexpected: 1 });
    });
  });
});
