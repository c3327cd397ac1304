import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { describe, expect, it } from 'vitest';
import { execute, fuzz, type FuzzReport } from './kcp-input.ts';
import { formatProgram, parseProgram } from './kcp-program.ts';

/*
 * Attacks the KCP engine with hostile datagrams and odd sequences of operations. In a normal run: the kept corpus, then a
 * fixed number of new programs. With KCPGATE_FUZZ_SECONDS=<n>: for that long with a fresh seed; what it discovers goes into the
 * corpus folder.
 */

const CORPUS = join(import.meta.dirname, 'corpus', 'kcp-input');
const SHORT_EXECUTIONS = 3000;

const seconds = Number(env.KCPGATE_FUZZ_SECONDS ?? 0);
const isLong = seconds > 0;
const seed = env.KCPGATE_SEED !== undefined ? Number(env.KCPGATE_SEED) : isLong ? Date.now() : 1;

mkdirSync(CORPUS, { recursive: true });
const kept = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => ({ name, program: parseProgram(readFileSync(join(CORPUS, name), 'utf8')) }));

describe('the engine under attack', () => {
  it.each(kept)('keeps its promises in $name', ({ program }) => {
    expect(execute(program).failure).toBeUndefined();
  });

  it(
    'keeps its promises in programs made up on the spot',
    () => {
      const report = fuzz({
        seed,
        maxExecutions: isLong ? Infinity : SHORT_EXECUTIONS,
        maxSeconds: isLong ? seconds : Infinity,
        corpus: kept.map(({ program }) => program),
        onProgress: (progress) => {
          if (isLong) console.log(summary(progress));
        },
      });
      console.log(summary(report));
      if (isLong) keep(report);
      const findings = report.findings.map(({ program, text }) => formatProgram(program, text)).join('\n');
      expect(findings, `seed ${String(seed)}; run it again with KCPGATE_SEED=${String(seed)}`).toBe('');
      expect(report.features.size).toBeGreaterThan(20);
    },
    (seconds + 60) * 1000,
  );
});

function summary(report: FuzzReport): string {
  const { executions, operations, elapsedMs, features, findings } = report;
  return (
    `fuzz kcp-input: seed ${String(seed)}, ${String(executions)} executions, ${String(operations)} operations, ` +
    `${(elapsedMs / 1000).toFixed(1)} s, ${String(features.size)} features, ${String(findings.length)} findings`
  );
}

function keep(report: FuzzReport): void {
  for (const { program, feature } of report.discoveries) {
    const name = `${feature.replaceAll(/[^a-z0-9]+/giu, '-').toLowerCase()}.txt`;
    if (kept.some((one) => one.name === name)) continue;
    writeFileSync(join(CORPUS, name), formatProgram(program, `first to show: ${feature}`));
  }
  for (const [index, { program, text }] of report.findings.entries()) {
    const name = `finding-${String(seed)}-${String(index)}.txt`;
    writeFileSync(join(CORPUS, name), formatProgram(program, `finding: ${text}`));
  }
}
