import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeCapture, type MadeCapture } from '../../../../../tools/kcpgate/bench/inspect-capture.ts';
import { CaptureReader } from '../../../../../tools/kcpgate/inspect/capture/read-capture.ts';
import { Examiner } from '../../../../../tools/kcpgate/inspect/examine/examiner.ts';

const folder = mkdtempSync(join(tmpdir(), 'kcpgate-bench-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BYTES = 4_000_000;

function make(name: string, seed: number): { made: MadeCapture; bytes: Uint8Array } {
  const path = join(folder, name);
  const made = makeCapture(path, BYTES, seed);
  return { made, bytes: readFileSync(path) };
}

it('the capture of the benchmark is the same for a seed', () => {
  const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const [one, same, other] = [make('one', 1), make('same', 1), make('other', 2)].map(({ bytes }) =>
    hashOf(bytes),
  );
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});

it('the capture of the benchmark is one of sessions that lose some of what they send', () => {
  const { made, bytes } = make('examined', 7);
  const examiner = new Examiner({ proxy: 'auto' });
  const kinds: Record<string, number> = {};
  const reader = new CaptureReader({
    sink: (found) => {
      const { kind } = examiner.examine(found);
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    },
  });
  reader.push(bytes);
  reader.finish();
  examiner.finish();
  expect(reader.counters).toMatchObject({
    bytes: made.bytes,
    packets: made.packets,
    datagrams: made.packets,
  });
  expect(bytes.length).toBeGreaterThanOrEqual(BYTES);
  expect(Object.values(reader.counters.notices).every((count) => count === 0)).toBe(true);
  expect(Object.keys(kinds).toSorted()).toEqual(['clear', 'sealed']);
  expect(examiner.sessions.length).toBeGreaterThan(250);
  const clear = examiner.sessions.map(({ fromGateway }) => fromGateway.retransmissions.total);
  const segments = examiner.sessions.reduce((sum, { fromGateway }) => sum + fromGateway.segments, 0);
  const share = clear.reduce((sum, count) => sum + count, 0) / segments;
  expect(share).toBeGreaterThan(0.005);
  expect(share).toBeLessThan(0.05);
});
