import { describe, expect, it } from 'vitest';
import { BatchArena } from '../../../src/carrier/batch-arena.ts';

describe('BatchArena', () => {
  it('describes datagrams one after the other, each for the target of its commit', () => {
    const arena = new BatchArena({ bytes: 100, maxDatagrams: 4 });
    arena.target = 7;
    arena.reserve(60);
    arena.commit(20);
    arena.target = 8;
    arena.reserve(80);
    arena.commit(80);
    expect(arena.count).toBe(2);
    expect([...arena.descriptors.subarray(0, 6)]).toEqual([0, 20, 7, 20, 80, 8]);
    expect(arena.reserve(1)).toBe(-1);
  });

  it('writes the same memory again after a reset, and other memory after a replace', () => {
    const arena = new BatchArena({ bytes: 100 });
    const { bytes } = arena;
    arena.reserve(10);
    arena.commit(10);
    arena.reset();
    expect(arena.bytes).toBe(bytes);
    expect([arena.count, arena.reserve(100)]).toEqual([0, 0]);
    arena.replace();
    expect(arena.bytes.buffer).not.toBe(bytes.buffer);
    expect(arena.view.buffer).toBe(arena.bytes.buffer);
    expect([arena.count, arena.bytes.length, arena.reserve(100)]).toEqual([0, 100, 0]);
  });

  it('leaves head room in front of each datagram, so that neighbours are one piece when it is filled in', () => {
    const arena = new BatchArena({ bytes: 100, maxDatagrams: 3, headBytes: 2 });
    const offsets = [60, 30, 10].map((length) => {
      const offset = arena.reserve(length);
      arena.commit(length);
      return offset;
    });
    expect(offsets).toEqual([2, 64, 96]);
    expect([...arena.descriptors.subarray(0, 9)]).toEqual([2, 60, -1, 64, 30, -1, 96, 10, -1]);
    // The room is for heads only: no more than 100 bytes of datagrams.
    arena.reset();
    expect(arena.reserve(101)).toBe(-1);
    expect(arena.reserve(100)).toBe(2);
    arena.replace();
    expect(arena.reserve(100)).toBe(2);
    expect(arena.bytes.length).toBe(106);
  });
});
