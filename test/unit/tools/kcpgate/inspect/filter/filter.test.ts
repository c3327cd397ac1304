import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { writeSealedHeader } from '../../../../../../src/wire/sealed-header.ts';
import { SegmentMark } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import {
  FILTER_FIELDS,
  FILTER_FLAGS,
  FILTER_SHORTHANDS,
} from '../../../../../../tools/kcpgate/inspect/filter/fields.ts';
import {
  FilterError,
  formatFilterError,
} from '../../../../../../tools/kcpgate/inspect/filter/filter-error.ts';
import {
  MAX_FILTER_DEPTH,
  parseFilter,
} from '../../../../../../tools/kcpgate/inspect/filter/parse-filter.ts';
import { MAX_FILTER_LENGTH } from '../../../../../../tools/kcpgate/inspect/filter/tokens.ts';
import { handMade, PUSH, subjectOf } from '../views/hand-made.ts';

const AGAIN = handMade([PUSH, { type: 'ack', conv: PUSH.conv, wnd: 10, ts: 1, sn: 0xfffffff0, una: 0 }], {
  packet: 12,
  afterUs: 1_500_000,
  segments: [{ marks: SegmentMark.retransmission | SegmentMark.timeout }],
});

/** Whether a filter is true for the PUSH that was sent again. */
const isTrue = (text: string): boolean => parseFilter(text)(subjectOf(AGAIN), AGAIN.segments[0]!);

/** What stands in front of the caret. */
function errorOf(text: string): string {
  try {
    parseFilter(text);
  } catch (error) {
    if (error instanceof FilterError) return formatFilterError(error, text);
    throw error;
  }
  return 'no error';
}

describe('filters', () => {
  test.each([
    'conv == 0x01020304 && cmd == push && retransmission',
    'conv == 16909060',
    'cmd == 81',
    'push',
    'push and udp and clear',
    'cmd in {ack, push}',
    'sn == 7 && una < 7 && wnd >= 1024 && len != 0 && frg <= 0 && ts > 1000',
    '!(sn == 8)',
    'not sn == 8',
    'sn == 8 || sn == 7',
    'sn == 8 or (sn == 7 and timeout)',
    'sn == 7 || sn == 8 && sn == 9',
    'src == 10.0.0.0/8 && dst == 10.0.0.1',
    'host == "10.0.0.1"',
    'host in {192.168.0.0/16, 10.0.0.0/24}',
    'host != 192.168.0.1',
    'port == 4000 && sport == 51000 && dport == 4000 && port != 80',
    'time == 1.5 && time < 2',
    'packet == 12',
    'session == 0',
    'direction == client',
    'kind == clear && carrier == udp',
    'kind in {sealed, clear}',
    '! spurious && !fast && !copy && !problem && !decrypted',
    '!(pn == 0) && !(pn != 0)',
  ])('true: %s', (text) => {
    expect(isTrue(text)).toBe(true);
  });

  test.each([
    'conv == 0x01020305',
    'cmd == ack',
    'kick',
    'sn != 7',
    'sn < 7',
    'src == 10.0.0.1',
    'host != 10.0.0.1',
    'port != 4000',
    'direction == gateway',
    'kind != clear',
    'pn >= 0',
    'path_id == 0',
    'spurious',
    '(retransmission && fast)',
  ])('false: %s', (text) => {
    expect(isTrue(text)).toBe(false);
  });

  test('numbers of 32 bits are unsigned', () => {
    expect(parseFilter('sn == 0xfffffff0 && ack')(subjectOf(AGAIN), AGAIN.segments[1]!)).toBe(true);
  });

  test('what a datagram without segments has not got compares as false, its negation is true', () => {
    const empty = handMade([], { session: -1 });
    const matches = (text: string): boolean => parseFilter(text)(subjectOf(empty), null);
    expect(matches('sn == 7')).toBe(false);
    expect(matches('sn != 7')).toBe(false);
    expect(matches('!(sn == 7)')).toBe(true);
    expect(matches('direction != client')).toBe(false);
    expect(matches('session >= 0')).toBe(false);
    expect(matches('empty')).toBe(true);
  });

  test('headers of sealed datagrams can be asked for, also when nothing opens them', () => {
    const bytes = new Uint8Array(60);
    writeSealedHeader(wireMemory(bytes).view, 0, 0x01020304, 3, 2 ** 40, false, true);
    const sealed = handMade([], {
      more: { kind: 'sealed', clear: null, sealedBecause: 'no_key', conv: 0x01020304 },
    });
    sealed.found.bytes = bytes;
    sealed.found.length = 60;
    const matches = (text: string): boolean => parseFilter(text)(subjectOf(sealed), null);
    expect(matches('sealed && pn == 0x10000000000 && path_id == 3 && copy && conv == 0x01020304')).toBe(true);
    expect(matches('decrypted || problem')).toBe(false);
    sealed.found.length = 20;
    expect(matches('pn >= 0 || path_id >= 0 || copy')).toBe(false);
    expect(matches('problem')).toBe(true);
  });

  test.each([
    ['', 'column 1: the filter is empty\n  \n  ^'],
    ['cnv == 1', 'column 1: there is no field or flag "cnv"; did you mean "conv"?\n  cnv == 1\n  ^'],
    ['conv = 1', 'column 6: write == to compare\n  conv = 1\n       ^'],
    ['push & ack', 'column 6: write && for "and"\n  push & ack\n       ^'],
    ['conv', 'column 5: conv has to be compared: conv == ...\n  conv\n      ^'],
    ['conv == push', 'column 9: conv is compared with a number\n  conv == push\n          ^'],
    ['cmd == psh', 'column 8: no cmd is called "psh"; did you mean "push"?\n  cmd == psh\n         ^'],
    ['push == 1', 'column 6: push stands alone: it is true or not\n  push == 1\n       ^'],
    ['src < 10.0.0.1', 'column 5: src has no order: compare it with == or !=\n  src < 10.0.0.1\n      ^'],
    ['push ack', 'column 6: && or || is missing in front of this\n  push ack\n       ^'],
    ['(push', 'column 6: the parenthesis of column 1 is not closed\n  (push\n       ^'],
    ['conv in {1, }', 'column 13: a value belongs here\n  conv in {1, }\n              ^'],
    ['"push', 'column 1: this text has no end: a quote is missing\n  "push\n  ^'],
    ['push && €', 'column 9: "€" means nothing here\n  push && €\n          ^'],
    ['sn == 1.5', 'column 7: sn is compared with a number\n  sn == 1.5\n        ^'],
  ])('wrong: %j', (text, message) => {
    expect(errorOf(text)).toBe(message);
  });

  test('an address that is none is explained', () => {
    expect(errorOf('src == 10.0.0.1/8')).toContain('has bits set beyond its prefix length; write 10.0.0.0/8');
  });

  test('length and depth are bounded', () => {
    const deep = (depth: number): string => `${'('.repeat(depth)}push${')'.repeat(depth)}`;
    expect(errorOf(deep(MAX_FILTER_DEPTH - 1))).toBe('no error');
    expect(errorOf(deep(MAX_FILTER_DEPTH))).toContain('may stand in each other');
    expect(errorOf(`${'!'.repeat(4000)}push`)).toContain('may stand in each other');
    expect(errorOf(' '.repeat(MAX_FILTER_LENGTH + 1))).toContain('at most 4096 characters');
  });

  test('the error of a long filter is cut around the place', () => {
    const text = `${'push && '.repeat(100)}nothing`;
    const [, shown = '', caret = ''] = errorOf(text).split('\n');
    expect(shown.length).toBeLessThan(120);
    expect(shown.slice(caret.indexOf('^'))).toBe('nothing');
  });

  test('random text never throws anything but its own error, and what is understood can be asked', () => {
    const words = [
      ...FILTER_FIELDS.keys(),
      ...FILTER_FLAGS.keys(),
      ...FILTER_SHORTHANDS.keys(),
      ...[
        '==',
        '!=',
        '<',
        '<=',
        '>',
        '>=',
        '&&',
        '||',
        '!',
        '(',
        ')',
        'in',
        '{',
        '}',
        ',',
        '1',
        '0x10',
        '10.0.0.0/8',
      ],
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join(' ')),
      // Mostly right, so that many are understood.
      fc
        .array(
          fc.tuple(
            fc.constantFrom('sn', 'conv', 'time', 'port'),
            fc.constantFrom('==', '<', '!='),
            fc.nat(9),
          ),
          {
            minLength: 1,
            maxLength: 5,
          },
        )
        .map((parts) => parts.map((part) => part.join(' ')).join(' || ')),
    );
    let understood = 0;
    fc.assert(
      fc.property(text, (candidate) => {
        try {
          const predicate = parseFilter(candidate);
          for (const segment of [...AGAIN.segments, null]) predicate(subjectOf(AGAIN), segment);
          understood += 1;
        } catch (error) {
          if (!(error instanceof FilterError)) throw error;
          expect(error.at).toBeLessThanOrEqual(candidate.length);
          formatFilterError(error, candidate);
        }
      }),
      { numRuns: 1500 },
    );
    expect(understood).toBeGreaterThan(250);
  });
});
