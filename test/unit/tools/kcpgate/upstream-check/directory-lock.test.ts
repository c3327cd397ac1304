import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LOCK_FILE, lockDirectory } from '../../../../../tools/kcpgate/upstream-check/directory-lock.ts';

function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'kcpgate-lock-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it('a folder is taken once at a time', () => {
  const path = newFolder();
  const lock = lockDirectory(path);
  expect(() => lockDirectory(path)).toThrow(
    `another upstream-check (process ${String(process.pid)}) writes in ${path}`,
  );
  lock.release();
  expect(readdirSync(path)).toEqual([]);
  lockDirectory(path).release();
});

it('what is not its own is not released', () => {
  const path = newFolder();
  const lock = lockDirectory(path);
  writeFileSync(join(path, LOCK_FILE), "somebody else's");
  lock.release();
  expect(existsSync(join(path, LOCK_FILE))).toBe(true);
});

it.each([
  ['of a process that is gone', JSON.stringify({ pid: 4_194_999, started: '' })],
  [
    'of a process of the same number that started at another time',
    JSON.stringify({ pid: process.pid, started: 'x' }),
  ],
  ['cut off', '{"pid":'],
  ['empty', ''],
])('a lock %s is taken over', (_, text) => {
  const path = newFolder();
  writeFileSync(join(path, LOCK_FILE), text);
  const lock = lockDirectory(path);
  expect(JSON.parse(readFileSync(join(path, LOCK_FILE), 'utf8'))).toMatchObject({ pid: process.pid });
  lock.release();
  expect(readdirSync(path)).toEqual([]);
});

it('a folder that cannot be written is an error that says so', () => {
  expect(() => lockDirectory('/nowhere/kcpgate')).toThrow(/cannot write in the include directory: ENOENT/);
});
