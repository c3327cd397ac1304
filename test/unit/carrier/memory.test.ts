import { describe, expect, it } from 'vitest';
import { META_ADDRESS, META_STRIDE } from '../../../src/carrier/carrier.ts';
import { createMemoryPair, MemoryHub, type MemoryCarrier } from '../../../src/carrier/memory.ts';

describe('MemoryCarrier', () => {
  it('delivers nothing until it is told to', () => {
    const [near, far] = createMemoryPair();
    let delivered = 0;
    far.start(({ count }) => (delivered += count));
    write(near, 1, 10);
    near.flush();
    expect(delivered).toBe(0);
    expect(far.deliver()).toBe(1);
    expect(far.deliver()).toBe(0);
    expect(delivered).toBe(1);
  });

  it('drops and counts what its inbox has no room for, by bytes and by datagrams', () => {
    const [near, far] = createMemoryPair({ inboxBytes: 1000, maxBatch: 8 });
    far.start(() => undefined);
    for (const length of [600, 600, 400]) write(near, 1, length);
    near.flush();
    expect(far.stats()).toMatchObject({ receivedDatagrams: 1, receiveDrops: 2 });
    far.deliver();
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 8; j++) write(near, 1, 1);
      near.flush();
    }
    expect(far.stats()).toMatchObject({ receivedDatagrams: 9, receiveDrops: 2 + 16 });
  });

  it('keeps what arrives during a delivery for the next', () => {
    const hub = new MemoryHub();
    const [left, right] = [hub.join(), hub.join()];
    const lengths: number[] = [];
    left.start(() => {
      write(left, 1, lengths.length + 1);
      left.flush();
      expect(right.deliver()).toBe(0);
    });
    right.start(({ meta, count }) => {
      for (let i = 0; i < count; i++) lengths.push(meta[i * META_STRIDE + 1]!);
      if (lengths.length > 2) return;
      write(right, 0, 5);
      right.flush();
      left.deliver();
      expect(count).toBe(1);
    });
    write(left, 1, 1);
    left.flush();
    for (let i = 0; i < 3; i++) expect(right.deliver()).toBe(1);
    expect(lengths).toEqual([1, 2, 3]);
  });

  it('joins any number of carriers, the same slot meaning the same member everywhere', () => {
    const hub = new MemoryHub();
    const members = Array.from({ length: 300 }, () => hub.join());
    const heard: number[] = [];
    for (const member of members) member.start(({ meta }) => heard.push(meta[META_ADDRESS]!));
    for (const member of members) {
      write(member, 299, 3);
      write(member, 0, 3);
      member.flush();
    }
    expect(hub.deliver()).toBe(600);
    expect(hub.deliver()).toBe(0);
    expect(new Set(members.map(({ localAddress: { address } }) => address)).size).toBe(300);
    expect(members[7]!.intern(members[299]!.localAddress)).toBe(299);
    expect(members[7]!.addressOf(299)).toEqual(members[299]!.localAddress);
    expect(heard).toEqual([0, 0]);
  });
});

function write(carrier: MemoryCarrier, target: number, length: number): void {
  expect(carrier.arena.reserve(length)).toBeGreaterThanOrEqual(0);
  carrier.arena.target = target;
  carrier.arena.commit(length);
}
