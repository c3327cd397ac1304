import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadNativeBindings, nativeFolder, nativeLoadWarning } from '../../../native-bindings/load.ts';
import { platformName } from '../../../native-bindings/platform.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-load-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('musl and glibc are told apart', () => {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const usesMusl = process.platform === 'linux' && header.glibcVersionRuntime === undefined;
  expect(platformName()).toBe(`${process.platform}-${process.arch}${usesMusl ? '-musl' : ''}`);
});

/** The two places an addon may be in, best first. */
const BUILT = 'build/Release/kcpgate.node';
const PREBUILT = `prebuilds/${platformName()}/kcpgate.node`;

function place(path: string, content: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

test.each(['off', 'OFF', '0', 'false'])('KCPGATE_NATIVE=%s turns it off', (mode) => {
  place(BUILT, 'garbage');
  expect(loadNativeBindings(mode, folder)).toEqual({ status: 'off', reason: `KCPGATE_NATIVE=${mode}` });
});

test.each(['on', 'auto', '1', 'true', ''])('KCPGATE_NATIVE=%s leaves it on', (mode) => {
  expect(loadNativeBindings(mode, folder).status).toBe('missing');
});

test('the environment decides by default', () => {
  vi.stubEnv('KCPGATE_NATIVE', 'off');
  expect(loadNativeBindings().status).toBe('off');
});

describe('missing', () => {
  test('says for which platform', () => {
    expect(loadNativeBindings('on', folder)).toEqual({
      status: 'missing',
      reason:
        process.platform === 'linux'
          ? `none was built for ${platformName()}`
          : `there is none for ${process.platform}`,
    });
  });

  test.runIf(process.platform === 'linux')('repeats why the build failed', () => {
    place('build-error.log', 'no C++ compiler (g++) on the PATH\n\nand much more\n');
    expect(loadNativeBindings('on', folder)).toEqual({
      status: 'missing',
      reason: 'no C++ compiler (g++) on the PATH',
    });
  });

  test('a prebuilt one of another kind of machine is not tried', () => {
    const other = platformName().endsWith('-musl') ? platformName().slice(0, -5) : `${platformName()}-musl`;
    place(`prebuilds/${other}/kcpgate.node`, 'garbage');
    expect(loadNativeBindings('on', folder).status).toBe('missing');
  });
});

describe('broken', () => {
  test.each([BUILT, PREBUILT])('%s that is no addon: the reason of the system and the file', (path) => {
    const file = place(path, 'garbage');
    expect(loadNativeBindings('on', folder)).toEqual({
      status: 'broken',
      reason: expect.stringContaining(file) as string,
    });
  });

  test('the first reason counts', () => {
    const file = place(BUILT, 'garbage');
    place(PREBUILT, 'garbage');
    expect(loadNativeBindings('on', folder)).toEqual({
      status: 'broken',
      reason: expect.stringContaining(file) as string,
    });
  });
});

test('only what is broken is worth a warning', () => {
  expect(nativeLoadWarning({ status: 'missing', reason: 'x' })).toBeUndefined();
  expect(nativeLoadWarning({ status: 'off', reason: 'x' })).toBeUndefined();
  expect(nativeLoadWarning({ status: 'broken', reason: 'file too short' })).toContain('file too short');
});

test('the folder of this package', () => {
  expect(resolve(nativeFolder())).toBe(fileURLToPath(new URL('../../../native-bindings', import.meta.url)));
});

const HEADERS = join(dirname(process.execPath), '../include/node');

/** Compiles an addon that has nothing but a version. */
function compile(path: string, version: number): string {
  const source = place('addon.c', addonSource(version));
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  const flags = ['-shared', '-fPIC', `-I${HEADERS}`, '-o', file, source];
  const { status, stderr } = spawnSync('cc', flags, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return file;
}

function addonSource(version: number): string {
  return `#include <node_api.h>
NAPI_MODULE_INIT() {
  napi_value version;
  napi_create_int32(env, ${String(version)}, &version);
  napi_set_named_property(env, exports, "version", version);
  return exports;
}
`;
}

const canCompile = spawnSync('cc', ['-E', '-x', 'c', '-', `-I${HEADERS}`], {
  input: '#include <node_api.h>',
});
describe.runIf(canCompile.status === 0)('an addon', () => {
  test('of another version is refused', () => {
    const file = compile(BUILT, 1_000_000);
    expect(loadNativeBindings('on', folder)).toEqual({
      status: 'broken',
      reason: `${file} has version 1000000, not 1`,
    });
  });

  test('that is right is loaded; the one built here goes before the prebuilt one', () => {
    const prebuilt = compile(PREBUILT, 1);
    expect(loadNativeBindings('on', folder)).toMatchObject({ status: 'loaded', file: prebuilt });
    const built = compile(BUILT, 1);
    expect(loadNativeBindings('on', folder)).toMatchObject({ status: 'loaded', file: built });
  });

  test('that is right replaces one that cannot be loaded', () => {
    place(BUILT, 'garbage');
    const file = compile(PREBUILT, 1);
    expect(loadNativeBindings('on', folder)).toMatchObject({
      status: 'loaded',
      file,
      bindings: { version: 1 },
    });
  });
});
