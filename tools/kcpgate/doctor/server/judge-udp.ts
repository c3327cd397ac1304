import type { Finding } from '../finding.ts';
import { isAnswered, type ProbedWay } from './probe-lines.ts';

/** Whether UDP gets through, and if not, what else does. */
export function judgeUdp(ways: readonly ProbedWay[]): Finding {
  const check = 'UDP';
  const udp = ways.filter(({ line }) => line.transport === 'udp');
  const others = ways.filter(({ line }) => line.transport !== 'udp');
  const ports = [...new Set(udp.map(({ line }) => String(line.port)))].join(', ');
  const details = { ways: udp.length, answered: udp.filter(isAnswered).length };
  if (udp.some(isAnswered)) return { check, status: 'ok', text: 'gets through', details };
  const isOnline = others.some(isAnswered);
  if (udp.length === 0 && isOnline) {
    return {
      check,
      status: 'note',
      text: 'the gateway offers no UDP line: others are slower when packets get lost',
    };
  }
  if (!isOnline) {
    const advice = ['what the lines above say; ask who runs the gateway whether its ports are open'];
    return { check, status: 'failure', text: 'no line answers, UDP or other', advice, details };
  }
  return {
    check,
    status: 'warning',
    text: `blocked between here and the gateway (port ${ports}); other lines answer and are used`,
    advice: [
      `let UDP to port ${ports} out of this network: firewall, router, VPN, cloud security group`,
      `whoever runs the gateway: is UDP port ${ports} open there, too?`,
    ],
    details,
  };
}
