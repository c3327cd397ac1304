import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../../tools/flame-graph.mjs', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-flame-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** @returns the boxes of the picture: `name: share`, and where they begin and end. */
async function drawn(profile: string): Promise<Map<string, readonly [left: number, right: number]>> {
  const input = join(folder, 'profile');
  writeFileSync(input, profile);
  await promisify(execFile)(process.execPath, [PROGRAM, input, `${input}.svg`, '--title', 'a < b']);
  const svg = readFileSync(`${input}.svg`, 'utf8');
  expect(svg).toContain('a &#60; b');
  expect(svg.trimEnd().endsWith('</svg>')).toBe(true);
  const boxes = svg.matchAll(/<title>([^<]*)<\/title><rect x="([\d.]+)"[^>]*width="([\d.]+)"/g);
  return new Map([...boxes].map(([, title, x, width]) => [title!, [Number(x), Number(x) + Number(width)]]));
}

test('what perf printed: callers, kinds and shares', async () => {
  const boxes = await drawn(`node 7 1.0: cpu-clock:ppp:
\tffffffff81 udp_sendmsg ([kernel.kallsyms])
\t        10 __libc_sendmsg (/usr/lib/libc.so.6)
\t      7f00 JS:*flush file:///a/b/dist/src/carrier/node/udp.js:41:8 (/tmp/perf-7.map)

node 7 1.1: cpu-clock:ppp:
\t      7f10 JS:~drain file:///a/b/dist/src/session/session.js:10:5 (/tmp/perf-7.map)
\t      7f00 JS:*flush file:///a/b/dist/src/carrier/node/udp.js:41:8 (/tmp/perf-7.map)

node 7 1.2: cpu-clock:ppp:
\t        20 v8::internal::Heap::Scavenge(int) (/usr/bin/node)

node 7 1.3: cpu-clock:ppp:
\t        30 [unknown] (/x/kcpgate.node)
`);
  expect([...boxes.keys()].sort()).toEqual(
    [
      'node: 100.0 %',
      'flush src/carrier/node/udp.js:41: 50.0 %',
      'drain src/session/session.js:10: 25.0 %',
      '__libc_sendmsg: 25.0 %',
      'udp_sendmsg: 25.0 %',
      'v8::internal::Heap::Scavenge: 25.0 %',
      '[unknown]: 25.0 %',
    ].sort(),
  );
  const [left, right] = boxes.get('flush src/carrier/node/udp.js:41: 50.0 %')!;
  expect(right - left).toBeCloseTo(589.5);
  // What a frame called stands over it side by side, sorted by name.
  const [systemLeft, systemRight] = boxes.get('udp_sendmsg: 25.0 %')!;
  const [drainLeft, drainRight] = boxes.get('drain src/session/session.js:10: 25.0 %')!;
  expect(systemLeft).toBeCloseTo(left);
  expect(systemRight).toBeLessThan(drainLeft);
  expect(drainRight).toBeCloseTo(right);
});

test('a profile of V8: time, not samples, and nothing of when it was idle', async () => {
  const call = (functionName: string, url = '', lineNumber = 0): object => ({
    functionName,
    url,
    lineNumber,
  });
  const boxes = await drawn(
    JSON.stringify({
      nodes: [
        { id: 1, callFrame: call('(root)'), children: [2, 4, 5] },
        { id: 2, callFrame: call('turn', 'file:///x/dist/src/endpoint/endpoint.js', 9), children: [3] },
        { id: 3, callFrame: call('', 'file:///x/dist/src/kcp/engine.js', 0) },
        { id: 4, callFrame: call('(idle)') },
        { id: 5, callFrame: call('(garbage collector)') },
      ],
      samples: [2, 3, 4, 5],
      timeDeltas: [1000, 2000, 50_000, 1000],
    }),
  );
  expect([...boxes.keys()].sort()).toEqual([
    '(anonymous) src/kcp/engine.js:1: 50.0 %',
    '(garbage collector): 25.0 %',
    'turn src/endpoint/endpoint.js:10: 75.0 %',
  ]);
});

test('a file without samples is no picture', async () => {
  await expect(drawn('\n')).rejects.toThrow('no samples in it');
});
