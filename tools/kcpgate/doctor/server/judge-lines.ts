import { formatSocketAddress } from '../../../../src/base/address.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import type { Finding } from '../finding.ts';
import { explainFault } from './fault-words.ts';
import { isAnswered, type ProbedWay } from './probe-lines.ts';

/** One finding for each line. */
export function judgeLines(ways: readonly ProbedWay[]): Finding[] {
  const lines = new Map<Line, ProbedWay[]>();
  for (const way of ways) lines.set(way.line, [...(lines.get(way.line) ?? []), way]);
  return [...lines].map(([line, itsWays]) => judgeLine(line, itsWays));
}

function judgeLine(line: Line, ways: readonly ProbedWay[]): Finding {
  const check = `line ${line.id}`;
  const details = { transport: line.transport, ways: ways.map(wayDetails) };
  const dead = ways.filter((way) => !isAnswered(way));
  const alive = ways.filter(isAnswered);
  const kind = line.tls && line.transport === 'tcp' ? 'tcp with TLS' : line.transport;
  const text = `${kind}: ${ways.map(wayText).join('; ')}`;
  if (alive.length === 0) {
    const advice = [...new Set(ways.flatMap((way) => adviceOf(way)))];
    return { check, status: 'warning', text, ...(advice.length > 0 && { advice }), details };
  }
  const acks = alive.flatMap(({ ack }) => ack ?? []);
  if (acks.some(({ draining }) => draining)) {
    return {
      check,
      status: 'warning',
      text: `${text}; its gateway takes no new sessions (draining)`,
      details,
    };
  }
  if (acks.some(({ notReady }) => notReady)) {
    return { check, status: 'warning', text: `${text}; its gateway is not ready`, details };
  }
  if (dead.length > 0) {
    const families = dead.map(({ address }) => `IPv${String(address?.family)}`).join(' and ');
    const advice = [`${families} is broken here or there: clients go on without it, after a moment`];
    return { check, status: 'warning', text, advice, details };
  }
  if (alive.some(({ rttsMs }) => rttsMs.includes(null))) {
    return {
      check,
      status: 'warning',
      text,
      advice: ['datagrams get lost; try again, and on a cable'],
      details,
    };
  }
  return { check, status: 'ok', text, details };
}

function wayText(way: ProbedWay): string {
  const { line, address, rttsMs, fault } = way;
  const where = address === undefined ? line.host : formatSocketAddress(address);
  if (fault !== undefined) return `${where}: ${explainFault(fault, line.host).text}`;
  const answered = rttsMs.filter((rttMs) => rttMs !== null);
  if (answered.length === 0) return `${where}: no answer`;
  const lost = rttsMs.length - answered.length;
  const loss = lost === 0 ? '' : `, ${String(lost)} of ${String(rttsMs.length)} lost`;
  return `${where} ${medianOf(answered).toFixed(1)} ms${loss}`;
}

function adviceOf({ line, fault }: ProbedWay): readonly string[] {
  if (fault !== undefined) return explainFault(fault, line.host).advice;
  // That of all UDP lines is told once.
  return line.transport === 'udp' ? [] : ['something answers there, but no gateway: is it a proxy?'];
}

function wayDetails({ address, rttsMs, seenAs, fault }: ProbedWay): Record<string, unknown> {
  return {
    address: address === undefined ? null : formatSocketAddress(address),
    rttsMs,
    seenAs: seenAs.map(formatSocketAddress),
    fault: fault === undefined ? null : explainFault(fault, '').text,
  };
}

/** Of at least one. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
