import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NginxSet } from '../../../../../tools/kcpgate/nginx/nginx-set.ts';
import { compareSet, writeSet } from '../../../../../tools/kcpgate/nginx/write-set.ts';

const POOL =
  '# head\nserver 10.0.0.1:4000 max_fails=0; # gw-1\nserver 10.0.0.2:4000 weight=2 max_fails=0; # gw-2\n';
const OWNERS = '# head\n1 kcpgate_udp_1; # gw-1\n2 kcpgate_udp_2; # gw-2\n';
const SET: NginxSet = {
  files: new Map([
    ['nginx.conf', 'main\n'],
    ['stream.d/a.conf', 'a\n'],
  ]),
  includeFiles: new Map([
    ['state/pool-udp.inc', POOL],
    ['state/owners-udp.inc', OWNERS],
  ]),
  absent: ['stream.d/b.conf'],
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-nginx-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8');
const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const found = (): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.'))
    .sort();

describe('writing', () => {
  test('makes everything, and the second time nothing', () => {
    expect(writeSet(SET, folder, false)).toEqual({
      written: ['nginx.conf', 'stream.d/a.conf', 'state/pool-udp.inc', 'state/owners-udp.inc'],
      removed: [],
      kept: [],
      outdated: [],
    });
    expect(found()).toEqual(
      ['nginx.conf', 'state/owners-udp.inc', 'state/pool-udp.inc', 'stream.d', 'stream.d/a.conf'].sort(),
    );
    expect(compareSet(SET, folder)).toEqual([]);
    const { mtimeMs } = statSync(join(folder, 'nginx.conf'));
    expect(writeSet(SET, folder, false)).toMatchObject({ written: [], removed: [] });
    expect(statSync(join(folder, 'nginx.conf')).mtimeMs).toBe(mtimeMs);
  });

  test('removes what belongs to another set, and leaves strangers alone', () => {
    writeSet(SET, folder, false);
    put('stream.d/b.conf', 'other variant');
    put('stream.d/own.conf', 'of the operator');
    put('nginx.conf', 'edited');
    expect(compareSet(SET, folder)).toEqual([
      { name: 'nginx.conf', kind: 'different' },
      { name: 'stream.d/b.conf', kind: 'extra' },
    ]);
    expect(writeSet(SET, folder, false)).toMatchObject({
      written: ['nginx.conf'],
      removed: ['stream.d/b.conf'],
    });
    expect(found()).toContain('stream.d/own.conf');
    expect(found()).not.toContain('stream.d/b.conf');
  });

  test('leaves the states that the checker found, unless told otherwise', () => {
    writeSet(SET, folder, false);
    const pool = `# by the checker\n# now\nserver 10.0.0.1:4000 max_fails=0 down; # gw-1\nserver 10.0.0.2:4000 weight=2 max_fails=0; # gw-2\n`;
    const owners = '# by the checker\n1 kcpgate_udp_pool; # gw-1\n2 kcpgate_udp_2; # gw-2\n';
    put('state/pool-udp.inc', pool);
    put('state/owners-udp.inc', owners);
    expect(compareSet(SET, folder)).toEqual([]);
    expect(writeSet(SET, folder, false)).toEqual({
      written: [],
      removed: [],
      kept: ['state/pool-udp.inc', 'state/owners-udp.inc'],
      outdated: [],
    });
    expect(textOf('state/pool-udp.inc')).toBe(pool);

    expect(writeSet(SET, folder, true).written).toEqual(['state/pool-udp.inc', 'state/owners-udp.inc']);
    expect(textOf('state/owners-udp.inc')).toBe(OWNERS);
  });

  test.each([
    ['pool-udp.inc', POOL.replace('10.0.0.2:4000', '10.0.0.3:4000')],
    ['pool-udp.inc', POOL.replace('weight=2 ', '')],
    ['owners-udp.inc', OWNERS.replace('2 kcpgate', '3 kcpgate')],
    ['owners-udp.inc', ''],
  ])('tells of states of other gateways: %s', (name, text) => {
    writeSet(SET, folder, false);
    put(`state/${name}`, text);
    expect(compareSet(SET, folder)).toEqual([{ name: `state/${name}`, kind: 'outdated' }]);
    expect(writeSet(SET, folder, false).outdated).toEqual([`state/${name}`]);
  });

  test('a folder that is none is an error, of which nothing is left over', () => {
    put('stream.d', 'a file');
    expect(() => writeSet(SET, folder, false)).toThrow(/EEXIST|ENOTDIR/u);
    expect(found()).toEqual(['nginx.conf', 'stream.d']);
    expect(compareSet(SET, join(folder, 'nowhere'))).toHaveLength(4);
  });
});
