import { expect, test } from 'vitest';
import { runKcpgate } from '../../support/kcpgate-command.ts';
import { peer } from '../../support/peers.ts';

interface Report {
  readonly scenarios: readonly {
    readonly results: readonly {
      readonly contender: string;
      readonly median: Readonly<Record<string, number>>;
    }[];
  }[];
}

peer('nginx').describe('kcpgate bench front', () => {
  test('measures the same load with and without nginx', { timeout: 120_000 }, async () => {
    const load = ['--sessions', '10', '--seconds', '0.3', '--mib', '2', '--runs', '1'];
    const { code, output, errorOutput } = await runKcpgate(['bench', 'front', ...load, '--json']);
    expect([code, errorOutput]).toEqual([0, '']);
    const [scenario] = (JSON.parse(output) as Report).scenarios;
    const medians = new Map(scenario!.results.map(({ contender, median }) => [contender, median]));
    expect([...medians.keys()]).toEqual(['UDP', 'UDP, nginx', 'TCP', 'TCP, nginx']);
    for (const [contender, median] of medians) {
      for (const unit of ['Per100Mib', 'Per100kDatagrams']) {
        expect(median[`serverCpuSeconds${unit}`], contender).toBeGreaterThan(0);
        // Where there is none it took no time, and where there is one all went through it.
        const nginx = median[`nginxCpuSeconds${unit}`];
        if (contender.endsWith('nginx')) expect(nginx, contender).toBeGreaterThan(0);
        else expect(nginx, contender).toBeUndefined();
      }
      expect(median.mibPerSecond, contender).toBeGreaterThan(0);
      expect(median.latencyP99Ms, contender).toBeGreaterThanOrEqual(median.latencyP50Ms!);
    }
  });
});
