/**
 * Names the tests that failed in any of the runs, each with what it said, so that the end of a long log tells all;
 * then prints `tests: N passed, N failed`, the sum over the runs.
 *
 * Each argument names a run: `<run>.json` is its report (vitest's JSON reporter), `<run>.exit` its exit code.
 * A run that failed without a failed test (a file that does not load, a crash, no report) counts as one failure.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';

/** Enough of a failure to see what was expected; the whole stands where the test ran. */
const MESSAGE_LINES = 12;

let passed = 0;
let failed = 0;
for (const run of process.argv.slice(2)) {
  const report = existsSync(`${run}.json`) ? JSON.parse(readFileSync(`${run}.json`, 'utf8')) : undefined;
  const failedTests = report?.numFailedTests ?? 0;
  const runFailed = report === undefined || readFileSync(`${run}.exit`, 'utf8').trim() !== '0';
  passed += report?.numPassedTests ?? 0;
  failed += runFailed ? Math.max(failedTests, 1) : failedTests;
  for (const file of report?.testResults ?? []) {
    printFailures(basename(run), file);
  }
}
console.log(`tests: ${passed} passed, ${failed} failed`);

/** A file that does not load has a message of its own and no tests. */
function printFailures(run, file) {
  const failures = file.assertionResults.filter((test) => test.status === 'failed');
  const path = relative('.', file.name);
  if (failures.length === 0 && file.status === 'failed') {
    printFailure(`${run}: ${path}`, file.message);
  }
  for (const { fullName, failureMessages } of failures) {
    printFailure(`${run}: ${path}: ${fullName}`, failureMessages.join('\n'));
  }
}

function printFailure(title, message) {
  console.log(`failed: ${title}`);
  const lines = message.split('\n').filter((line) => !line.includes('node_modules'));
  for (const line of lines.slice(0, MESSAGE_LINES)) {
    console.log(`    ${line}`);
  }
}
