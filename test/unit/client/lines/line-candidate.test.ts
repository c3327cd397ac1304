import { expect, test } from 'vitest';
import { orderCandidates, type RememberedLine } from '../../../../src/client/lines/line-candidate.ts';
import { lineOf, v4, v6 } from './lines.ts';

const A4 = v4('192.0.2.1');
const B4 = v4('192.0.2.2');
const A6 = v6('2001:db8::1');
const B6 = v6('2001:db8::2');

function order(lines: Parameters<typeof orderCandidates>[0], remembered?: RememberedLine): string[] {
  return orderCandidates(lines, remembered).map(
    ({ line, address }) => `${line.id} ${address?.address ?? '-'}`,
  );
}

test('lower priorities come first, heavier lines before lighter ones, else the order of the login', () => {
  const lines = [
    lineOf('backup', { priority: 1, weight: 1000 }),
    lineOf('one'),
    lineOf('two'),
    lineOf('heavy', { weight: 200 }),
  ].map((line) => ({ line, addresses: [A4] }));
  expect(order(lines).map((text) => text.split(' ')[0])).toEqual(['heavy', 'one', 'two', 'backup']);
});

test('families take turns, the first address of every line before the second of any', () => {
  const lines = [
    { line: lineOf('one'), addresses: [A6, B6, A4] },
    { line: lineOf('two'), addresses: [B4] },
    { line: lineOf('three'), addresses: [B4] },
  ];
  expect(order(lines)).toEqual([
    'one 2001:db8::1',
    'two 192.0.2.2',
    'one 2001:db8::2',
    'three 192.0.2.2',
    'one 192.0.2.1',
  ]);
});

test('what worked the last time comes first, whatever its priority; of an address that is gone only the line', () => {
  const lines = [
    { line: lineOf('one'), addresses: [A6, A4] },
    { line: lineOf('two', { priority: 9 }), addresses: [B6, B4] },
  ];
  expect(order(lines, { lineId: 'two', address: '192.0.2.2' })[0]).toBe('two 192.0.2.2');
  expect(order(lines, { lineId: 'two', address: '192.0.2.77' })[0]).toBe('two 2001:db8::2');
  expect(order(lines, { lineId: 'two' })[0]).toBe('two 2001:db8::2');
  expect(order(lines, { lineId: 'gone' })).toEqual(order(lines));
  expect(new Set(order(lines, { lineId: 'two' }))).toEqual(new Set(order(lines)));
});

test('lines without an address are left out, lines of a platform that looks up itself are not', () => {
  const lines = [
    { line: lineOf('none'), addresses: [] },
    { line: lineOf('self'), addresses: [undefined] },
  ];
  expect(order(lines)).toEqual(['self -']);
  expect(order([])).toEqual([]);
});
