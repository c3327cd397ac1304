import { expect, test } from 'vitest';
import { runKcpgate } from '../support/kcpgate-command.ts';

interface Result {
  readonly receivedBytes: number;
  readonly hashesEqual: boolean;
  readonly sentSha256: string;
  readonly receivedSha256: string;
  readonly toGateway: { readonly lost: number };
  readonly error?: string;
}

const MIB = 1024 * 1024;

test('the demo carries every byte there and back through a bad network', { timeout: 60_000 }, async () => {
  const { code, output, errorOutput } = await runKcpgate(['demo', '--size', '1MiB', '--json']);
  expect([code, errorOutput]).toEqual([0, '']);
  const result = JSON.parse(output) as Result;
  expect(result).toMatchObject({ receivedBytes: MIB, hashesEqual: true });
  expect(result.receivedSha256).toBe(result.sentSha256);
  expect(result.toGateway.lost).toBeGreaterThan(0);
});

test('the demo tells people what happened', { timeout: 60_000 }, async () => {
  const { code, output } = await runKcpgate(['demo', '--size', '256KiB', '--loss', '1']);
  expect(code).toBe(0);
  expect(output).toMatch(/^0\.3 MiB to a gateway and back; .*1 % lost/);
  expect(output).toMatch(/^client sent again +\d+ overtaken \+ \d+ timed out/m);
  expect(output).toMatch(/^result +every byte came back as it was sent$/m);
});

test('the demo fails when not everything came back', { timeout: 60_000 }, async () => {
  const { code, output } = await runKcpgate(['demo', '--size', '1GiB', '--timeout', '1s', '--json']);
  expect(code).toBe(1);
  const result = JSON.parse(output) as Result;
  expect(result.hashesEqual).toBe(false);
  expect(result.error).toBe('not finished within 1000 ms');
});
