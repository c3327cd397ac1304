import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cpuSeconds, residentBytes, startProgram, type RunningProgram } from './process.ts';

describe('a running program', () => {
  test('hands out its JSON lines by event, in order, and ignores other lines', async () => {
    const program = script(`
      console.log('not JSON'); console.log('7');
      for (const n of [1, 2]) console.log(JSON.stringify({ event: 'tick', n }));
      console.log(JSON.stringify({ event: 'done' }));
    `);
    expect(await program.nextEvent('done')).toEqual({ event: 'done' });
    expect([(await program.nextEvent('tick')).n, (await program.nextEvent('tick')).n]).toEqual([1, 2]);
    expect(await program.exit).toEqual({ code: 0, signal: null });
  });

  test('rejects whoever waits when it ends early, with what it wrote to standard error', async () => {
    const program = script(`console.error('no such luck'); process.exitCode = 4;`);
    await expect(program.nextEvent('never')).rejects.toThrow('no such luck');
    await expect(program.nextEvent('never')).rejects.toThrow('ended before');
    expect(await program.exit).toEqual({ code: 4, signal: null });
  });

  test('rejects whoever waits too long', async () => {
    const program = script(`setInterval(() => {}, 1000)`);
    await expect(program.nextEvent('never', 20)).rejects.toThrow('no "never" in 20 ms');
    await program.stop();
  });

  test('reports a command that does not exist', async () => {
    const program = startProgram('/no/such/command', []);
    await expect(program.nextEvent('any')).rejects.toThrow('ENOENT');
    expect(await program.exit).toEqual({ code: null, signal: null });
    await program.stop();
  });

  test('is asked to stop, then killed', async () => {
    const polite = script(`process.on('SIGTERM', () => process.exit(5)); ${READY}`);
    await polite.nextEvent('ready');
    expect(await polite.stop(20_000)).toEqual({ code: 5, signal: null });

    const deaf = script(`process.on('SIGTERM', () => {}); ${READY}`);
    await deaf.nextEvent('ready');
    expect(await deaf.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(existsSync(`/proc/${String(deaf.pid)}`)).toBe(false);
  });

  test('can be asked for its processor time and memory', async () => {
    const program = script(`while (process.cpuUsage().user < 150_000); ${READY}`);
    await program.nextEvent('ready');
    expect(cpuSeconds(program.pid)).toBeGreaterThan(0.05);
    expect(residentBytes(program.pid)).toBeGreaterThan(1 << 20);
    await program.stop();
    expect(() => cpuSeconds(program.pid)).toThrow();
  });
});

const READY = `console.log(JSON.stringify({ event: 'ready' })); setInterval(() => {}, 1000);`;

function script(source: string): RunningProgram {
  return startProgram(process.execPath, ['-e', source]);
}
