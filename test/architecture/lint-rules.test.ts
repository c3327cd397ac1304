import { join } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PURE_FILE = 'src/base/clock.ts';
const NODE_FILE = 'src/carrier/node/datagram-socket.ts';

describe('the lint configuration', () => {
  const eslint = new ESLint({ cwd: ROOT });

  test.each([
    ['Date', 'export const now = (): number => Date.now();', 'no-restricted-globals'],
    ['Math.random', 'export const pick = (): number => Math.random();', 'no-restricted-properties'],
    [
      'a default export',
      'export default function twice(n: number): number { return n * 2; }',
      'no-restricted-syntax',
    ],
    ['a renamed default export', 'const twice = 2;\nexport { twice as default };', 'no-restricted-syntax'],
  ])('refuses %s in a pure folder', async (_, code, rule) => {
    expect(await rulesBroken(eslint, PURE_FILE, code)).toContain(rule);
  });

  test('refuses a promise nobody waits for: the typed rules are on', async () => {
    const code = 'export function f(work: () => Promise<void>): void { work(); }';
    expect(await rulesBroken(eslint, PURE_FILE, code)).toEqual(['@typescript-eslint/no-floating-promises']);
  });

  test.each([
    ['process.env', 'export const native = process.env.KCPGATE_NATIVE;', 'no-restricted-properties'],
    [
      'env of node:process',
      "import { env } from 'node:process';\nexport const all = env;",
      'no-restricted-imports',
    ],
  ])('refuses to read %s outside the composition root', async (_, code, rule) => {
    expect(await rulesBroken(eslint, NODE_FILE, code)).toEqual([rule]);
  });

  test('accepts a checked typed-array read on the packet path', async () => {
    const code = 'export const first = (bytes: Uint8Array): number => bytes[0]!;';
    expect(await rulesBroken(eslint, PURE_FILE, code)).toEqual([]);
  });
});

/** Lints `code` as if it were the content of `file`, which must exist: typed rules need its project. */
async function rulesBroken(eslint: ESLint, file: string, code: string): Promise<string[]> {
  const results = await eslint.lintText(`${code}\n`, { filePath: join(ROOT, file) });
  return results.flatMap((result) => result.messages.map((message) => message.ruleId ?? message.message));
}
