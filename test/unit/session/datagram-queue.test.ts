import { describe, expect, it } from 'vitest';
import { DatagramQueue } from '../../../src/session/datagram-queue.ts';
import { readAnySegment } from '../../../src/wire/any-segment.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';

function written(arena: DatagramArena): { readonly sn: number; readonly payload: number[] }[] {
  const segments: { sn: number; payload: number[] }[] = [];
  arena.drain((bytes, offset, length) => {
    const segment = readAnySegment(wireMemory(bytes), offset, offset + length);
    if (typeof segment === 'string' || segment.type !== 'datagram') throw new Error('no message');
    segments.push({ sn: segment.counter, payload: [...segment.payload] });
  });
  return segments;
}

describe('messages outside the order', () => {
  it('are copied, numbered and written each as a datagram of its own', () => {
    const queue = new DatagramQueue();
    const bytes = Uint8Array.of(0, 1, 2, 3);
    queue.push(bytes, 1, 2);
    queue.push(bytes, 0, 1);
    bytes.fill(9);
    const arena = new DatagramArena();
    expect(queue.write(arena, 7, 100, 5)).toBe(true);
    expect(written(arena)).toEqual([
      { sn: 0, payload: [1, 2] },
      { sn: 1, payload: [0] },
    ]);
    expect(queue).toMatchObject({ sent: 2, dropped: 0 });
    expect(queue.write(arena, 7, 100, 5)).toBe(true);
    expect(arena.count).toBe(0);
  });

  it('that do not fit the arena wait, in order, and are written once', () => {
    const queue = new DatagramQueue();
    for (let i = 0; i < 5; i++) queue.push(Uint8Array.of(i), 0, 1);
    const arena = new DatagramArena(60);
    const numbers: number[] = [];
    let isDone = false;
    for (let turn = 0; turn < 5 && !isDone; turn++) {
      isDone = queue.write(arena, 7, 0, 0);
      numbers.push(...written(arena).flatMap(({ sn, payload }) => [sn, payload[0]!]));
    }
    expect(isDone).toBe(true);
    expect(numbers).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
  });

  it('give way when there are too many, the oldest first: a bounded number, a bounded size', () => {
    const many = new DatagramQueue();
    for (let i = 0; i < 300; i++) many.push(Uint8Array.of(i), 0, 1);
    const arena = new DatagramArena(64 * 1024);
    many.write(arena, 7, 0, 0);
    expect(written(arena).map(({ payload }) => payload[0])).toEqual(
      Array.from({ length: 256 }, (_, i) => (i + 44) & 255),
    );
    expect(many.dropped).toBe(44);

    const large = new DatagramQueue();
    for (let i = 0; i < 200; i++) large.push(new Uint8Array(2048).fill(i), 0, 2048);
    const larger = new DatagramArena(1024 * 1024);
    large.write(larger, 7, 0, 0);
    const payloads = written(larger);
    expect(payloads).toHaveLength(128);
    expect(payloads[0]?.payload[0]).toBe(72);
    expect(large.dropped).toBe(72);
  });
});
