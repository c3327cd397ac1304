import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunningCommand, startKcpgate } from '../support/kcpgate-command.ts';

const FOLDER = fileURLToPath(new URL('../../examples/', import.meta.url));

/** What each example has to say before it ends by itself. */
const SAYS: Readonly<Record<string, RegExp>> = {
  'client.mjs':
    /^open: [^]*^answer: one\n[^]*^answer: two\n[^]*^answer: three\n[^]*^on line \S+ of gateway 0, [^]*^close: \{"code":1000,/mu,
  'fastest-line.mjs':
    /^(?:\S+ \((?:udp|tcp|ws)\): \d of \d answers, .*\n){3}best: (?:line-udp|line-tcp|http), because it has (?:the|chosen) /u,
  'lost-line.mjs':
    /^the UDP line is dead: [^]*^moved to line (?:line-tcp|http), [^]*^300 of 300 messages have come back, each once/mu,
  'redundant.mjs':
    /^on \S+, and on \S+ as well\n100 of 100 messages have come back, each once\n.*; \d+ datagrams were sent twice/mu,
  'session.mjs': /^answer: hello over http\n[^]*^closed: 1000, closed/mu,
  'stream.mjs': /^8388608 bytes came back, every one as it was sent\nclosed: 1000, finished/mu,
};

let gateway: RunningCommand;
let loginUrl = '';
beforeAll(async () => {
  gateway = await startKcpgate(['serve', '--bind', '127.0.0.1:0', '--log-format', 'json']);
  const { address } = await gateway.record('listening', { listener: 'http' });
  loginUrl = `http://${String(address)}/api/login`;
}, 120_000);
afterAll(() => gateway.stop());

test('these are the examples', () => {
  expect(readdirSync(FOLDER).filter((name) => name.endsWith('.mjs'))).toEqual(Object.keys(SAYS));
});

test.each(Object.entries(SAYS))(
  '%s runs to its end against `npm start`',
  { timeout: 60_000 },
  async (name, says) => {
    const child = spawn(process.execPath, [join(FOLDER, name), loginUrl], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const example = new RunningCommand(child, name);
    const exit = await example.exit;
    expect(example.errorOutput).toBe('');
    expect(exit).toEqual({ code: 0, signal: null });
    expect(example.output).toMatch(says);
  },
);
