import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fileLoginStore } from '../../../../src/client/node/file-login-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'kcpgate-store-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('a file keeps the last text, for its owner alone', async () => {
  const path = join(folder, 'a', 'b', 'login.json');
  const store = fileLoginStore(path);
  expect(await store.get()).toBeUndefined();
  await store.set('one');
  await store.set('two');
  expect(await fileLoginStore(path).get()).toBe('two');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['login.json']);
});

test('a file that others may read is not used', async () => {
  const path = join(folder, 'open.json');
  writeFileSync(path, 'text');
  chmodSync(path, 0o640);
  await expect(fileLoginStore(path).get()).rejects.toMatchObject({ code: 'permission_denied' });
});

test('what cannot be written is an error, and nothing is left of it', async () => {
  const path = join(folder, 'taken');
  await fileLoginStore(join(path, 'x')).set('text');
  await expect(fileLoginStore(path).set('text')).rejects.toMatchObject({ code: 'io_failed' });
  expect(readdirSync(folder).filter((name) => name.startsWith('taken'))).toEqual(['taken']);
});

test('a file that is far too long is none', async () => {
  const path = join(folder, 'long.json');
  await fileLoginStore(path).set('x'.repeat(3_000_000));
  expect(await fileLoginStore(path).get()).toBeUndefined();
});
