import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { runKcpgate } from '../support/kcpgate-command.ts';

describe('check', () => {
  test('says ok and counts', async () => {
    const result = await runKcpgate(['check', '-c', 'examples/gateway.yaml']);
    expect(result).toMatchObject({
      code: 0,
      output: 'examples/gateway.yaml: ok (2 listeners, 2 upstreams, 2 routes)\n',
      errorOutput: '',
    });
  });

  test('names every error, for people and as JSON, and ends with 2', async () => {
    const wrong = [
      'check',
      '-c',
      'examples/gateway.yaml',
      '--preset',
      'fast3',
      '--set',
      'listeners.line-udp.mtu=9',
    ];
    const result = await runKcpgate([...wrong, '--set', 'common.log_levl=info']);
    expect(result.code).toBe(2);
    expect(result.errorOutput).toContain('--set listeners.line-udp.mtu: ');
    expect(result.errorOutput).toContain('did you mean "common.log_level"?');
    const asJson = await runKcpgate([...wrong, '--json']);
    expect(asJson.code).toBe(2);
    expect(JSON.parse(asJson.output)).toMatchObject({
      ok: false,
      errors: [{ path: 'listeners[0].mtu', source: '--set listeners.line-udp.mtu' }],
    });
  });

  test('--print gives a file that means the same', async () => {
    const result = await runKcpgate([
      'check',
      '-c',
      'examples/gateway.yaml',
      '--set',
      'common.drain_timeout=90s',
      '--print',
    ]);
    const original = loadConfig({ file: 'examples/gateway.yaml', env: {} });
    const printed = loadConfig({ text: result.output, env: {} });
    if (!original.ok || !printed.ok) throw new Error(result.output + result.errorOutput);
    expect(printed.config).toEqual({
      ...original.config,
      common: { ...original.config.common, drainTimeoutMs: 90_000 },
    });
  });

  test('--schema prints the JSON Schema', async () => {
    const result = await runKcpgate(['check', '--schema']);
    expect(JSON.parse(result.output)).toMatchObject({
      type: 'object',
      properties: { common: {}, listeners: {}, upstreams: {}, routes: {} },
    });
  });

  test('flags go before the environment, that before the file', async () => {
    const environment = { KCPGATE_COMMON_NODE_ID: 'env', KCPGATE_COMMON_LOG_LEVEL: 'warn' };
    const result = await runKcpgate(
      ['check', '-c', 'examples/gateway.yaml', '--log-level', 'error', '--print'],
      environment,
    );
    expect(result.output).toContain('node_id: env');
    expect(result.output).toContain('log_level: error');
  });
});

describe('the command', () => {
  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await runKcpgate(['--version'])).toMatchObject({ code: 0, output: `${version}\n` });
  });

  test('help is no failure; wrong usage ends with 2', async () => {
    const help = await runKcpgate(['--help']);
    expect(help.code).toBe(0);
    expect(help.output).toContain('Exit codes:');
    expect(help.output).not.toContain('\u001b');
    for (const wrong of [
      ['nonsense'],
      ['check', '--nonsense'],
      ['connect'],
      ['completion', 'tcsh'],
      ['serve', '--set', 'x'],
    ]) {
      const result = await runKcpgate(wrong);
      expect(result, wrong.join(' ')).toMatchObject({ code: 2, output: '' });
      expect(result.errorOutput).toContain('error: ');
    }
  });

  test('config-doc prints the tables of the documentation', async () => {
    const { output } = await runKcpgate(['config-doc']);
    expect(readFileSync('docs/configuration.md', 'utf8')).toContain(output.trim());
  });
});

describe('completion', () => {
  test('bash completes commands, options and choices', async () => {
    const { output } = await runKcpgate(['completion', 'bash']);
    expect(completeInBash(output, 'kcpgate se')).toEqual(['serve']);
    expect(completeInBash(output, 'kcpgate check --sch')).toEqual(['--schema']);
    expect(completeInBash(output, 'kcpgate serve --preset fast')).toEqual(['fast', 'fast2', 'fast3']);
    expect(completeInBash(output, 'kcpgate completion z')).toEqual(['zsh']);
    expect(completeInBash(output, 'kcpgate serve -c exam')).toEqual([]);
  });

  test('zsh and fish know every command and option', async () => {
    for (const shell of ['zsh', 'fish'] as const) {
      const { output } = await runKcpgate(['completion', shell]);
      for (const word of ['serve', 'connect', 'check', 'bench', 'schema', 'preset', 'fast3']) {
        expect(output, shell).toContain(word);
      }
    }
  });
});

/** How each shell reads a script without running it. */
const PARSERS = [
  { shell: 'bash', options: ['-n'] },
  { shell: 'zsh', options: ['-f', '-n'] },
  { shell: 'fish', options: ['--no-config', '--no-execute'] },
] as const;

describe.each(PARSERS)('$shell', ({ shell, options }) => {
  test.runIf(isInstalled(shell))('can parse its completion', async () => {
    const { output } = await runKcpgate(['completion', shell]);
    expect(parse(shell, options, output)).toEqual({ status: 0, stderr: '' });
    expect(parse(shell, options, `${output}'`)).not.toEqual({ status: 0, stderr: '' });
  });
});

function parse(shell: string, options: readonly string[], script: string): object {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-completion-'));
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, script);
  const { status, stderr } = spawnSync(shell, [...options, file], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return { status, stderr };
}

function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

/** What bash would offer for a command line with the cursor at its end. */
function completeInBash(script: string, line: string): string[] {
  const words = line.split(' ');
  const probe = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${String(words.length - 1)}
_kcpgate
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', probe], { encoding: 'utf8' })
    .split('\n')
    .filter((word) => word !== '');
}
