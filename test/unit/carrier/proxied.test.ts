import { describe, expect, it } from 'vitest';
import type { ReceiveBatch } from '../../../src/carrier/carrier.ts';
import { proxiedCarrier, type ProxiedCarrier, type ProxiedOptions } from '../../../src/carrier/proxied.ts';
import { addressOfSlot, HandFedCarrier } from '../../support/hand-fed-carrier.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
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
  write,
} from './proxy-datagrams.ts';

/** Slots of HandFedCarrier: 1 to 99 are proxies, all others are not. */
const isTrusted = (address: string): boolean => /^10\.0\.0\.[1-9]\d?$/.test(address);
const PROXY = 1;
const OTHER_PROXY = 2;
const STRANGER = 200;

interface Fixture {
  readonly inner: HandFedCarrier;
  readonly carrier: ProxiedCarrier;
  readonly clock: VirtualClock;
}

function create(options: Partial<ProxiedOptions> = {}, inner = new HandFedCarrier()): Fixture {
  const clock = new VirtualClock(1000);
  const carrier = proxiedCarrier(inner, { mode: 'proxy', isTrusted, clock, ...options });
  return { inner, carrier, clock };
}

const dropsOf = (carrier: ProxiedCarrier): Record<string, number> =>
  Object.fromEntries(Object.entries(carrier.proxyStats().drops).filter(([, count]) => count > 0));

describe('a carrier behind proxies', () => {
  it.each([
    ['version 1', v1(client(1)), client(1)],
    ['version 1, IPv6', v1(client6(1), client6(2)), client6(1)],
    ['version 2', v2(client(1)), client(1)],
    ['version 2, IPv6', v2(client6(1)), client6(1)],
    ['version 2 of a stream', v2(client(1), LINE, 'stream'), client(1)],
    [
      'version 1 of a mapped address',
      bytesOf('PROXY TCP6 ::ffff:203.0.113.1 ::ffff:1.2.3.4 5001 1\r\n'),
      client(1),
    ],
  ])('takes a header off and says who the client is: %s', (_name, header, address) => {
    const { inner, carrier } = create();
    const seen = collect(carrier);
    inner.feed({ slot: PROXY, bytes: joined(header, bytesOf('hello')), ecn: 2 });
    expect(seen).toMatchObject([{ text: 'hello', from: address, ecn: 2 }]);
    const { slot } = seen[0]!;
    expect(carrier.proxyOf(slot)).toEqual(addressOfSlot(PROXY));
    write(carrier, slot, bytesOf('answer'));
    carrier.flush();
    expect(inner.sent.map(({ slot: to, bytes }) => [to, textOf(bytes)])).toEqual([[PROXY, 'answer']]);
    expect(carrier.proxyStats()).toMatchObject({ headers: 1, clients: 1 });
  });

  it('knows the bytes that nginx and Spectrum put in front', () => {
    const nginx = create();
    const fromNginx = collect(nginx.carrier);
    const v2Hex = '0d0a0d0a000d0a515549540a211200137f0000017f0000019c41238c030004462cc6aa41414141';
    nginx.inner.feed({ slot: PROXY, bytes: fromHex(v2Hex) });
    expect(fromNginx).toMatchObject([
      { text: 'AAAA', from: { address: '127.0.0.1', family: 4, port: 40001 } },
    ]);
    const spectrum = create({ mode: 'spp' });
    const fromSpectrum = collect(spectrum.carrier);
    const sppHex = '56ec00000000000000000000ffff7f00000300000000000000000000ffff7f000001a28223956f6e65';
    spectrum.inner.feed({ slot: PROXY, bytes: fromHex(sppHex) });
    expect(fromSpectrum).toMatchObject([
      { text: 'one', from: { address: '127.0.0.3', family: 4, port: 41602 } },
    ]);
  });

  it('what comes without header belongs to the client named before, behind that proxy only', () => {
    const { inner, carrier } = create();
    const seen = collect(carrier);
    inner.feed(
      { slot: PROXY, bytes: joined(v1(client(1)), bytesOf('a')) },
      { slot: PROXY, bytes: bytesOf('b') },
      { slot: OTHER_PROXY, bytes: bytesOf('c') },
      { slot: STRANGER, bytes: bytesOf('d') },
    );
    inner.feed({ slot: PROXY, bytes: bytesOf('e') });
    expect(seen.map(({ text, from }) => [text, from])).toEqual([
      ['a', client(1)],
      ['b', client(1)],
      ['c', addressOfSlot(OTHER_PROXY)],
      ['d', addressOfSlot(STRANGER)],
      ['e', client(1)],
    ]);
    expect(new Set([0, 1, 4].map((index) => seen[index]!.slot)).size).toBe(1);
    expect([seen[2]!.slot, seen[3]!.slot]).toEqual([OTHER_PROXY, STRANGER]);
    expect(carrier.proxyOf(STRANGER)).toBeUndefined();
  });

  it('hands on a batch in which nothing is to be changed as it is', () => {
    const { inner, carrier } = create();
    const batches: ReceiveBatch[] = [];
    carrier.start((batch) => batches.push({ ...batch }));
    inner.feed(
      { slot: PROXY, bytes: bytesOf('PAPERS') },
      { slot: PROXY, bytes: bytesOf('0123456789'), segmentSize: 4 },
      { slot: PROXY, bytes: new Uint8Array(0) },
    );
    expect(batches).toHaveLength(1);
    expect([...batches[0]!.meta].filter((_, index) => index % 5 < 4)).toEqual([
      0, 6, 0, 1, 6, 10, 4, 1, 16, 0, 0, 1,
    ]);
  });

  it('another header from the same address is another client, and the one before is out of reach', () => {
    const { inner, carrier } = create();
    const seen = collect(carrier, () => {
      carrier.retain(seen.at(-1)!.slot);
    });
    inner.feed({ slot: PROXY, bytes: joined(v1(client(1)), bytesOf('a')) });
    inner.feed({ slot: PROXY, bytes: joined(v1(client(2)), bytesOf('b')) });
    const [first, second] = [seen[0]!.slot, seen[1]!.slot];
    expect(first).not.toBe(second);
    // It is retained: whoever does can still ask who it was.
    expect(carrier.addressOf(first)).toEqual(client(1));
    write(carrier, first, bytesOf('to the first'));
    write(carrier, second, bytesOf('to the second'));
    carrier.flush();
    expect(inner.sent.map(({ bytes }) => textOf(bytes))).toEqual(['to the second']);
    expect(inner.sendDrops).toBe(1);
    // The first comes back: it is the same slot, and the second is out of reach now.
    inner.feed({ slot: PROXY, bytes: joined(v2(client(1)), bytesOf('c')) });
    expect(seen.map(({ slot }) => slot)).toEqual([first, second, first]);
    expect(inner.retained).toEqual([PROXY]);
  });

  it('a header with nothing behind it counts for what follows', () => {
    const { inner, carrier } = create();
    const seen = collect(carrier);
    inner.feed({ slot: PROXY, bytes: v2(client(1)) });
    expect(seen).toEqual([]);
    inner.feed({ slot: PROXY, bytes: bytesOf('a') });
    expect(seen).toMatchObject([{ text: 'a', from: client(1) }]);
    expect(carrier.proxyStats()).toMatchObject({ headers: 1, headersAlone: 1 });
  });

  it.each([
    ['LOCAL', fromHex('0d0a0d0a000d0a515549540a20000007030004a9b87e8f')],
    ['UNKNOWN', bytesOf('PROXY UNKNOWN whatever\r\n')],
    ['UNSPEC', fromHex('0d0a0d0a000d0a515549540a21000000')],
  ])(
    'a header that names nobody is skipped, and from then on the proxy speaks for itself: %s',
    (_name, header) => {
      const { inner, carrier } = create();
      const seen = collect(carrier);
      inner.feed({ slot: PROXY, bytes: joined(v1(client(1)), bytesOf('a')) });
      inner.feed({ slot: PROXY, bytes: joined(header, bytesOf('b')) }, { slot: PROXY, bytes: bytesOf('c') });
      expect(seen.map(({ from }) => from)).toEqual([client(1), addressOfSlot(PROXY), addressOfSlot(PROXY)]);
      expect(carrier.proxyStats()).toMatchObject({ headers: 2, clients: 0 });
      expect(inner.retained).toEqual([]);
    },
  );

  it('believes nobody but trusted proxies', () => {
    const { inner, carrier } = create();
    const seen = collect(carrier);
    const local = fromHex('0d0a0d0a000d0a515549540a20000000');
    for (const header of [v1(client(1)), v2(client(1)), local, v2(client(2))]) {
      inner.feed(
        { slot: STRANGER, bytes: joined(header, bytesOf('x')) },
        { slot: STRANGER, bytes: bytesOf('y') },
      );
    }
    expect(seen.map(({ text, slot }) => [text, slot])).toEqual(Array(4).fill(['y', STRANGER]));
    expect(dropsOf(carrier)).toEqual({ proxy_untrusted: 4 });
    expect(carrier.proxyStats()).toMatchObject({ headers: 0, clients: 0 });
    expect(inner.retained).toEqual([]);
  });

  it('drops and counts what begins like a header and is none', () => {
    const { inner, carrier } = create();
    const seen = collect(carrier);
    const bad = [
      bytesOf('PROXY TCP4 1.2.3.4\r\nhello'),
      v1(client(1)).slice(0, -1),
      v2(client(1)).slice(0, 20),
      bytesOf('PROXY '.padEnd(200, 'x')),
      fromHex('0d0a0d0a000d0a515549540a31110000'),
      fromHex('0d0a0d0a000d0a515549540a21410000'),
      fromHex('0d0a0d0a000d0a515549540a2111ffff'),
      fromHex('0d0a0d0a000d0a515549540a211200137f0000017f0000019c41238c030004462cc6ab41414141'),
    ];
    inner.feed(...bad.map((bytes) => ({ slot: PROXY, bytes })));
    expect(seen).toEqual([]);
    expect(dropsOf(carrier)).toEqual({
      proxy_malformed: 1,
      proxy_incomplete: 2,
      proxy_oversize: 2,
      proxy_version: 1,
      proxy_family: 1,
      proxy_checksum: 1,
    });
  });

  it('what only looks like a header for a moment is a datagram', () => {
    const { inner, carrier } = create();
    const seen = collect(carrier);
    const texts = ['PR', 'PRETTY', '\r\n', '\r\n\r\n', 'PROXIMITY'];
    inner.feed(...[PROXY, STRANGER].flatMap((slot) => texts.map((text) => ({ slot, bytes: bytesOf(text) }))));
    // Two of them are the beginning of a header; a trusted proxy would not cut one off, and nobody else may send any.
    const whole = ['PRETTY', 'PROXIMITY'];
    expect(seen.map(({ text }) => text)).toEqual([...whole, ...whole]);
    expect(dropsOf(carrier)).toEqual({ proxy_incomplete: 6 });
  });

  it('looks for headers of its mode only', () => {
    const proxy = create();
    const spectrum = create({ mode: 'spp' });
    const [fromProxy, fromSpectrum] = [collect(proxy.carrier), collect(spectrum.carrier)];
    proxy.inner.feed({ slot: PROXY, bytes: spp(client(1)) });
    spectrum.inner.feed({ slot: PROXY, bytes: v1(client(1)) }, { slot: PROXY, bytes: v2(client(1)) });
    expect([fromProxy.length, fromSpectrum.length]).toEqual([1, 2]);
    expect(spectrum.carrier.proxyStats()).toMatchObject({ headers: 0, clients: 0 });
  });

  it('takes only one header off: a client cannot send another behind it', () => {
    const { inner, carrier } = create();
    const seen = collect(carrier);
    inner.feed({ slot: PROXY, bytes: joined(v1(client(1)), v1(client(66)), bytesOf('a')) });
    expect(seen).toMatchObject([{ from: client(1) }]);
    expect(seen[0]!.text).toMatch(/^PROXY TCP4 203.0.113.66/);
  });

  describe('datagrams that came glued together', () => {
    it('stay so when none has a header, also those of a client', () => {
      const { inner, carrier } = create();
      const seen = collect(carrier);
      inner.feed({ slot: PROXY, bytes: v1(client(1)) });
      inner.feed({ slot: PROXY, bytes: bytesOf('aaabbbc'), segmentSize: 3 });
      expect(seen).toMatchObject([
        { text: 'aaa', glued: true, from: client(1) },
        { text: 'bbb', glued: true, from: client(1) },
        { text: 'c', glued: true, from: client(1) },
      ]);
    });

    it('come one by one when any has a header', () => {
      const { inner, carrier } = create();
      const seen = collect(carrier);
      const header = v2(client(1));
      const size = header.length + 3;
      const plain = bytesOf('p'.repeat(size));
      inner.feed({
        slot: PROXY,
        bytes: joined(plain, header, bytesOf('aaa'), v2(client(2)), bytesOf('bbb'), bytesOf('end')),
        segmentSize: size,
        ecn: 1,
      });
      expect(seen.map(({ text, from, glued, ecn }) => [text, from, glued, ecn])).toEqual([
        [textOf(plain), addressOfSlot(PROXY), false, 1],
        ['aaa', client(1), false, 1],
        ['bbb', client(2), false, 1],
        ['end', client(2), false, 1],
      ]);
    });

    it('go out in several batches when they are more than one may hold', () => {
      const { inner, carrier } = create({}, new HandFedCarrier({ maxBatch: 4 }));
      const counts: [number, boolean][] = [];
      const seen = collect(carrier, ({ count, moreWaiting }) => counts.push([count, moreWaiting]));
      const each = joined(v2(client(1)), bytesOf('a'));
      inner.feed({
        slot: PROXY,
        bytes: joined(...Array<Uint8Array>(10).fill(each)),
        segmentSize: each.length,
      });
      expect(seen).toHaveLength(10);
      expect(counts).toEqual([
        [4, true],
        [4, true],
        [2, false],
      ]);
    });
  });

  describe('SPP', () => {
    it('tells clients behind one address and port apart, and answers each with its header', () => {
      const { inner, carrier } = create({ mode: 'spp', echoSpp: true });
      const seen = collect(carrier);
      const other = { ...LINE, port: 4001 };
      const headers = [spp(client(1)), spp(client6(2)), spp(client(1), other)];
      for (let round = 0; round < 3; round++) {
        inner.feed(...headers.map((header, i) => ({ slot: PROXY, bytes: joined(header, bytesOf(`${i}`)) })));
      }
      const slots = seen.slice(0, 3).map(({ slot }) => slot);
      expect(new Set(slots).size).toBe(3);
      expect(seen.map(({ slot }) => slot)).toEqual([...slots, ...slots, ...slots]);
      for (const [i, slot] of slots.entries()) write(carrier, slot, bytesOf(`answer ${i}`));
      write(carrier, STRANGER, bytesOf('bare'));
      inner.retain(STRANGER);
      carrier.flush();
      expect(inner.sent.map(({ bytes }) => bytes)).toEqual([
        ...headers.map((header, i) => joined(header, bytesOf(`answer ${i}`))),
        bytesOf('bare'),
      ]);
    });

    it('without echo answers are bare, and every client stays in reach', () => {
      const { inner, carrier } = create({ mode: 'spp' });
      const seen = collect(carrier);
      for (const number of [1, 2])
        inner.feed({ slot: PROXY, bytes: joined(spp(client(number)), bytesOf('a')) });
      for (const { slot } of seen) write(carrier, slot, bytesOf('answer'));
      carrier.flush();
      expect(inner.sent.map(({ bytes }) => textOf(bytes))).toEqual(['answer', 'answer']);
      expect(carrier.capabilities.maxDatagramBytes).toBe(2048);
    });

    it('a datagram without header is of the proxy itself', () => {
      const { inner, carrier } = create({ mode: 'spp' });
      const seen = collect(carrier);
      inner.feed(
        { slot: PROXY, bytes: joined(spp(client(1)), bytesOf('a')) },
        { slot: PROXY, bytes: bytesOf('b') },
      );
      expect(seen.map(({ from }) => from)).toEqual([client(1), addressOfSlot(PROXY)]);
    });

    it('leaves committed bytes where they are, to be changed in place until the flush', () => {
      const { inner, carrier } = create({ mode: 'spp', echoSpp: true });
      const seen = collect(carrier);
      inner.feed({ slot: PROXY, bytes: joined(spp(client(1)), bytesOf('a')) });
      const { arena } = carrier;
      arena.target = seen[0]!.slot;
      const places: number[] = [];
      for (let i = 0; i < 5; i++) {
        const at = arena.reserve(100);
        arena.bytes.fill(0x30 + i, at, at + 10);
        arena.commit(10);
        places.push(at);
      }
      for (const at of places) arena.bytes[at] = 0x2a;
      carrier.flush();
      expect(inner.sent.map(({ bytes }) => textOf(bytes.slice(38)))).toEqual(
        [0, 1, 2, 3, 4].map((i) => `*${String(i).repeat(9)}`),
      );
      for (const { bytes } of inner.sent) expect(bytes.slice(0, 38)).toEqual(spp(client(1)));
      // Equal ones stand without a gap, so that they leave as one message.
      expect(places.map((at) => at - places[0]!)).toEqual([0, 48, 96, 144, 192]);
      expect(carrier.capabilities.maxDatagramBytes).toBe(2048 - 38);
    });

    it('refuses a target that changes between reserve and commit', () => {
      const { inner, carrier } = create({ mode: 'spp', echoSpp: true });
      const seen = collect(carrier);
      inner.feed({ slot: PROXY, bytes: joined(spp(client(1)), bytesOf('a')) });
      carrier.arena.target = STRANGER;
      carrier.arena.reserve(10);
      carrier.arena.target = seen[0]!.slot;
      expect(() => {
        carrier.arena.commit(10);
      }).toThrow(RangeError);
    });

    it('says when the arena is full, with the header counted', () => {
      const { inner, carrier } = create({ mode: 'spp', echoSpp: true }, new HandFedCarrier({}, 1000));
      const seen = collect(carrier);
      inner.feed({ slot: PROXY, bytes: joined(spp(client(1)), bytesOf('a')) });
      carrier.arena.target = seen[0]!.slot;
      expect(carrier.arena.reserve(963)).toBe(-1);
      expect(carrier.arena.reserve(962)).toBe(38);
    });
  });

  describe('memory', () => {
    it('forgets the client not heard of for longest, and never one that is retained', () => {
      const { inner, carrier } = create({ maxMappings: 3 });
      const seen = collect(carrier);
      const hear = (slot: number): void =>
        inner.feed({ slot, bytes: joined(v1(client(slot)), bytesOf('a')) });
      for (const slot of [1, 2, 3]) hear(slot);
      carrier.retain(seen[0]!.slot);
      inner.feed({ slot: 2, bytes: bytesOf('b') });
      hear(4);
      // 3 gave way: 1 is retained, 2 was heard of since.
      expect(inner.retained).toEqual([1, 2, 4]);
      inner.feed({ slot: 3, bytes: bytesOf('c') }, { slot: 1, bytes: bytesOf('d') });
      expect(seen.slice(-2).map(({ from }) => from)).toEqual([addressOfSlot(3), client(1)]);
      carrier.release(seen[0]!.slot);
      for (const slot of [5, 6, 7]) hear(slot);
      expect(inner.retained).toEqual([5, 6, 7]);
      expect(carrier.proxyStats()).toMatchObject({ clients: 3, clientsForgotten: 4 });
    });

    it('drops and counts a new client when all are retained or named in this batch', () => {
      const { inner, carrier } = create({ maxMappings: 2 });
      const seen = collect(carrier);
      const row = (slot: number) => ({ slot, bytes: joined(v1(client(slot)), bytesOf('a')) });
      inner.feed(row(1), row(2), row(3));
      expect(seen.map(({ from }) => from)).toEqual([client(1), client(2)]);
      expect(dropsOf(carrier)).toEqual({ proxy_table_full: 1 });
      for (const { slot } of seen) carrier.retain(slot);
      inner.feed(row(3));
      expect(dropsOf(carrier)).toEqual({ proxy_table_full: 2 });
      carrier.release(seen[0]!.slot);
      inner.feed(row(3));
      expect(seen.at(-1)).toMatchObject({ from: client(3) });
    });

    it('a client that makes up headers behind its proxy takes no place of another', () => {
      const { inner, carrier } = create({ maxMappings: 8 });
      collect(carrier);
      inner.feed({ slot: OTHER_PROXY, bytes: v1(client(200)) });
      for (let i = 0; i < 100; i++) inner.feed({ slot: PROXY, bytes: v1(client(i)) });
      expect(carrier.proxyStats()).toMatchObject({ clients: 2, clientsForgotten: 0 });
      expect(inner.retained).toEqual([PROXY, OTHER_PROXY]);
    });

    it('forgets clients after a time without a datagram, but not those that are retained', () => {
      const { inner, carrier, clock } = create({ ttlMs: 1000 });
      const seen = collect(carrier);
      for (const slot of [1, 2, 3]) inner.feed({ slot, bytes: joined(v1(client(slot)), bytesOf('a')) });
      carrier.retain(seen[0]!.slot);
      clock.advance(1000);
      inner.feed({ slot: 2, bytes: bytesOf('b') });
      clock.advance(1);
      inner.feed({ slot: 3, bytes: bytesOf('c') }, { slot: 2, bytes: bytesOf('d') });
      expect(seen.slice(-2).map(({ from }) => from)).toEqual([addressOfSlot(3), client(2)]);
      clock.advance(1001);
      inner.feed({ slot: 1, bytes: bytesOf('e') });
      expect(seen.at(-1)).toMatchObject({ from: client(1) });
      expect(inner.retained).toEqual([1]);
    });

    it('forgets many at once a few at a time, and none of them is taken for known', () => {
      const { inner, carrier, clock } = create({ ttlMs: 1000, isTrusted: () => true });
      const seen = collect(carrier);
      for (let slot = 0; slot < 200; slot++) inner.feed({ slot, bytes: v1(client(slot % 250)) });
      clock.advance(2000);
      inner.feed({ slot: 199, bytes: bytesOf('a') });
      expect(seen).toMatchObject([{ from: addressOfSlot(199) }]);
      expect(carrier.proxyStats().clients).toBe(200 - 64 - 1);
    });

    it('a superseded client is forgotten with its last reference, also from within the callback', () => {
      const { inner, carrier } = create();
      const seen = collect(carrier, () => {
        if (seen.length === 1) carrier.retain(seen[0]!.slot);
        if (seen.length === 3) {
          carrier.release(seen[0]!.slot);
          // Valid to the end of the callback, as every slot.
          expect(carrier.addressOf(seen[0]!.slot)).toEqual(client(1));
        }
      });
      for (const number of [1, 2, 3])
        inner.feed({ slot: PROXY, bytes: joined(v1(client(number)), bytesOf('a')) });
      expect(() => carrier.addressOf(seen[0]!.slot)).toThrow(RangeError);
      expect(carrier.proxyStats().clients).toBe(1);
    });

    it('keeps slots of one batch apart although they are superseded in it', () => {
      const { inner, carrier } = create();
      const seen = collect(carrier);
      const numbers = [1, 2, 3, 1];
      inner.feed(
        ...numbers.map((number) => ({ slot: PROXY, bytes: joined(v1(client(number)), bytesOf('a')) })),
      );
      expect(seen.map(({ from }) => from)).toEqual(numbers.map((number) => client(number)));
      expect(carrier.proxyStats().clients).toBe(1);
      expect(inner.retained).toEqual([PROXY]);
    });

    it('drops what comes from slots that it could not tell from those of clients', () => {
      const { inner, carrier } = create();
      const seen = collect(carrier);
      inner.feed({ slot: 2 ** 19, bytes: bytesOf('a') }, { slot: 2 ** 19 - 1, bytes: bytesOf('b') });
      expect(seen.map(({ text }) => text)).toEqual(['b']);
      expect(dropsOf(carrier)).toEqual({ proxy_table_full: 1 });
    });
  });

  it('survives a callback that throws', () => {
    const { inner, carrier } = create();
    let calls = 0;
    carrier.start(() => {
      calls++;
      if (calls === 1) throw new Error('a fault of the upper layer');
    });
    expect(() => {
      inner.feed({ slot: PROXY, bytes: joined(v1(client(1)), bytesOf('a')) });
    }).toThrow('a fault of the upper layer');
    inner.feed({ slot: PROXY, bytes: joined(v1(client(2)), bytesOf('a')) });
    expect(calls).toBe(2);
    expect(carrier.proxyStats().clients).toBe(1);
  });

  it('refuses to name what is not in use', async () => {
    const { inner, carrier } = create();
    expect(() => carrier.addressOf(2 ** 19)).toThrow(RangeError);
    expect(carrier.proxyOf(2 ** 19)).toBeUndefined();
    carrier.retain(2 ** 19);
    carrier.release(2 ** 19);
    await carrier.close();
    expect(inner.isClosed).toBe(true);
  });
});

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}
