/**
 * Builds the native addon, for `prepare`, `npm run build:native` and `npm run build:prebuild`.
 *
 *     node tools/build-native.mjs              never fails: without the addon JavaScript does the work
 *     node tools/build-native.mjs --strict     exit code 1 when it could not be built
 *     node tools/build-native.mjs --verbose    also prints what the compiler said
 *     node tools/build-native.mjs --force      although nothing changed since the last build
 *     node tools/build-native.mjs --prebuild   for other machines: stripped, into native-bindings/prebuilds
 *
 * Needs g++, make and Python. The headers are those the running Node came with, so nothing is downloaded. When it fails,
 * one line says why; native-bindings/build-error.log keeps everything, and `kcpgate doctor` knows it, too.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BuildFailure, compileAddon } from './native/compile-addon.mjs';
import { sourceHash } from './native/source-hash.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'native-bindings');
const errorLog = join(folder, 'build-error.log');
const { values: options } = parseArgs({
  options: {
    strict: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
    prebuild: { type: 'boolean', default: false },
  },
});
const addon = join(folder, options.prebuild ? await prebuildFolder() : 'build/Release', 'kcpgate.node');
const stamp = join(dirname(addon), 'kcpgate.hash');

const hash = sourceHash(folder);
if (!options.force && !options.prebuild && isBuilt(hash)) {
  console.log('native addon: up to date');
} else {
  try {
    build();
    console.log(`native addon: built ${addon.slice(folder.length + 1)}`);
  } catch (error) {
    // Anything else that fails is a file that cannot be read or written: no reason to end an install either.
    giveUp(error instanceof BuildFailure ? error : new BuildFailure(error.message));
  }
}

/** The loader looks for it there. */
async function prebuildFolder() {
  const { platformName } = await import('../dist/native-bindings/platform.js');
  return join('prebuilds', platformName());
}

function isBuilt(hash) {
  return existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
}

function build() {
  // An addon of other sources must not be taken for one of these, whatever becomes of this build.
  rmSync(stamp, { force: true });
  const output = compileAddon(folder, addon, { portable: options.prebuild });
  if (options.verbose) console.log(output);
  // What is packed has no use for a stamp.
  if (!options.prebuild) writeFileSync(stamp, hash);
  rmSync(errorLog, { force: true });
}

function giveUp({ message, output }) {
  try {
    rmSync(addon, { force: true });
    writeFileSync(errorLog, `${message}\n${output === '' ? '' : `\n${output}`}`);
  } catch (error) {
    console.log(`native addon: ${error.message}`);
  }
  if (options.verbose && output !== '') console.log(output);
  const more = output === '' ? '' : '; native-bindings/build-error.log has the rest';
  console.log(`native addon: not built, JavaScript does the work: ${message}${more}`);
  if (options.strict) process.exitCode = 1;
}
