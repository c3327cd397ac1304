import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addChaosCommand } from '../../../../../tools/kcpgate/chaos/chaos-command.ts';
import { EFFECT_NAMES, parseChange } from '../../../../../tools/kcpgate/chaos/parse-change.ts';
import { isProfileName, PROFILE_NAMES, PROFILES } from '../../../../../tools/kcpgate/chaos/profiles.ts';
import { parseScript } from '../../../../../tools/kcpgate/chaos/script.ts';
import { weatherText } from '../../../../../tools/kcpgate/chaos/weather-text.ts';

const TEXT = readFileSync('docs/chaos.md', 'utf8');
/** The cells of the rows of tables that have so many columns. */
const ROWS = [...TEXT.matchAll(/^\| (.+) \|$/gmu)].map(([, row]) =>
  row!.split('|').map((cell) => cell.trim()),
);
const codeOf = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/gu)].map(([, code]) => code!);

test('has every profile with its figures and why', () => {
  const documented = ROWS.filter(([name = '']) => isProfileName(name.replaceAll('`', '')));
  const actual = PROFILE_NAMES.map((name) => {
    const { up, down, why } = PROFILES[name];
    return [`\`${name}\``, weatherText(up), weatherText(down), why];
  });
  expect(documented).toEqual(actual);
});

test('has every effect, with words that say it on the carriers it is for', () => {
  const effects = ROWS.filter(
    ([name = '']) => name.startsWith('`') && EFFECT_NAMES.includes(name.slice(1, -1)),
  );
  expect(effects.map(([name]) => name!.replaceAll('`', '')).toSorted()).toEqual([...EFFECT_NAMES].toSorted());
  for (const [, words = '', onUdp = '', onTcp = ''] of effects) {
    for (const text of codeOf(words)) {
      expect([text, parseChange(`udp ${text}`).ok]).toEqual([text, onUdp !== 'no']);
      expect([text, parseChange(`tcp ${text}`).ok]).toEqual([
        text,
        !onTcp.startsWith('no:') && onTcp !== 'no',
      ]);
    }
  }
});

test('has a script that can be read', () => {
  const [, script] = /^( {4}# a commuter\n(?: {4}.*\n)+)/mu.exec(TEXT) ?? [];
  const parsed = parseScript(script ?? 'none');
  expect(parsed).toMatchObject({ ok: true });
  expect(parsed.ok && parsed.steps.length).toBe(7);
});

test('has every option of the command that is no effect', () => {
  const program = new Command();
  addChaosCommand(program);
  const named = new Set(ROWS.flatMap(([option = '']) => codeOf(option)).map((code) => code.split(' ')[0]));
  const options = program.commands[0]!.options.map(({ long }) => long ?? '');
  const missing = options.filter((option) => !named.has(option) && !EFFECT_NAMES.includes(option.slice(2)));
  expect(missing).toEqual([]);
});
