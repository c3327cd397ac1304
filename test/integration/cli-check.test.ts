import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { runKcpgate } from '../support/kcpgate-command.ts';

describe('check', () => {
  test('says ok and counts', async () => {
    const result = await runKcpgate(['check', '-c', 'examples/gateway.yaml']);
    expect(result).toMatchObject({
      code: 0,
      output: 'examples/gateway.yaml: ok (5 listeners, 2 upstreams, 2 routes)\n',
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

  test('--print shows no secret', async () => {
    const key = '0123456789abcdef'.repeat(4);
    const secrets = {
      KCPGATE_COMMON_ADMIN_TOKEN: 'admin-s3cr3t-0123',
      KCPGATE_LOGIN_TICKET_KEYS: `1:${key}`,
      KCPGATE_LOGIN_RESET_KEY: key,
      KCPGATE_LOGIN_TOKENS: 'alice:alice-s3cr3t-0123',
      KCPGATE_LOGIN_JWT_SECRET: 'jwt-s3cr3t-0123456789-0123456789',
    };
    const text = await runKcpgate(['check', '--print'], secrets);
    expect(parseYaml(text.output)).toMatchObject({
      common: { admin_token: '***' },
      login: {
        ticket_keys: [{ id: 1, key: '***' }],
        reset_key: '***',
        tokens: [{ subject: 'alice', token: '***' }],
        jwt: { secret: '***', algorithms: ['HS256'] },
      },
    });
    const json = await runKcpgate(['check', '--print', '--json'], secrets);
    for (const output of [text.output, text.errorOutput, json.output])
      expect(output).not.toMatch(/s3cr3t|0123456789abcdef/);
  });

  test('--bind moves all listeners of the embedded default, and with port 0 leaves no port fixed', async () => {
    const moved = await runKcpgate(['check', '--print', '--bind', '127.0.0.2:5000']);
    expect(parseYaml(moved.output)).toMatchObject({
      common: { admin_addr: '127.0.0.1:8888' },
      listeners: [
        { name: 'line-udp', bind: '127.0.0.2:5000' },
        { name: 'line-tcp', bind: '127.0.0.2:5000' },
        { name: 'http', bind: '127.0.0.2:8080' },
      ],
    });
    const free = await runKcpgate(['check', '--print', '--bind', '[::1]:0']);
    expect(parseYaml(free.output)).toMatchObject({
      common: { admin_addr: '127.0.0.1:0' },
      listeners: [{ bind: '[::1]:0' }, { bind: '[::1]:0' }, { bind: '[::1]:0' }],
    });
    const wrong = await runKcpgate(['check', '--bind', 'localhost:0']);
    expect(wrong.errorOutput).toMatch(
      /^--bind: listeners\[0\].bind: "localhost:0" does not begin with an IP/,
    );
  });

  test('--schema prints the JSON Schema', async () => {
    const result = await runKcpgate(['check', '--schema']);
    expect(JSON.parse(result.output)).toMatchObject({
      type: 'object',
      properties: {
        common: {},
        listeners: {},
        sessions: {},
        login: {},
        peers: {},
        upstreams: {},
        routes: {},
      },
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
    expect(completeInBash(output, 'kcpgate se')).toEqual(['serve', 'sessions']);
    expect(completeInBash(output, 'kcpgate check --sch')).toEqual(['--schema']);
    expect(completeInBash(output, 'kcpgate serve --preset fast')).toEqual(['fast', 'fast2', 'fast3']);
    expect(completeInBash(output, 'kcpgate completion z')).toEqual(['zsh']);
    expect(completeInBash(output, 'kcpgate token in')).toEqual(['inspect']);
    expect(completeInBash(output, 'kcpgate inspect --follow')).toEqual(['--follow', '--follow-session']);
    expect(completeInBash(output, 'kcpgate token jwt --sec')).toEqual(['--secret-file']);
    expect(completeInBash(output, 'kcpgate token ticket --seal cl')).toEqual(['clear']);
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
