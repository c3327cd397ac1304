import { bundleProgram, type BundledProgram } from './bundled-program.ts';
import { emulateLine, type EmulatedLine, type LineWeather } from './emulated-lines.ts';
import { serveGateway, type ServedGateway, type ServedGatewayOptions } from './served-gateway.ts';
import type { OrderedLine, TalkOrder } from './talk-order.ts';
import { TalkingProcess } from './talking-process.ts';
import { randomBytes } from 'node:crypto';

/** A client process, and its own way to each line. */
export interface Talk {
  readonly client: TalkingProcess;
  /** By the id of the line. */
  readonly lines: Readonly<Record<string, EmulatedLine>>;
  /** Every line that is UDP, or that is not. */
  all(transport: 'udp' | 'tcp'): readonly EmulatedLine[];
  close(): Promise<void>;
}

/** What the lines of a talk are like, by their ids. */
export type Weathers = Readonly<Record<string, LineWeather>>;

/** Gateway processes, and client processes that reach them through relays of their own. */
export class TalkWorld {
  readonly gateways: readonly ServedGateway[];
  private readonly program: BundledProgram;

  private constructor(gateways: readonly ServedGateway[], program: BundledProgram) {
    this.gateways = gateways;
    this.program = program;
  }

  /** @param options one for each gateway; they have the same ticket key, and ids from 1 on. */
  static async start(
    options: readonly Omit<ServedGatewayOptions, 'id' | 'ticketKey'>[],
    ticketKey = randomBytes(32).toString('base64'),
  ): Promise<TalkWorld> {
    const program = await bundleProgram('talking-client.ts');
    const ids = options.map((_, index) => index + 1);
    const gateways = options.map(({ login = '', ...each }, index) => {
      const own = ids.length === 1 ? login : `${loginOfMany(ids, index + 1)}, ${login}`;
      return serveGateway({ ...each, login: own, id: index + 1, ticketKey });
    });
    return new TalkWorld(await Promise.all(gateways), program);
  }

  /** Starts a client. @param weathers of the lines it has, `ws` among them: that is where it logs in. */
  async talk(weathers: Weathers, order: Omit<TalkOrder, 'loginUrls' | 'lines'>): Promise<Talk> {
    const emulated: Record<string, EmulatedLine> = {};
    const lines: OrderedLine[] = [];
    const loginUrls: string[] = [];
    for (const { id: gatewayId, ports } of this.gateways) {
      for (const [name, target] of Object.entries(ports)) {
        const id = `${name}-${String(gatewayId)}`;
        const weather = weathers[id];
        if (weather === undefined) continue;
        const transport = name === 'tcp' || name === 'ws' ? name : 'udp';
        const line = await emulateLine(
          transport === 'udp' ? 'udp' : 'tcp',
          target,
          weather,
          order.seed + target,
        );
        emulated[id] = line;
        lines.push({ id, transport, gatewayId, port: line.port });
        if (name === 'ws') loginUrls.push(`http://127.0.0.1:${String(line.port)}/api/login`);
      }
    }
    const client = new TalkingProcess(this.program.file, { ...order, loginUrls, lines });
    const all = (transport: 'udp' | 'tcp'): EmulatedLine[] =>
      Object.values(emulated).filter((line) => line.transport === transport);
    const close = async (): Promise<void> => {
      client.kill();
      await client.exit;
      await Promise.all(Object.values(emulated).map((line) => line.close()));
    };
    return { client, lines: emulated, all, close };
  }

  async stop(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.stop()));
    this.program.remove();
  }
}

/** Logins of one of several gateways lead to all of them. Clients are told other ports by their order. */
function loginOfMany(ids: readonly number[], own: number): string {
  const lines = ids.flatMap((id) =>
    ['udp', 'tcp', 'ws'].map(
      (transport) =>
        `{ id: ${transport}-${String(id)}, gateway_id: ${String(id)}, transport: ${transport}, host: 127.0.0.1, port: 1 }`,
    ),
  );
  const others = ids.filter((id) => id !== own);
  return `gateways: [ ${others.join(', ')} ], lines: [ ${lines.join(', ')} ]`;
}

/** Runs something so many times, `parallel` at a time. @returns the results, in order. */
export async function repeat<Result>(
  times: number,
  parallel: number,
  run: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < times; index = next++) results[index] = await run(index);
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return results;
}
