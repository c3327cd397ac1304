import { expect, it } from 'vitest';
import { runCommand } from '../../../../../tools/kcpgate/upstream-check/run-command.ts';

it('a command ends with its exit code and the end of what it printed', async () => {
  expect(await runCommand(['sh', '-c', 'echo out; echo error >&2'], 10_000)).toEqual({
    ok: true,
    text: 'exit code 0: out\nerror',
  });
  expect(await runCommand(['sh', '-c', 'exit 3'], 10_000)).toEqual({ ok: false, text: 'exit code 3' });
  expect(await runCommand(['sh', '-c', 'kill -9 $$'], 10_000)).toEqual({
    ok: false,
    text: 'ended by SIGKILL',
  });
  const long = await runCommand(['sh', '-c', 'yes | head -c 1000000; echo end'], 10_000);
  expect(long.text.length).toBeLessThan(5000);
  expect(long.text).toMatch(/end$/);
});

it('no shell reads it', async () => {
  expect(await runCommand(['echo', '$HOME; exit 1', '*'], 10_000)).toEqual({
    ok: true,
    text: 'exit code 0: $HOME; exit 1 *',
  });
});

it('one that cannot be run, or does not end, is a failure', async () => {
  expect(await runCommand(['/nowhere/nginx', '-t'], 10_000)).toMatchObject({
    ok: false,
    text: expect.stringContaining('ENOENT') as string,
  });
  expect(await runCommand(['sleep', '60'], 50)).toEqual({ ok: false, text: 'killed after 50 ms' });
  // What it leaves behind holds its output, and is not waited for.
  expect(await runCommand(['sh', '-c', 'sleep 2 & exit 0'], 10_000)).toMatchObject({ ok: true });
});
