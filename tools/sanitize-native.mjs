/**
 * Runs the tests of the native addon with the compiler's sanitizers (`npm run test:sanitize`): memory errors, undefined
 * behaviour and leaks of the addon are failures.
 *
 *     node tools/sanitize-native.mjs                   the addon's own tests
 *     node tools/sanitize-native.mjs test/contract     other tests, as vitest takes them
 *
 * Works on a copy of the sources, so that the addon everybody else uses stays as it is. Linux with g++ only.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileAddon } from './native/compile-addon.mjs';
import { findingsIn } from './native/sanitizer-report.mjs';

const TIMEOUT_MS = 600_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const tests = process.argv.length > 2 ? process.argv.slice(2) : ['test/contract', 'test/unit/native'];
const copy = mkdtempSync(join(tmpdir(), 'kcpgate-sanitize-'));
try {
  copySources();
  const folder = join(copy, 'native-bindings');
  compileAddon(folder, join(folder, 'build/Release/kcpgate.node'), { sanitize: 'address,undefined' });
  const status = runTests();
  const findings = findingsIn(readReports());
  for (const finding of findings) console.log(`\n${finding}`);
  console.log(`sanitizers: ${findings.length} findings, tests ${status === 0 ? 'passed' : 'FAILED'}`);
  process.exitCode = status === 0 && findings.length === 0 ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function copySources() {
  for (const name of ['package.json', 'vitest.config.ts', 'tsconfig.json', 'src', 'test', 'tools']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  const generated = /native-bindings\/(build|prebuilds)/;
  cpSync(join(root, 'native-bindings'), join(copy, 'native-bindings'), {
    recursive: true,
    filter: (path) => !generated.test(path),
  });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir');
  mkdirSync(join(copy, 'reports'));
}

/** The sanitizers write down what they find: a test may well pass in spite of it. */
function runTests() {
  const log = join(copy, 'reports/report');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  // Threads: a process of a pool is killed at its end, before leaks are looked for. One at a time: they share what is counted.
  const options = ['--pool=threads', '--maxWorkers=1'];
  const { status } = spawnSync(process.execPath, [vitest, 'run', ...options, ...tests], {
    cwd: copy,
    stdio: 'inherit',
    timeout: TIMEOUT_MS,
    env: {
      ...process.env,
      KCPGATE_NATIVE: 'on',
      LD_PRELOAD: [runtime('libasan.so'), runtime('libubsan.so')].join(' '),
      // Freed memory is kept for a while, to catch who still uses it: little, for tests that look at the memory in use.
      ASAN_OPTIONS: `log_path=${log}:detect_leaks=1:quarantine_size_mb=16`,
      // Leaks of Node itself must not fail the process; those of the addon are sorted out of the report.
      LSAN_OPTIONS: 'exitcode=0:print_suppressions=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  });
  return status;
}

function runtime(library) {
  const compiler = process.env.CXX?.split(' ')[0] ?? 'g++';
  return spawnSync(compiler, [`-print-file-name=${library}`], { encoding: 'utf8' }).stdout.trim();
}

function readReports() {
  const folder = join(copy, 'reports');
  return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
}
