import { afterEach, describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../src/base/address.ts';
import { META_ADDRESS, type Carrier, type ReceiveBatch } from '../../src/carrier/carrier.ts';
import { datagramsOf } from './received.ts';

/** Limits of one end; what is left out is the carrier's default. */
export interface CarrierLimits {
  readonly maxDatagramBytes?: number;
  readonly maxBatch?: number;
  readonly arenaBytes?: number;
}

/** What carriers differ in, as far as the cases of this suite go. */
export interface CarrierTraits {
  /** A datagram of no bytes can be sent. */
  readonly sendsEmpty: boolean;
  /** Receiving a datagram that is too large ends its connection. Otherwise that datagram is dropped, and no other. */
  readonly oversizeEndsConnection: boolean;
}

/** Carriers of datagrams that are independent of each other. */
const DATAGRAM_TRAITS: CarrierTraits = { sendsEmpty: true, oversizeEndsConnection: false };

/** Two carriers that reach each other. */
export interface CarrierPair {
  readonly near: Carrier;
  readonly far: Carrier;
  /** Where `near` reaches `far`. */
  readonly farAddress: SocketAddress;
  /** Lets the network move until `done`; fails when it never is. */
  until(done: () => boolean): Promise<void>;
  /** Closes what neither carrier owns. */
  close?(): Promise<void>;
}

export type CreateCarrierPair = (near: CarrierLimits, far: CarrierLimits) => Promise<CarrierPair>;

/** What every carrier promises, whatever moves the datagrams. */
export function describeCarrier(
  name: string,
  createPair: CreateCarrierPair,
  traits: CarrierTraits = DATAGRAM_TRAITS,
): void {
  describe(`carrier: ${name}`, () => {
    const open: { close(): Promise<void> }[] = [];
    const createOpenPair = async (
      near: CarrierLimits = {},
      far: CarrierLimits = {},
    ): Promise<CarrierPair> => {
      const pair = await createPair(near, far);
      open.push(pair.near, pair.far, { close: () => pair.close?.() ?? Promise.resolve() });
      return pair;
    };

    afterEach(async () => {
      await Promise.all(open.splice(0).map((opened) => opened.close()));
    });

    it('delivers datagrams whole, each with the slot of its sender', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      const inbox = new Inbox(far);
      const target = near.intern(farAddress);
      const texts = ['one', 'two', traits.sendsEmpty ? '' : 'three'];
      for (const text of texts) write(near, target, bytesOf(text));
      near.flush();
      await until(() => inbox.datagrams.length === 3);
      expect(inbox.datagrams.map(({ bytes }) => textOf(bytes))).toEqual(texts);
      expect(inbox.datagrams.map(({ from }) => from)).toEqual(Array(3).fill(near.localAddress));
    });

    it('keeps the order of each sender', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      const inbox = new Inbox(far);
      const target = near.intern(farAddress);
      for (let i = 0; i < 500; i++) {
        write(near, target, Uint8Array.of(i & 255, i >>> 8));
        if (i % 50 === 49) near.flush();
      }
      await until(() => inbox.datagrams.length === 500);
      expect(inbox.datagrams.map(({ bytes }) => bytes[0]! | (bytes[1]! << 8))).toEqual([
        ...Array(500).keys(),
      ]);
    });

    it('gathers what arrived together into few batches', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      const inbox = new Inbox(far);
      const target = near.intern(farAddress);
      for (let i = 0; i < 20; i++) write(near, target, bytesOf('x'));
      near.flush();
      await until(() => inbox.datagrams.length === 20);
      expect(far.stats().receiveBatches).toBeLessThan(20);
    });

    it('lends the bytes for the length of the callback only', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      let kept: ReceiveBatch | undefined;
      let countInside = 0;
      far.start((batch) => {
        kept = batch;
        countInside = batch.count;
        expect(batch.view.buffer).toBe(batch.bytes.buffer);
        expect(batch.view.byteOffset).toBe(batch.bytes.byteOffset);
      });
      write(near, near.intern(farAddress), bytesOf('gone'));
      near.flush();
      await until(() => kept !== undefined);
      expect(countInside).toBe(1);
      expect(kept?.count).toBe(0);
      expect(far.stats().batchErrors).toBe(0);
    });

    it('sends what the callback leaves in the arena, to peers that nobody retained', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      const inbox = new Inbox(near);
      far.start((batch) => write(far, batch.meta[META_ADDRESS]!, bytesOf('answer')));
      write(near, near.intern(farAddress), bytesOf('question'));
      near.flush();
      await until(() => inbox.datagrams.length === 1);
      expect(textOf(inbox.datagrams[0]!.bytes)).toBe('answer');
    });

    it('keeps a retained slot for its address until the release', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      const inbox = new Inbox(near);
      let slot = -1;
      far.start((batch) => {
        slot = batch.meta[META_ADDRESS]!;
        far.retain(slot);
      });
      write(near, near.intern(farAddress), bytesOf('hello'));
      near.flush();
      await until(() => slot >= 0);
      expect(far.addressOf(slot)).toEqual(near.localAddress);
      expect(far.intern(near.localAddress)).toBe(slot);
      far.release(slot);
      write(far, slot, bytesOf('still there'));
      far.release(slot);
      far.flush();
      await until(() => inbox.datagrams.length === 1);
      expect(textOf(inbox.datagrams[0]!.bytes)).toBe('still there');
    });

    it.runIf(traits.oversizeEndsConnection)(
      'ends a connection that brings too large a datagram',
      async () => {
        const { near, far, farAddress, until } = await createOpenPair(
          { maxDatagramBytes: 3000 },
          { maxDatagramBytes: 1000 },
        );
        const inbox = new Inbox(far);
        near.start(() => undefined);
        const target = near.intern(farAddress);
        for (const length of [1000, 1001, 999]) write(near, target, new Uint8Array(length));
        near.flush();
        await until(() => near.stats().connections?.open === 0 && far.stats().connections?.open === 0);
        expect(inbox.datagrams.map(({ bytes }) => bytes.length)).toEqual([1000]);
        expect(far.stats().oversizeDrops).toBe(1);
        expect(far.stats().connections?.closed.frame_oversize).toBe(1);
      },
    );

    it.skipIf(traits.oversizeEndsConnection)('drops and counts what is too large to receive', async () => {
      const { near, far, farAddress, until } = await createOpenPair(
        { maxDatagramBytes: 3000 },
        { maxDatagramBytes: 1000 },
      );
      const inbox = new Inbox(far);
      const target = near.intern(farAddress);
      for (const length of [1000, 1001, 3000, 999]) write(near, target, new Uint8Array(length).fill(length));
      near.flush();
      await until(() => inbox.datagrams.length === 2 && far.stats().oversizeDrops === 2);
      expect(inbox.datagrams.map(({ bytes }) => bytes.length)).toEqual([1000, 999]);
      expect(inbox.datagrams[1]?.bytes[0]).toBe(999 & 255);
    });

    it('says when the arena is full, by bytes and by datagrams, and takes more after a flush', async () => {
      const { near, far, farAddress, until } = await createOpenPair({ arenaBytes: 1000, maxBatch: 4 });
      const inbox = new Inbox(far);
      const target = near.intern(farAddress);
      write(near, target, new Uint8Array(600));
      expect(near.arena.reserve(401)).toBe(-1);
      expect(() => near.arena.commit(1)).toThrow(RangeError);
      expect(near.arena.reserve(400)).toBeGreaterThanOrEqual(600);
      for (let i = 0; i < 3; i++) write(near, target, new Uint8Array(1));
      expect(near.arena.reserve(1)).toBe(-1);
      near.flush();
      expect(near.arena.reserve(1000)).toBeGreaterThanOrEqual(0);
      await until(() => inbox.datagrams.length === 4);
    });

    it('gives a reservation that was not committed out again', async () => {
      const { near } = await createOpenPair();
      const offset = near.arena.reserve(100);
      expect(near.arena.reserve(50)).toBe(offset);
      expect(() => near.arena.commit(51)).toThrow(RangeError);
      near.arena.commit(10);
      expect(near.arena.reserve(1)).toBeGreaterThanOrEqual(offset + 10);
    });

    it('empties the arena when it flushes', async () => {
      const { near, farAddress } = await createOpenPair();
      write(near, near.intern(farAddress), bytesOf('once'));
      near.flush();
      near.flush();
      expect(near.stats().sentDatagrams).toBe(1);
    });

    it('accounts for every datagram', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      const inbox = new Inbox(far);
      const target = near.intern(farAddress);
      // The first of every ten has no target; so has the empty one, which not every carrier could send.
      for (let i = 0; i < 100; i++) write(near, i % 10 === 0 ? 999_999 : target, new Uint8Array(i));
      near.flush();
      await until(() => inbox.datagrams.length === 90);
      const sent = near.stats();
      const received = far.stats();
      expect(sent.sentDatagrams).toBe(90);
      expect(sent.sendDrops).toBe(10);
      expect(received.receivedDatagrams).toBe(90);
      expect(received.receivedBytes).toBe(sent.sentBytes);
      expect(received.receivedBytes).toBe(inbox.datagrams.reduce((sum, { bytes }) => sum + bytes.length, 0));
      expect(received.receiveBatches).toBe(inbox.batches);
      expect([received.oversizeDrops, received.receiveDrops, received.batchErrors]).toEqual([0, 0, 0]);
    });

    it('survives a callback that throws', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      let calls = 0;
      far.start(() => {
        calls++;
        if (calls === 1) throw new Error('a fault of the upper layer');
      });
      const target = near.intern(farAddress);
      write(near, target, bytesOf('first'));
      near.flush();
      await until(() => calls === 1);
      write(near, target, bytesOf('second'));
      near.flush();
      await until(() => calls === 2);
      expect(far.stats().batchErrors).toBe(1);
    });

    it('closes once, however often it is asked, and is quiet afterwards', async () => {
      const { near, farAddress } = await createOpenPair();
      const target = near.intern(farAddress);
      await Promise.all([near.close(), near.close()]);
      await near.close();
      write(near, target, bytesOf('too late'));
      near.flush();
      near.release(target);
      expect(near.stats().sentDatagrams).toBe(0);
      expect(near.stats().sendDrops).toBe(1);
    });

    it('can be closed from within its callback', async () => {
      const { near, far, farAddress, until } = await createOpenPair();
      let closed: Promise<void> | undefined;
      far.start(() => {
        closed = far.close();
      });
      write(near, near.intern(farAddress), bytesOf('bye'));
      near.flush();
      await until(() => closed !== undefined);
      await closed;
      expect(far.stats().batchErrors).toBe(0);
    });
  });
}

/** Keeps copies of what a carrier delivers. */
class Inbox {
  readonly datagrams: { bytes: Uint8Array; from: unknown }[] = [];
  batches = 0;

  constructor(carrier: Carrier) {
    carrier.start((batch) => {
      this.batches++;
      for (const { bytes, slot } of datagramsOf(batch)) {
        this.datagrams.push({ bytes, from: carrier.addressOf(slot) });
      }
    });
  }
}

function write(carrier: Carrier, target: number, datagram: Uint8Array): void {
  const offset = carrier.arena.reserve(datagram.length);
  expect(offset).toBeGreaterThanOrEqual(0);
  carrier.arena.bytes.set(datagram, offset);
  carrier.arena.target = target;
  carrier.arena.commit(datagram.length);
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
