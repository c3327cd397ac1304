import type { ClientPlatform } from '../../../../src/client/sdk/client-platform.ts';
import type { Finding } from '../finding.ts';
import type { ProbedWay } from './probe-lines.ts';
import { Prober } from './prober.ts';

/** Which packets get from here to the gateway. Sizes in bytes, with IP and UDP header. */
export interface PacketSizes {
  /** What a datagram of `mtu` bytes makes. */
  readonly needed: number;
  readonly answered: readonly number[];
  readonly unanswered: readonly number[];
  readonly headerBytes: number;
}

/** Sends PROBEs of several sizes over a UDP line. @param mtu the longest datagram of a session. */
export async function checkPathMtu(platform: ClientPlatform, way: ProbedWay, mtu: number): Promise<Finding> {
  const headerBytes = way.address?.family === 6 ? 48 : 28;
  const needed = mtu + headerBytes;
  const sizes = [...new Set([...PACKET_BYTES, needed])].sort((a, b) => a - b);
  const prober = await Prober.open(platform, way.line, way.address);
  try {
    let unanswered = sizes;
    for (let attempt = 0; attempt < ATTEMPTS && unanswered.length > 0; attempt++) {
      const answers = await Promise.all(unanswered.map((size) => prober.ask(size - headerBytes, ANSWER_MS)));
      unanswered = unanswered.filter((_, index) => answers[index] === undefined);
    }
    const answered = sizes.filter((size) => !unanswered.includes(size));
    return judgePathMtu(way.line.id, { needed, answered, unanswered, headerBytes });
  } finally {
    await prober.close();
  }
}

export function judgePathMtu(line: string, sizes: PacketSizes): Finding {
  const check = 'path MTU';
  const { needed, answered, headerBytes } = sizes;
  const largest = Math.max(0, ...answered);
  const details = { line, ...sizes, largest };
  const text = `packets of ${String(largest)} bytes get through to ${line}, sessions send up to ${String(needed)}`;
  if (answered.includes(needed)) return { check, status: 'ok', text, details };
  if (largest === 0)
    return { check, status: 'note', text: `not found out: probes over ${line} got lost`, details };
  const advice = [
    'a tunnel or VPN on the way? Without it, or with a larger MTU of it, full datagrams pass',
    `whoever runs the gateway: sessions.mtu: ${String(Math.max(576, largest - headerBytes))}`,
    'until then a TCP or WebSocket line is the better one',
  ];
  return { check, status: 'warning', text, advice, details };
}

/** Usual limits: what any host takes, IPv6, tunnels, PPPoE, Ethernet. */
const PACKET_BYTES = [576, 1280, 1380, 1420, 1452, 1480, 1492, 1500];
const ATTEMPTS = 3;
const ANSWER_MS = 1_000;
