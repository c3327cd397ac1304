import type { LinkCounters } from '../relay/net-emulator.ts';
import type { DemoOptions, DemoResult } from './run-demo.ts';

/** One line about what the demo is going to do. */
export function describeNetwork(options: DemoOptions): string {
  const { sizeBytes, delayMs, jitterMs, loss, reorder, duplicate, seed } = options;
  return (
    `${mib(sizeBytes)} MiB to a gateway and back; each way ${delayMs} to ${delayMs + jitterMs} ms, ` +
    `${loss} % lost, ${reorder} % late, ${duplicate} % twice; seed ${seed}`
  );
}

/** The result for people. */
export function formatSummary(result: DemoResult): string {
  const { sizeBytes, receivedBytes, seconds, kcp, toGateway, toClient, error } = result;
  const payload = kcp.segmentsSent - kcp.fastRetransmits - kcp.timeoutRetransmits;
  const again = ((kcp.segmentsSent - payload) / Math.max(1, payload)) * 100;
  const lines = [
    ['transferred', `${mib(receivedBytes)} of ${mib(sizeBytes)} MiB each way in ${seconds.toFixed(1)} s`],
    ['throughput', `${(receivedBytes / 1024 / 1024 / seconds).toFixed(1)} MiB/s in each direction`],
    ['round trip', `${kcp.srttMs} ms +- ${kcp.rttvarMs} ms, timeout ${kcp.rtoMs} ms`],
    [
      'client sent again',
      `${kcp.fastRetransmits} overtaken + ${kcp.timeoutRetransmits} timed out = ${again.toFixed(1)} % of ${payload} segments`,
    ],
    ['client received', `${kcp.segmentsReceived} segments, ${kcp.duplicatesReceived} more than once`],
    ['network, there', describeLink(toGateway)],
    ['network, back', describeLink(toClient)],
    ['sha256 sent', result.sentSha256],
    ['sha256 received', result.receivedSha256],
    [
      'result',
      result.hashesEqual ? 'every byte came back as it was sent' : `WRONG: ${error ?? 'the hashes differ'}`,
    ],
  ] as const;
  return `${lines.map(([name, text]) => `${name.padEnd(18)} ${text}`).join('\n')}\n`;
}

function describeLink({ sent, lost, reordered, duplicated, queueDrops, mtuDrops }: LinkCounters): string {
  const dropped = queueDrops + mtuDrops;
  const text = `${sent} datagrams: ${lost} lost, ${reordered} late, ${duplicated} twice`;
  return dropped === 0 ? text : `${text}, ${dropped} dropped otherwise`;
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(bytes % (1024 * 1024) === 0 ? 0 : 1);
}
