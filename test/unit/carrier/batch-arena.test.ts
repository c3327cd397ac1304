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
});
