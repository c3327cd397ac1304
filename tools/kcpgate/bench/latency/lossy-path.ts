import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { ChildProgram } from '../child-program.ts';

/** What a path does to packets, each way. */
export interface LossyPathOptions {
  /** Lines, each with luck of its own. */
  readonly lines: number;
  readonly delayMs: number;
  /** Share of packets, 0 to 1. */
  readonly lossRate: number;
  readonly seed: number;
}

/** What went over a line of a path, headers of IP included, what was lost, too; `shortest`: bytes of the shortest packet. */
const LINE_USAGE = z.object({
  packets: z.number(),
  bytes: z.number(),
  lost: z.number(),
  shortest: z.number(),
});
type LineUsage = Readonly<z.infer<typeof LINE_USAGE>>;
const STATS = z.object({ lines: z.array(LINE_USAGE) });

/** What went over all of them. */
export interface PathUsage extends LineUsage {
  /** Packets of the line with the fewest, as a share of those of the line with the most. */
  readonly leastShare: number;
}

/**
 * A network of its own in which programs reach each other over emulated lines, whatever they speak: a server listens on
 * {@link serverAddress}, its clients go to {@link addressOf} a line. Linux, with `unshare`, `nsenter`, `ip`, `python3` and the right to
 * use them and /dev/net/tun.
 */
export class LossyPath {
  private readonly link: ChildProgram;

  /** @throws Error when there can be no such network here. */
  static async start(options: LossyPathOptions): Promise<LossyPath> {
    const { lines, delayMs, lossRate, seed } = options;
    const program = ['--net', 'python3', findProgram(), `--lines=${lines}`, `--delay-ms=${delayMs}`];
    const link = await ChildProgram.start('the network', 'unshare', [
      ...program,
      `--loss=${lossRate}`,
      `--seed=${seed}`,
    ]);
    try {
      await link.next('ready', START_TIMEOUT_MS);
      return new LossyPath(link);
    } catch (error) {
      await link.stop();
      throw error;
    }
  }

  private constructor(link: ChildProgram) {
    this.link = link;
  }

  /** Every line leads there. */
  readonly serverAddress = '0.0.0.0';

  /** Where the server is reached over a line, and on this host, without a line. */
  addressOf(line: number | 'local'): string {
    return line === 'local' ? '10.9.0.1' : `10.9.${line}.2`;
  }

  /** Starts a program in this network. */
  run(name: string, command: string, commandArguments: readonly string[]): Promise<ChildProgram> {
    const enter = [`--target=${this.link.pid}`, '--net', command];
    return ChildProgram.start(name, 'nsenter', [...enter, ...commandArguments]);
  }

  async usage(): Promise<PathUsage> {
    this.link.tell('stats');
    const { lines } = STATS.parse(await this.link.next('stats', START_TIMEOUT_MS));
    const sum = (of: keyof LineUsage): number => lines.reduce((total, line) => total + line[of], 0);
    const packets = lines.map((line) => line.packets);
    return {
      ...{ packets: sum('packets'), bytes: sum('bytes'), lost: sum('lost') },
      shortest: Math.min(...lines.map(({ shortest }) => shortest)),
      leastShare: Math.min(...packets) / Math.max(1, ...packets),
    };
  }

  async stop(): Promise<void> {
    await this.link.stop();
  }
}

/** In the checkout this file lies in or was compiled in. */
function findProgram(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const program = join(folder, 'test/peers/python/lossy_link.py');
    if (existsSync(program)) return program;
    if (folder === dirname(folder)) {
      throw new Error('latency needs a checkout of the kcpgate repository: test/peers/python is not here');
    }
  }
}

const START_TIMEOUT_MS = 15_000;
