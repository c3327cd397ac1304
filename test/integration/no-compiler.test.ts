import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runKcpgate } from '../support/kcpgate-command.ts';
import { PackageCopy } from '../support/package-copy.ts';

let copy: PackageCopy;
beforeEach(async () => {
  // The copy takes what is compiled.
  await runKcpgate(['--version']);
  copy = new PackageCopy();
});
afterEach(() => {
  copy.remove();
});

/** Runs a script of the copy. @param path folders with programs. */
function run(path: string, ...args: readonly string[]) {
  const environment = { HOME: copy.folder, PATH: path, KCPGATE_NATIVE: 'on' };
  const options = { cwd: copy.folder, encoding: 'utf8', env: environment } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  return { status, stdout, stderr };
}

function doctor(path: string): { findings: { check: string; status: string; text: string }[] } {
  const { status, stdout, stderr } = run(path, copy.path('dist/tools/kcpgate/main.js'), 'doctor', '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as ReturnType<typeof doctor>;
}

/** A folder with nothing on it but these programs, taken from the real PATH. */
function onlyPrograms(...names: readonly string[]): string {
  const folder = copy.path('programs');
  mkdirSync(folder);
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const name of names) {
    const file = folders.map((path) => `${path}/${name}`).find((path) => existsSync(path));
    if (file !== undefined) symlinkSync(file, `${folder}/${name}`);
  }
  return folder;
}

const LOG = 'native-bindings/build-error.log';
const ADDON = 'native-bindings/build/Release/kcpgate.node';

const hasCompiler = ['g++', 'make', 'python3'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);

describe.runIf(process.platform === 'linux')('a build', () => {
  test('without a compiler ends well and says why, and doctor says it, too', () => {
    const path = onlyPrograms('sh', 'npm');
    const build = run(path, 'tools/build-native.mjs');
    const reason = 'no C++ compiler (g++), no make (make), no Python (python3) on the PATH';
    expect(build).toEqual({
      status: 0,
      stdout: `native addon: not built, JavaScript does the work: ${reason}\n`,
      stderr: '',
    });
    expect(run(path, 'tools/build-native.mjs', '--strict').status).toBe(1);
    const native = doctor(path).findings.find(({ check }) => check === 'native addon');
    expect(native).toMatchObject({ status: 'warning', text: expect.stringContaining(reason) as string });
  });

  test.runIf(hasCompiler)('without a folder for temporary files ends well and says why', () => {
    const build = spawnSync(process.execPath, ['tools/build-native.mjs'], {
      cwd: copy.folder,
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: copy.path('nowhere') },
    });
    expect(build).toMatchObject({ status: 0, stderr: '' });
    expect(build.stdout).toMatch(/not built, JavaScript does the work: ENOENT.*nowhere/);
  });

  test('without one leaves no addon of other sources behind', () => {
    mkdirSync(copy.path('native-bindings/build/Release'), { recursive: true });
    writeFileSync(copy.path(ADDON), 'of other sources');
    expect(run(onlyPrograms('npm'), 'tools/build-native.mjs').status).toBe(0);
    expect(existsSync(copy.path(ADDON))).toBe(false);
  });
});

describe.runIf(process.platform === 'linux' && hasCompiler)('a build with a compiler', () => {
  const path = process.env.PATH ?? '';

  test('that finds an error says which in one line and keeps the rest', { timeout: 60_000 }, () => {
    appendFileSync(copy.path('native-bindings/src/addon.cc'), '\nint wrong = ;\n');
    const build = run(path, 'tools/build-native.mjs');
    expect(build.status).toBe(0);
    expect(build.stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/not built.*addon\.cc:\d+:.*error: /),
    ]);
    expect(readFileSync(copy.path(LOG), 'utf8').split('\n').length).toBeGreaterThan(3);
  });

  test('works, is not repeated, and is repeated when a source changed', { timeout: 120_000 }, () => {
    expect(run(path, 'tools/build-native.mjs', '--strict')).toMatchObject({
      status: 0,
      stdout: 'native addon: built build/Release/kcpgate.node\n',
    });
    expect(doctor(path).findings[0]).toMatchObject({
      status: 'ok',
      text: expect.stringContaining(copy.path(ADDON)) as string,
    });
    expect(run(path, 'tools/build-native.mjs').stdout).toBe('native addon: up to date\n');
    appendFileSync(copy.path('native-bindings/src/addon.cc'), '// changed\n');
    rmSync(copy.path('native-bindings/src/aead-binding.cc'));
    expect(run(path, 'tools/build-native.mjs').stdout).toContain('not built');
    expect(existsSync(copy.path(ADDON))).toBe(false);
  });
});
