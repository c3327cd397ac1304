import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { cpuSeconds, processUsage } from '../../../../../tools/kcpgate/bench/process-usage.ts';

test.skipIf(!existsSync('/proc/self/stat'))(
  'what /proc says of another process is what that process is told by getrusage',
  async () => {
    const program = `
      const { readdirSync } = require('node:fs');
      let used = process.cpuUsage();
      while (used.user < 100_000 || used.system < 50_000) {
        readdirSync('/proc');
        used = process.cpuUsage();
      }
      const tell = ({ user, system }) => console.log((user + system) / 1e6);
      tell(used);
      process.stdin.on('data', () => tell(process.cpuUsage()));`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const lines = createInterface({ input: child.stdout });
      const [before] = (await once(lines, 'line')) as [string];
      const seen = processUsage(child.pid!)!;
      child.stdin.write('and now?');
      const [after] = (await once(lines, 'line')) as [string];
      expect(seen.cpu.userSeconds).toBeGreaterThan(0);
      expect(seen.cpu.systemSeconds).toBeGreaterThan(0);
      // Two figures in steps of 10 ms, which are cut off.
      expect(cpuSeconds(seen.cpu)).toBeGreaterThan(Number(before) - 0.03);
      expect(cpuSeconds(seen.cpu)).toBeLessThan(Number(after) + 0.01);
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
