import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createProgram } from '../../../../tools/kcpgate/program.ts';

test('the README names every command', async () => {
  const readme = await readFile(new URL('../../../../README.md', import.meta.url), 'utf8');
  const { commands } = await createProgram();
  const missing = commands
    .map((command) => command.name())
    .filter((name) => !readme.includes(`\`kcpgate ${name}\``));

  expect(commands.length).toBeGreaterThan(15);
  expect(missing).toEqual([]);
});
