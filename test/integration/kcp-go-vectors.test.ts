import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { peer } from '../support/peers.ts';

const GENERATOR = fileURLToPath(new URL('../peers/kcp-go/trace/generate.sh', import.meta.url));
const COMMITTED = fileURLToPath(new URL('../vectors/kcp-go/', import.meta.url));

peer('kcp-go').describe('the golden traces', () => {
  test('are what the generator writes today', { timeout: 180_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-traces-'));
    try {
      await promisify(execFile)(GENERATOR, [folder], { timeout: 170_000 });
      const names = readdirSync(folder).sort();
      expect(names).toEqual(readdirSync(COMMITTED).filter((name) => name.endsWith('.json')));
      for (const name of names) {
        expect(readFileSync(join(folder, name), 'utf8'), name).toBe(readFileSync(COMMITTED + name, 'utf8'));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
