import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { createResetTokens, deriveResetKey } from '../../src/crypto/reset-tokens.ts';
import { TicketKeyring } from '../../src/crypto/ticket-keyring.ts';
import type { LoginAnswer } from '../../src/gateway/login/login-answer.ts';
import { PROBLEM_CODES, problemOf } from '../../src/gateway/login/problem.ts';
import { RunningCommand, runKcpgate } from '../support/kcpgate-command.ts';
import { createLoginWorld, granted } from '../unit/gateway/login/login-world.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEXT = readFileSync(join(ROOT, 'docs/login.md'), 'utf8');

/** The only code block of a language. */
function blockOf(language: string): string {
  const found = [...TEXT.matchAll(/^```(\w+)\n([^]*?)^```$/gmu)].filter(([, name]) => name === language);
  expect(found).toHaveLength(1);
  return found[0]![2]!;
}

/** The shape of a value: the names of its keys, at every depth. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

describe('docs/login.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-login-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('names every reason to refuse, with its status', () => {
    const rows = [...TEXT.matchAll(/^\| (\d{3}) +\| ([^|]+)\|/gmu)].flatMap(([, status, codes]) =>
      [...codes!.matchAll(/`(\w+)`/gu)].map(([, code]) => [code, Number(status)]),
    );
    const known = PROBLEM_CODES.map((code) => [code, problemOf(code).status]);
    expect(rows.sort()).toEqual(known.sort());
  });

  test('shows an answer as it is', async () => {
    const answer = granted(await createLoginWorld().login());
    expect(shapeOf(JSON.parse(blockOf('json')))).toEqual(shapeOf(answer));
  });

  test('has a login server whose tickets a gateway opens', async () => {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules/kcpgate'), 'dir');
    const { output } = await runKcpgate(['token', 'key']);
    writeFileSync(join(folder, 'ticket-1.key'), output);
    const code = blockOf('js');
    expect(code).toContain('listen(8081,');
    writeFileSync(join(folder, 'server.mjs'), code.replace('listen(8081,', 'listen(0,'));
    const child = spawn(process.execPath, ['server.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new RunningCommand(child, 'the login server');
    try {
      const port = /\d+$/u.exec(await server.line((line) => line.startsWith('logins on port')))![0];
      const login = (headers: Record<string, string>): Promise<Response> =>
        fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers });
      expect((await login({})).status).toBe(401);
      const answer = (await (
        await login({ authorization: 'Bearer a-token-of-yours' })
      ).json()) as LoginAnswer;

      const key = new Uint8Array(Buffer.from(output.trim(), 'base64url'));
      const [session] = answer.sessions;
      const ticket = Buffer.from(session!.ticket, 'base64url');
      const body = new TicketKeyring([{ id: 1, key }]).open(ticket, 0, ticket.length);
      expect(body).toMatchObject({ conv: session!.conv, subject: 'alice', claims: '{"tier":"gold"}' });
      const resetToken = createResetTokens(deriveResetKey(key)).tokenOf(session!.conv);
      expect(session!.resetToken).toBe(Buffer.from(resetToken).toString('base64url'));
      expect(shapeOf(answer)).toEqual(shapeOf(JSON.parse(blockOf('json'))));
    } finally {
      await server.stop();
    }
  });
});
