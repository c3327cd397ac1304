import { bundleProgram, type BundledProgram } from './bundled-program.ts';
import { startProgram, type RunningProgram } from './process.ts';
import type { CrowdMember, CrowdResult, NginxCrowdOrder } from './nginx-crowd-order.ts';

/** A process with many clients behind nginx. */
export class NginxCrowd {
  private readonly program: RunningProgram;

  /** @param bundle of {@link bundleCrowd}. */
  constructor(bundle: BundledProgram, order: NginxCrowdOrder) {
    this.program = startProgram(process.execPath, [bundle.file, JSON.stringify(order)]);
  }

  /** Resolves when each client has been answered. */
  async ready(): Promise<void> {
    try {
      await this.program.nextEvent('ready', 60_000);
    } catch (error) {
      const waiting = (await this.members()).filter(({ receivedBytes }) => receivedBytes === 0);
      throw new Error(`${String(waiting.length)} not answered: ${JSON.stringify(waiting.slice(0, 5))}`, {
        cause: error,
      });
    }
  }

  /** Times without arrival are counted from now on. */
  async mark(): Promise<void> {
    this.program.tell('mark');
    await this.program.nextEvent('marked');
  }

  async members(): Promise<readonly CrowdMember[]> {
    this.program.tell('report');
    return (await this.program.nextEvent('members')).members as readonly CrowdMember[];
  }

  /** Ends all sessions in order. */
  async finish(): Promise<CrowdResult> {
    this.program.tell('finish');
    const { sentBytes, receivedBytes, whole, codes } = await this.program.nextEvent('result', 60_000);
    await this.program.exit;
    return { sentBytes, receivedBytes, whole, codes } as CrowdResult;
  }

  /** Ends the process. Safe to call when it has ended. */
  async stop(): Promise<void> {
    await this.program.stop(0);
  }
}

/** What the processes of {@link NginxCrowd} run. */
export const bundleCrowd = (): Promise<BundledProgram> => bundleProgram('nginx-crowd-client.ts');

/** How many are of each kind, as text for people: `1: 70, 2: 64`. */
export function countedBy<Item>(items: readonly Item[], kindOf: (item: Item) => string | number): string {
  const counts: Record<string, number> = {};
  for (const item of items) counts[kindOf(item)] = (counts[kindOf(item)] ?? 0) + 1;
  return Object.entries(counts)
    .map(([kind, count]) => `${kind}: ${String(count)}`)
    .join(', ');
}
