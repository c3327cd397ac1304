import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { missingParts, peersAreRequired } from './peer-detection.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-peers-'));
  vi.stubEnv('PATH', ['/nowhere', '', folder].join(delimiter));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('names every command that is not in PATH', () => {
  expect(missingParts('kcptun')).toEqual(['kcptun-client', 'kcptun-server']);
});

test('takes only an executable file for a command', () => {
  const command = join(folder, 'iperf3');
  writeFileSync(command, '#!/bin/sh\n', { mode: 0o644 });
  chmodSync(command, 0o644);
  expect(missingParts('iperf3')).toEqual(['iperf3']);

  chmodSync(command, 0o755);
  expect(missingParts('iperf3')).toEqual([]);
});

test('requires peers only when KCPGATE_REQUIRE_PEERS is 1', () => {
  for (const [value, required] of [
    ['1', true],
    ['0', false],
    ['', false],
  ] as const) {
    vi.stubEnv('KCPGATE_REQUIRE_PEERS', value);
    expect(peersAreRequired()).toBe(required);
  }
});
