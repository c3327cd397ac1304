import type { ChildProgram } from '../child-program.ts';
import type { LoadOptions } from '../load-options.ts';
import type { Measures } from '../measure.ts';
import { kcpGoCommand, ownCommand } from '../stack.ts';
import type { LatencySide, PacedEchoes } from './latency-side.ts';
import { LossyPath } from './lossy-path.ts';

/** Who sends messages over the bad path. `stock` are kcp-go with itself. */
export type LatencyContender =
  | {
      readonly name: string;
      readonly kind: 'session';
      readonly seal: 'aes-128-gcm' | 'clear';
      readonly lines: 1 | 2;
    }
  | {
      readonly name: string;
      readonly kind: 'kcp-go';
      readonly executable: string;
      readonly crypt: '' | 'aes-128';
    }
  | { readonly name: string; readonly kind: 'tcp' };

/** Who takes part. @param kcpGo the program of the peer, if it does. */
export function latencyContenders(kcpGo: string | undefined): LatencyContender[] {
  const peers: LatencyContender[] =
    kcpGo === undefined
      ? []
      : [
          { name: 'kcp-go', kind: 'kcp-go', executable: kcpGo, crypt: '' },
          { name: 'kcp-go, aes-128', kind: 'kcp-go', executable: kcpGo, crypt: 'aes-128' },
        ];
  return [
    { name: 'kcpgate', kind: 'session', seal: 'aes-128-gcm', lines: 1 },
    { name: 'kcpgate, clear', kind: 'session', seal: 'clear', lines: 1 },
    { name: 'kcpgate, two lines', kind: 'session', seal: 'aes-128-gcm', lines: 2 },
    ...peers,
    { name: 'TCP', kind: 'tcp' },
  ];
}

/**
 * Small messages at a steady pace to an echo and back, over a path of 50 ms that loses 5 % each way: how long they take, and
 * how many bytes go over the path for it.
 * @throws Error when there can be no such path here, or a program fails.
 */
export async function runLatency(
  contender: LatencyContender,
  load: LoadOptions,
  run: number,
): Promise<Measures> {
  const lines = contender.kind === 'session' ? contender.lines : 1;
  const path = await LossyPath.start({
    lines,
    delayMs: ONE_WAY_MS,
    lossRate: LOSS_RATE,
    seed: load.seed + run,
  });
  const programs: ChildProgram[] = [];
  const start = async (name: string, [command, ...rest]: readonly string[]): Promise<ChildProgram> => {
    const program = await path.run(name, command ?? '', rest);
    programs.push(program);
    return program;
  };
  try {
    const server = await start('server', serverCommand(contender, path, load));
    const { port } = await server.next('listening', START_TIMEOUT_MS);
    const client = await start('client', clientCommand(contender, path, Number(port), load));
    await client.next('warm', load.timeoutMs);
    const before = await path.usage();
    const result = await client.next('result', load.timeoutMs + load.latencySeconds * 1000);
    const after = await path.usage();
    if (result.complete !== true) throw new Error('not every message came back');
    const { p50, p99, max } = result.latencyMs as Readonly<Record<string, number>>;
    return {
      latencyP50Ms: p50 ?? NaN,
      latencyP99Ms: p99 ?? NaN,
      latencyMaxMs: max ?? NaN,
      wirePackets: after.packets - before.packets,
      wireKib: (after.bytes - before.bytes) / 1024,
      // Of all that went over it, before the measurement, too: a busy machine changes neither.
      wireShortestPacketBytes: after.shortest,
      wireLeastLineShare: after.leastShare,
    };
  } finally {
    for (const program of programs.reverse()) await program.stop();
    await path.stop();
  }
}

function serverCommand(contender: LatencyContender, path: LossyPath, load: LoadOptions): string[] {
  const address = path.serverAddress;
  switch (contender.kind) {
    case 'session':
      return side({ role: 'gateway', address });
    case 'tcp':
      return side({ role: 'tcp-server', address });
    case 'kcp-go':
      return kcpGoCommand(contender.executable, 'echo-server', load, [
        `-listen=${address}:0`,
        '-stream=true',
        `-crypt=${contender.crypt}`,
      ]);
  }
}

function clientCommand(
  contender: LatencyContender,
  path: LossyPath,
  port: number,
  load: LoadOptions,
): string[] {
  const { latencySeconds, sizeBytes } = load;
  const count = Math.max(1, Math.round(latencySeconds * PER_SECOND));
  const echoes: PacedEchoes = { warmUp: WARM_UP, count, sizeBytes, perSecond: PER_SECOND };
  switch (contender.kind) {
    case 'session':
      return side({
        ...{ role: 'session', seal: contender.seal, redundant: contender.lines > 1, ...echoes },
        loginUrl: `http://${path.addressOf('local')}:${port}/api/login`,
        hosts: Array.from({ length: contender.lines }, (_, line) => path.addressOf(line)),
      });
    case 'tcp':
      return side({ role: 'tcp-client', host: path.addressOf(0), port, ...echoes });
    case 'kcp-go':
      return kcpGoCommand(contender.executable, 'pingpong-client', load, [
        `-addr=${path.addressOf(0)}:${port}`,
        `-count=${count}`,
        `-warm-up=${WARM_UP}`,
        `-size=${sizeBytes}`,
        `-every=${1_000_000 / PER_SECOND}us`,
        `-timeout=${load.timeoutMs + latencySeconds * 1000}ms`,
        `-crypt=${contender.crypt}`,
      ]);
  }
}

const side = (what: LatencySide): string[] => ownCommand('--child', '--latency-side', JSON.stringify(what));

const ONE_WAY_MS = 25;
const LOSS_RATE = 0.05;
const PER_SECOND = 30;
/** Unmeasured messages: two seconds. */
const WARM_UP = 60;
const START_TIMEOUT_MS = 15_000;
