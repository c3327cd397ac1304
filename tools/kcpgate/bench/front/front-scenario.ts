import { ChildProgram } from '../child-program.ts';
import type { LoadOptions } from '../load-options.ts';
import type { Measures } from '../measure.ts';
import { ownCommand } from '../stack.ts';
import type { FrontSide } from './front-side.ts';
import { FrontSetUp, type FrontUsage } from './front-set-up.ts';

/** What carries the load, and whether nginx stands in front of the gateway. */
export interface FrontContender {
  readonly name: string;
  readonly transport: 'udp' | 'tcp';
  readonly isBehindNginx: boolean;
}

export const FRONT_CONTENDERS: readonly FrontContender[] = [
  { name: 'UDP', transport: 'udp', isBehindNginx: false },
  { name: 'UDP, nginx', transport: 'udp', isBehindNginx: true },
  { name: 'TCP', transport: 'tcp', isBehindNginx: false },
  { name: 'TCP, nginx', transport: 'tcp', isBehindNginx: true },
];

/**
 * What nginx costs: echoes on many sessions, then a stream and its echo on one, at a gateway with and without nginx in front of
 * it. CPU time of both while that goes on, and how long echoes take.
 * @throws Error when there is no nginx, a program fails or a byte comes back wrong.
 */
export async function runFront(
  { transport, isBehindNginx }: FrontContender,
  load: LoadOptions,
): Promise<Measures> {
  const { frontSessions, echoesPerSecond, sizeBytes, frontSeconds, mib, warmUp, timeoutMs } = load;
  const setUp = await FrontSetUp.start(load);
  let client: ChildProgram | undefined;
  try {
    const side: FrontSide = {
      ...{ loginUrl: setUp.loginUrl, transport },
      port: isBehindNginx ? setUp.nginxPort : setUp.gatewayPort,
      ...{ sessions: frontSessions, echoesPerSecond, sizeBytes, seconds: frontSeconds, warmUp },
      streamBytes: Math.round(mib * MIB),
    };
    const [command = '', ...words] = ownCommand('--child', '--front-side', JSON.stringify(side));
    client = await ChildProgram.start('the client', command, words);
    const watched = client;
    const at = async (
      event: string,
    ): Promise<{ usage: FrontUsage; fields: Readonly<Record<string, unknown>> }> => {
      const fields = await watched.next(event, timeoutMs);
      const usage = await setUp.usage();
      watched.tell('on');
      return { usage, fields };
    };
    const echoing = await at('echoing');
    const echoed = await at('echoed');
    const streaming = await at('streaming');
    const streamed = await at('streamed');
    const { p50, p99, max } = echoed.fields.latencyMs as Readonly<Record<string, number>>;
    const hundredThousands = (echoed.usage.datagrams - echoing.usage.datagrams) / 100_000;
    const hundredMib = mib / 100;
    const nginx = isBehindNginx;
    return {
      mibPerSecond: mib / Number(streamed.fields.seconds),
      ...cpu('Per100Mib', streaming.usage, streamed.usage, hundredMib, nginx),
      ...{ latencyP50Ms: p50 ?? NaN, latencyP99Ms: p99 ?? NaN, latencyMaxMs: max ?? NaN },
      ...cpu('Per100kDatagrams', echoing.usage, echoed.usage, hundredThousands, nginx),
    };
  } finally {
    await client?.stop();
    await setUp.stop();
  }
}

function cpu(per: string, before: FrontUsage, after: FrontUsage, units: number, nginx: boolean): Measures {
  return {
    [`serverCpuSeconds${per}`]: (after.gatewaySeconds - before.gatewaySeconds) / units,
    ...(nginx && { [`nginxCpuSeconds${per}`]: (after.nginxSeconds - before.nginxSeconds) / units }),
  };
}

const MIB = 1024 * 1024;
