/**
 * Prints `tests: N passed, N failed`, the sum over test runs.
 *
 * Each argument names a run: `<run>.json` is its report (vitest's JSON reporter), `<run>.exit` its exit code.
 * A run that failed without a failed test (a file that does not load, a crash, no report) counts as one failure.
 */
import { existsSync, readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
for (const run of process.argv.slice(2)) {
  const report = existsSync(`${run}.json`) ? JSON.parse(readFileSync(`${run}.json`, 'utf8')) : undefined;
  const failedTests = report?.numFailedTests ?? 0;
  const runFailed = report === undefined || readFileSync(`${run}.exit`, 'utf8').trim() !== '0';
  passed += report?.numPassedTests ?? 0;
  failed += runFailed ? Math.max(failedTests, 1) : failedTests;
}
console.log(`tests: ${passed} passed, ${failed} failed`);
