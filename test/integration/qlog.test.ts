import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { createClient } from '../../src/client/node/index.ts';
import { dissect } from '../../src/wire/index.ts';
import { QlogReader } from '../../tools/kcpgate/inspect/qlog/read-qlog.ts';
import { startLoginGateway } from '../support/login-gateway.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Seen {
  readonly carriers: readonly string[];
  /** Numbers of the data segments each way, from the client and from the gateway. */
  readonly up: ReadonlySet<number>;
  readonly down: ReadonlySet<number>;
  readonly end: unknown;
}

/** The only recording of a directory, once the whole record that its session is over has been written. */
async function wholeRecording(directory: string): Promise<Uint8Array> {
  for (let tries = 0; tries < 2_000; tries++) {
    await delay(10);
    const [file] = (await readdir(directory)).filter((name) => name.endsWith('.sqlog'));
    const text = file === undefined ? '' : await readFile(join(directory, file), 'utf8');
    if (/kcp:session_closed.*\n/u.test(text)) return Buffer.from(text);
  }
  throw new Error(`no whole recording in ${directory}`);
}

/** What the only recording of a directory says, once its session is over. */
async function readRecording(directory: string): Promise<Seen> {
  const [carriers, up, down] = [new Set<string>(), new Set<number>(), new Set<number>()];
  let end: unknown;
  const reader = new QlogReader({
    sink: ({ flow, isFromA, bytes, offset, length }) => {
      carriers.add(flow.carrier);
      for (const { name, fields } of dissect(bytes.subarray(offset, offset + length)).units)
        if (name === 'PUSH')
          (isFromA ? up : down).add(Number(fields.find((field) => field.name === 'sn')?.value));
    },
    event: (event) => {
      if (event.name === 'kcp:session_closed') end = event.data;
    },
  });
  reader.push(await wholeRecording(directory));
  reader.finish();
  expect(reader.counters.damaged).toBe(0);
  return { carriers: [...carriers], up, down, end };
}

async function directories(): Promise<{ gateway: string; client: string }> {
  const root = await mkdtemp(join(tmpdir(), 'kcpgate-qlog-'));
  closers.push(() => rm(root, { recursive: true, force: true }));
  return { gateway: join(root, 'gateway'), client: join(root, 'client') };
}

describe('recordings of real sessions', () => {
  it.each(['udp', 'tcp', 'ws'])(
    'say the same at both ends of a session on %s, and why it ended',
    async (line) => {
      const { gateway: gatewayDirectory, client: clientDirectory } = await directories();
      const { gateway, loginUrl } = await startLoginGateway({
        rest: `qlog: { directory: '${gatewayDirectory}', sessions: abnormal }`,
      });
      closers.push(() => gateway.stop());
      const client = createClient({ loginUrl, line, mode: 'messages', qlog: { directory: clientDirectory } });
      closers.push(() => client.destroy());
      const session = await client.connect({});
      for (let i = 0; i < 20; i++) {
        session.send(Buffer.from(`message ${i}`));
        const { value } = await session[Symbol.asyncIterator]().next();
        expect(Buffer.from(value as Uint8Array).toString()).toBe(`message ${i}`);
      }
      await gateway.kick({}, CloseCode.blocked, 'enough');
      const [there, here] = await Promise.all([
        readRecording(gatewayDirectory),
        readRecording(clientDirectory),
      ]);
      expect(there.end).toEqual({ code: 3504, name: 'blocked', reason: 'enough' });
      expect(here.end).toEqual(there.end);
      expect(here.carriers).toEqual([line === 'ws' ? 'websocket' : line]);
      expect(there.carriers).toEqual(here.carriers);
      expect([here.up.size, here.down.size]).toEqual([20, 20]);
      expect([there.up, there.down]).toEqual([here.up, here.down]);
    },
  );
});
