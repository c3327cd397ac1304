import { describe, expect, it } from 'vitest';
import { KeyLog, parseKeyLog } from '../../../../../tools/kcpgate/inspect/key-log.ts';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(32)) as [string, string, string];
const KEY = '0123456789abcdef'.repeat(3) + '01234567';
const OTHER_KEY = 'f'.repeat(56);

const GOOD = `# of yesterday
KCPGATE_EARLY 01020304 ${A} - ${KEY}

KCPGATE_CLIENT 01020304 ${A} ${B} ${KEY}
KCPGATE_SERVER 01020304 ${A} ${B} ${OTHER_KEY.toUpperCase()}\r
  KCPGATE_CLIENT  01020304\t${A} ${C} ${OTHER_KEY}
KCPGATE_CLIENT fedcba98 ${A} ${B} ${KEY}`;

describe('a key log', () => {
  it('gives the keys of a conversation by their purpose, the newest first', () => {
    const log = parseKeyLog(GOOD);
    expect(log.counters).toEqual({ keys: 5, badLines: 0, forgottenKeys: 0 });
    expect(log.keysOf(0x01020304, 'early')).toEqual([
      {
        purpose: 'early',
        conv: 0x01020304,
        clientRandom: A,
        serverRandom: '',
        key: Uint8Array.from(Buffer.from(KEY.slice(0, 32), 'hex')),
        iv: Uint8Array.from(Buffer.from(KEY.slice(32), 'hex')),
      },
    ]);
    expect(log.keysOf(0x01020304, 'client').map(({ serverRandom }) => serverRandom)).toEqual([C, B]);
    expect(log.keysOf(0x01020304, 'server')).toHaveLength(1);
    expect(log.keysOf(0xfedcba98, 'client')).toHaveLength(1);
    expect(log.keysOf(0xfedcba98, 'server')).toEqual([]);
    expect(log.keysOf(5, 'client')).toEqual([]);
  });

  it('may come in pieces of any size', () => {
    for (const size of [1, 2, 7, 100]) {
      const log = new KeyLog();
      for (let at = 0; at < GOOD.length; at += size) log.push(GOOD.slice(at, at + size));
      expect(log.counters.keys).toBe(4);
      log.finish();
      expect(log.counters).toEqual({ keys: 5, badLines: 0, forgottenKeys: 0 });
    }
  });

  it('has each key once', () => {
    expect(parseKeyLog(`${GOOD}\n${GOOD}`).counters.keys).toBe(5);
  });

  it.each([
    ['another label', `KCPGATE_KEY 01020304 ${A} ${B} ${KEY}`],
    ['a short conv', `KCPGATE_CLIENT 1020304 ${A} ${B} ${KEY}`],
    ['a short random', `KCPGATE_CLIENT 01020304 ${A.slice(1)} ${B} ${KEY}`],
    ['no server random', `KCPGATE_CLIENT 01020304 ${A} - ${KEY}`],
    ['a server random too many', `KCPGATE_EARLY 01020304 ${A} ${B} ${KEY}`],
    ['a long key', `KCPGATE_CLIENT 01020304 ${A} ${B} ${KEY}00`],
    ['no hex', `KCPGATE_CLIENT 01020304 ${A} ${B} ${'x'.repeat(56)}`],
    ['a word too many', `KCPGATE_CLIENT 01020304 ${A} ${B} ${KEY} 00`],
    ['a label alone', 'KCPGATE_CLIENT'],
    ['a line of any length', `KCPGATE_CLIENT ${'0'.repeat(5000)}`],
  ])('counts what is no key: %s', (_name, line) => {
    const log = new KeyLog();
    for (const piece of [line.slice(0, 900), line.slice(900), '\n']) log.push(piece);
    expect(log.counters).toEqual({ keys: 0, badLines: 1, forgottenKeys: 0 });
    log.push(`KCPGATE_CLIENT 01020304 ${A} ${B} ${KEY}\n`);
    expect(log.counters.keys).toBe(1);
  });

  it('is bounded: the oldest conversations go, and the oldest keys of one', () => {
    const log = new KeyLog({ maxKeys: 100 });
    for (let conv = 0; conv < 1000; conv++)
      log.push(`KCPGATE_CLIENT ${conv.toString(16).padStart(8, '0')} ${A} ${B} ${KEY}\n`);
    expect(log.counters).toEqual({ keys: 1000, badLines: 0, forgottenKeys: 900 });
    expect(log.keysOf(899, 'client')).toEqual([]);
    expect(log.keysOf(900, 'client')).toHaveLength(1);

    const one = new KeyLog();
    for (let i = 0; i < 1000; i++)
      one.push(`KCPGATE_CLIENT 00000001 ${A} ${i.toString(16).padStart(32, '0')} ${KEY}\n`);
    const keys = one.keysOf(1, 'client');
    expect(keys).toHaveLength(256);
    expect(Number.parseInt(keys[0]!.serverRandom, 16)).toBe(999);
  });
});
