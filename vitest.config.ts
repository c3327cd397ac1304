import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Processes, not threads: socket handles, signals and environment of one file never reach another.
    pool: 'forks',
    // Much of a test is waiting, so three at a time also where there are only two processors.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    globalSetup: ['test/support/report-peers.ts'],
    // Generous, because machines differ: a limit only stops what hangs. Slower tests state their own.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The usual second is what a busy machine may need for one turn.
    expect: { poll: { timeout: 20_000 } },
    teardownTimeout: 10_000,
    restoreMocks: true,
    unstubEnvs: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'tools/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
    },
  },
});
