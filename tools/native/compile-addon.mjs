import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { tooNewSymbols } from './symbol-versions.mjs';
import { findHeaders, findNodeGyp, missingPrograms } from './toolchain.mjs';

/** The addon could not be built; `output` is what the compiler said, empty when it was not started. */
export class BuildFailure extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/**
 * Compiles the addon whose binding.gyp and src lie in `folder` to the file `addon`. It is built elsewhere and put in place
 * in one step, so that a process that has the old one loaded keeps it, and none ever finds half of one.
 * @param portable for other machines: nothing newer than Node itself needs, and no symbols but those that count.
 * @param sanitize sanitizers of the compiler, as `address,undefined`.
 * @returns what the compiler said. @throws BuildFailure with the reason in one line.
 */
export function compileAddon(folder, addon, { portable = false, sanitize = '' } = {}) {
  const { nodeGyp, headers } = requireTools();
  const workFolder = mkdtempSync(join(tmpdir(), 'kcpgate-native-'));
  try {
    for (const name of ['binding.gyp', 'src']) {
      cpSync(join(folder, name), join(workFolder, name), { recursive: true });
    }
    const variables = [`-Dportable=${portable ? 1 : 0}`, `-Dsanitize=${sanitize}`];
    const args = ['rebuild', '--release', '-C', workFolder, `--nodedir=${headers}`, '--', ...variables];
    const output = run(process.execPath, [nodeGyp, ...args], { JOBS: 'max' });
    const built = join(workFolder, 'build/Release/kcpgate.node');
    if (!existsSync(built)) throw new BuildFailure('the build gave no kcpgate.node', output);
    if (portable) makePortable(built);
    putInPlace(built, addon);
    return output;
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}

function requireTools() {
  if (process.platform !== 'linux') throw new BuildFailure(`there is none for ${process.platform}`);
  const missing = missingPrograms().map(([what, command]) => `no ${what} (${command})`);
  if (missing.length > 0) throw new BuildFailure(`${missing.join(', ')} on the PATH`);
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined) throw new BuildFailure('no node-gyp: npm, which brings it, is not on the PATH');
  const headers = findHeaders();
  if (headers === undefined) {
    throw new BuildFailure(
      `no headers of Node ${process.versions.node}: npm_config_nodedir=<folder> says which folder has include/node`,
    );
  }
  return { nodeGyp, headers };
}

function run(command, args, environment = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...environment },
  });
  const output = `${stdout ?? ''}${stderr ?? ''}`;
  if (error !== undefined) throw new BuildFailure(`${command}: ${error.message}`, output);
  if (status !== 0) throw new BuildFailure(reasonIn(output) ?? `${command} ended with ${status}`, output);
  return output;
}

/** The line of a long output that says what went wrong: the compiler's or linker's first error, else node-gyp's. */
function reasonIn(output) {
  const lines = output.split('\n');
  for (const pattern of [/(?:error|undefined reference|cannot find)\b.*/i, /gyp ERR! stack (.*)/]) {
    const found = lines.find(
      (line) => pattern.test(line) && !/^make|^gyp (?:info|ERR! (?!stack))/.test(line),
    );
    if (found !== undefined) return found.trim().slice(0, 200);
  }
  return undefined;
}

function makePortable(built) {
  run('strip', ['--strip-unneeded', built]);
  const tooNew = tooNewSymbols(run('objdump', ['-T', built]));
  if (tooNew.length > 0) throw new BuildFailure(`needs newer libraries than Node: ${tooNew.join(', ')}`);
}

function putInPlace(built, addon) {
  mkdirSync(dirname(addon), { recursive: true });
  const unfinished = `${addon}.${process.pid}`;
  copyFileSync(built, unfinished);
  renameSync(unfinished, addon);
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 300_000;
