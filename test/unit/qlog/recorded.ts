import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { QlogTracer, resolveQlogOptions, type QlogOptions } from '../../../src/qlog/index.ts';
import { readEvent, type QlogEvent } from '../../../tools/kcpgate/inspect/qlog/qlog-record.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { onNetwork, type MultiPathNetwork } from '../../simulation/multi-path-network.ts';
import { LoginPair, type TestClient } from '../endpoint/login-pair.ts';

/** One side's recordings of a {@link recordedSession}. */
export interface Recorded {
  readonly files: readonly RecordedFile[];
  readonly logger: RecordingLogger;
  readonly counters: QlogTracer['counters'];
}

export interface RecordedFile {
  readonly name: string;
  readonly text: string;
  readonly records: readonly unknown[];
  /** All but the first, in our schema. */
  readonly events: readonly QlogEvent[];
}

/** What happens in a session, on a line that loses a tenth each way. */
export type Story = (pair: LoginPair, client: TestClient, network: MultiPathNetwork) => void;

/** Records both ends of one session. */
export async function recordedSession(
  story: Story,
  options: Omit<QlogOptions, 'directory'> = {},
  gatewayDirectory?: string,
): Promise<{ readonly gateway: Recorded; readonly client: Recorded }> {
  const directories = [gatewayDirectory ?? (await newDirectory()), await newDirectory()];
  const loggers = directories.map(() => new RecordingLogger());
  let tracers: QlogTracer[] = [];
  onNetwork({ seed: 7, startMs: 5_000 }, (network) => {
    tracers = directories.map((directory, side) => {
      const config = resolveQlogOptions({ directory, ...options });
      const wallClock = { now: () => 1_700_000_000_000 + network.loop.now() };
      return new QlogTracer(config, { clock: network.loop, wallClock, logger: loggers[side]! });
    });
    const [gatewayTracer, clientTracer] = tracers;
    const pair = new LoginPair(network, { tracer: gatewayTracer!, client: { tracer: clientTracer! } });
    const link = { ...PERFECT_LINK, delayMs: 20, lossRate: 0.1 };
    const client = pair.client();
    client.dial(network.addClient().openUdp({ up: link, down: link }));
    network.loop.runFor(1000);
    story(pair, client, network);
    network.loop.runFor(15_000);
  });
  const [gateway, client] = await Promise.all(
    tracers.map(async (tracer, side) => {
      await tracer.close();
      const files = await readFiles(directories[side]!);
      return { files, logger: loggers[side]!, counters: tracer.counters };
    }),
  );
  return { gateway: gateway!, client: client! };
}

/** Sends so many KiB up, and is answered as many. */
export const transfer =
  (kib: number): Story =>
  (pair, client, network) => {
    const down = pair.gateway.sinks[0]!;
    for (let i = 0; i < kib; i++) {
      client.send('u'.repeat(1024));
      down.port.send(new Uint8Array(1024).fill(0x64), 0, 1024);
      network.loop.runFor(20);
    }
    network.loop.runFor(5_000);
  };

export async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kcpgate-qlog-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function readFiles(directory: string): Promise<RecordedFile[]> {
  let names: string[];
  try {
    names = (await readdir(directory)).sort();
  } catch {
    return [];
  }
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8');
      const records = text
        .split('\u001e')
        .slice(1)
        .map((record): unknown => JSON.parse(record));
      const events = records.map(readEvent).filter((event) => event !== undefined);
      return { name, text, records, events };
    }),
  );
}
