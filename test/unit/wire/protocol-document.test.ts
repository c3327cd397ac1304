import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CLOSE_CODES } from '../../../src/base/close-code.ts';
import { Command, commandName } from '../../../src/wire/command.ts';

const rows = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));

it('docs/protocol.md lists every command by its number', () => {
  const listed = rows.filter(([, code]) => /^\d\d$/.test(code!)).map(([, code, name]) => `${code} ${name}`);
  expect(listed.filter((row) => /^(8|9)/.test(row))).toEqual(
    Object.values(Command).map((code) => `${code} ${commandName(code)}`),
  );
});

it('docs/protocol.md lists every close code by its name', () => {
  const listed = rows.filter(([, code]) => /^\d{4}$/.test(code!)).map(([, code, name]) => `${code} ${name}`);
  expect(listed).toEqual(CLOSE_CODES.map(({ code, name }) => `${code} ${name}`));
});
