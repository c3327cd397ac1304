import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GatewayError } from '../../../src/base/errors.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import { KeyLogFile } from '../../../src/crypto/key-log-file.ts';
import { withKeyLog } from '../../../src/crypto/key-log.ts';
import { fromHex, toHex, vectors } from './key-vectors.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-key-log-'));
  path = join(folder, 'keys.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('tells every key, and derives the same ones', () => {
  const { inputs, keys } = vectors;
  const lines: string[] = [];
  const crypto = withKeyLog(createHandshakeCrypto(), (line) => void lines.push(line));
  const secret = fromHex(inputs.secret);
  const both = fromHex(inputs.clientRandom + inputs.serverRandom);
  expect(toHex(crypto.deriveKey(secret, both.subarray(0, 16), 'early', 0x01020304))).toBe(keys.early);
  expect(toHex(crypto.deriveKey(secret, both, 'client', 0xffffffff))).toBe(keys.client);
  expect(toHex(crypto.deriveKey(secret, both, 'server', 0))).toBe(keys.server);
  expect(lines).toEqual([
    `KCPGATE_EARLY 01020304 ${inputs.clientRandom} - ${keys.early}`,
    `KCPGATE_CLIENT ffffffff ${inputs.clientRandom} ${inputs.serverRandom} ${keys.client}`,
    `KCPGATE_SERVER 00000000 ${inputs.clientRandom} ${inputs.serverRandom} ${keys.server}`,
  ]);
});

it('is a file for its owner alone, that several write to', async () => {
  const [one, other] = [new KeyLogFile(path), new KeyLogFile(path)];
  expect(statSync(path).mode & 0o777).toBe(0o600);
  for (let i = 0; i < 1000; i++) {
    one.write(`one ${String(i)}`);
    other.write(`other ${String(i)}`);
    if (i % 100 === 0) await new Promise(setImmediate);
  }
  await Promise.all([one.settled(), other.settled()]);
  const lines = readFileSync(path, 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  const numbered = (name: string): string[] => Array.from({ length: 1000 }, (_, i) => `${name} ${String(i)}`);
  expect(lines.filter((line) => line.startsWith('one'))).toEqual(numbered('one'));
  expect(lines.filter((line) => line.startsWith('other'))).toEqual(numbered('other'));
  expect(one.stats()).toEqual({ writtenLines: 1000, droppedLines: 0 });
});

it('drops and counts what does not fit or cannot be written, and says so once', async () => {
  const losses: string[] = [];
  const file = new KeyLogFile(path, (reason) => void losses.push(reason));
  const line = 'x'.repeat(1023);
  for (let i = 0; i < 1030; i++) file.write(line);
  await file.settled();
  expect(file.stats()).toEqual({ writtenLines: 1024, droppedLines: 6 });
  expect(losses).toEqual(['the disk is too slow']);

  rmSync(folder, { recursive: true });
  file.write('nowhere');
  await file.settled();
  file.write('nowhere again');
  await file.settled();
  expect(file.stats()).toEqual({ writtenLines: 1024, droppedLines: 8 });
  expect(losses).toEqual(['the disk is too slow', expect.stringContaining('ENOENT')]);
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-key-log-'));
});

it('says at once when the file cannot be', () => {
  expect(() => new KeyLogFile(folder)).toThrow(GatewayError);
  expect(() => new KeyLogFile(folder)).toThrow('cannot open the key log: EISDIR');
});
