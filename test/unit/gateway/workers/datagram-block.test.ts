import { expect, it } from 'vitest';
import { BlockBatch, DatagramBlockWriter } from '../../../../src/gateway/workers/datagram-block.ts';
import { datagramsOf } from '../../../contract/received.ts';

function add(writer: DatagramBlockWriter, bytes: Uint8Array, slot: number): void {
  writer.add(bytes, 0, bytes.length, slot);
}

it('carries datagrams with their slots, as a batch over memory of its own', () => {
  const writer = new DatagramBlockWriter();
  expect(writer.take()).toBeNull();
  const source = Uint8Array.from({ length: 50_000 }, (_, i) => i * 7);
  const parts = [
    [0, 10, 3],
    [10, 0, 4],
    [1, 40_000, 3],
    [999, 1, 70_000],
  ] as const;
  for (const [offset, length, slot] of parts) writer.add(source, offset, length, slot);
  expect([writer.count, writer.byteLength]).toEqual([4, 40_011]);
  const block = writer.take()!;
  expect([writer.count, writer.byteLength]).toEqual([0, 0]);
  add(writer, Uint8Array.of(1, 2, 3), 9);
  const crossed = structuredClone(block, { transfer: [block.memory] });
  const batch = new BlockBatch(crossed);
  expect(datagramsOf(batch)).toEqual(
    parts.map(([offset, length, slot]) => ({
      bytes: source.slice(offset, offset + length),
      slot,
      ecn: 0,
      glued: false,
    })),
  );
  expect(batch.view.buffer).toBe(batch.bytes.buffer);
  expect(datagramsOf(new BlockBatch(writer.take()!))).toMatchObject([{ slot: 9 }]);
});

it('is bounded in bytes and datagrams; one datagram always fits', () => {
  const writer = new DatagramBlockWriter();
  expect(writer.fits(1_000_000)).toBe(true);
  add(writer, new Uint8Array(200_000), 1);
  expect(writer.fits(62_144)).toBe(true);
  expect(writer.fits(62_145)).toBe(false);
  writer.take();
  for (let i = 0; i < 1024; i++) {
    expect(writer.fits(1)).toBe(true);
    add(writer, Uint8Array.of(i), i);
  }
  expect(writer.fits(1)).toBe(false);
  expect(writer.take()!.count).toBe(1024);
});
