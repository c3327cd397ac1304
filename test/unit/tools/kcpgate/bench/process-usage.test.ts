import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cpuSeconds, processUsage } from '../../../../../tools/kcpgate/bench/process-usage.ts';

test.skipIf(!existsSync('/proc/self/stat'))(
  'what /proc says of another process is what that process is told by getrusage',
  async () => {
    const program = `
      const until = Date.now() + 300;
      while (Date.now() < until) require('node:fs').readdirSync('/proc');
      const { user, system } = process.cpuUsage();
      process.stdout.write(String((user + system) / 1e6));
      process.stdin.resume();`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const [output] = (await once(child.stdout, 'data')) as [Buffer];
      const seen = processUsage(child.pid!)!;
      expect(seen.cpu.userSeconds).toBeGreaterThan(0);
      expect(seen.cpu.systemSeconds).toBeGreaterThan(0);
      // Steps of 10 ms each, and what it took to write the answer.
      expect(Math.abs(cpuSeconds(seen.cpu) - Number(output))).toBeLessThan(0.05);
      expect(seen.residentBytes).toBeGreaterThan(10 * 1024 * 1024);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  },
);

test('a process that is gone has no usage', () => {
  expect(processUsage(2 ** 30)).toBeUndefined();
});
