/**
 * Builds the native addon, for `npm run build:native` and for `prepare`.
 *
 *     node tools/build-native.mjs            never fails: without the addon JavaScript does the work
 *     node tools/build-native.mjs --strict   exit code 1 when it could not be built
 *
 * Needs g++, make and Python. The headers are those the running Node came with, so nothing is downloaded.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'native-bindings');
const strict = process.argv.includes('--strict');

const args = ['rebuild', '-C', folder, '--release', '--silent'];
const prefix = resolve(dirname(process.execPath), '..');
if (existsSync(join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`);
const { status, error } = spawnSync('node-gyp', args, { stdio: 'inherit' });
if (status !== 0) {
  console.log(
    `native addon: not built (${error?.message ?? `node-gyp ended with ${status}`}); JavaScript will be used`,
  );
  if (strict) process.exitCode = 1;
}
