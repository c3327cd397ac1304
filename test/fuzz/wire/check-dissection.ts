import { expect } from 'vitest';
import { dissect, type DissectOptions } from '../../../src/wire/dissect.ts';
import { formatHex, formatLine, formatTree } from '../../../src/wire/print.ts';

/** What may stand in printed text: no control but the line breaks between the lines. */
const CONTROL = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

/** Dissects and prints any bytes: what comes out is bounded and harmless, in order, and inside the bytes. */
export function checkDissection(bytes: Uint8Array, options?: DissectOptions): void {
  const before = bytes.slice();
  const dissection = dissect(bytes, options);
  const segments = Math.floor(bytes.length / 24) + 2;
  expect(dissection.units.length).toBeLessThanOrEqual(segments);
  expect(dissection.problems.length).toBeLessThanOrEqual(4 * segments + 1);
  let end = 0;
  for (const unit of dissection.units) {
    expect(unit.offset).toBe(end);
    expect(unit.length).toBeGreaterThan(0);
    end = unit.offset + unit.length;
    for (const field of unit.fields) {
      expect(field.offset).toBeGreaterThanOrEqual(unit.offset);
      expect(field.length).toBeGreaterThanOrEqual(0);
      expect(field.offset + field.length).toBeLessThanOrEqual(end);
    }
  }
  expect(end).toBeLessThanOrEqual(bytes.length);
  for (const problem of dissection.problems) expect(problem.offset).toBeLessThanOrEqual(bytes.length);
  const line = formatLine(dissection);
  const tree = formatTree(dissection);
  expect(line.length).toBeLessThanOrEqual(500 + 20 * bytes.length);
  expect(tree.length).toBeLessThanOrEqual(500 + 60 * bytes.length);
  for (const text of [line, tree]) {
    for (const each of text.split('\n')) expect(each).not.toMatch(CONTROL);
  }
  formatHex(bytes);
  expect(bytes).toEqual(before);
}
