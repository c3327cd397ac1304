import { SeededRandom } from '../../src/base/seeded-random.ts';
import { timeoutMs } from '../../src/client/lines/line-score.ts';
import type { LineReport } from '../../src/client/lines/line-report.ts';
import { LineSurvey } from '../../src/client/lines/line-survey.ts';
import type { Line } from '../../src/client/login-answer.ts';
import { PROBE_ACK_BYTES, readProbeAck, writeProbeAck } from '../../src/wire/probe-ack.ts';
import { readProbe, writeProbe } from '../../src/wire/probe.ts';
import { EventQueue } from '../../tools/kcpgate/relay/event-queue.ts';
import { NetEmulator, PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { candidatesOf } from '../unit/client/lines/lines.ts';

/** A line, and the network to its gateway, the same both ways. */
export interface SimulatedLine {
  readonly line: Line;
  readonly link: Partial<LinkProfile>;
  /** How busy its gateway is, 0 to 255. Default 0. */
  readonly load?: number;
  readonly draining?: boolean;
  /** How long a connection takes to be made, in round trips. Default 1. */
  readonly handshakes?: number;
  /** Nothing comes back. Default false. */
  readonly isDead?: boolean;
}

/** What came of a survey on the virtual clock. */
export interface SurveyRun {
  readonly report: LineReport;
  readonly probes: number;
  readonly strays: number;
  readonly bytes: number;
}

/** Datagrams as the wire has them. */
class Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Surveys lines on the virtual clock and a seeded network; real bytes both ways. */
export function runSurvey(lines: readonly SimulatedLine[], seed: number): SurveyRun {
  const luck = new SeededRandom(seed, 1);
  const random = (): number => luck.nextFloat();
  const startAt = 10_000;
  const events = new EventQueue<() => void>();
  let now = startAt;
  let bytes = 0;
  const survey = new LineSurvey(candidatesOf(...lines.map(({ line }) => line)), {
    now,
    terms: { count: 5, intervalMs: 100, deadlineMs: 4000 },
    random,
  });
  const ways = lines.map(({ link, load = 0, draining = false, isDead = false }, candidate) => {
    const profile = { ...PERFECT_LINK, ...link };
    const back = new NetEmulator(profile, new SeededRandom(seed, 1000 + candidate), now, (at, datagram) => {
      events.push(at, () => {
        const ack = readProbeAck(new Memory(datagram), 0);
        if (typeof ack !== 'string') survey.answered(candidate, ack, now);
      });
    });
    return new NetEmulator(profile, new SeededRandom(seed, 2000 + candidate), now, (at, datagram) => {
      if (isDead) return;
      events.push(at, () => {
        const probe = readProbe(new Memory(datagram), 0);
        if (typeof probe === 'string') throw new Error(probe);
        const answer = new Memory(new Uint8Array(PROBE_ACK_BYTES));
        const { conv, index, ts, number, nonce } = probe;
        const says = { load, draining, notReady: false, address: null, nodeId: 1, epochSeconds: 1 };
        writeProbeAck(answer, 0, {
          type: 'probeAck',
          conv,
          index,
          ts,
          number,
          nonce,
          ...says,
          retryAfterMs: 0,
        });
        back.send(now, answer.bytes, 0, PROBE_ACK_BYTES);
      });
    });
  });
  while (!survey.isOver(now)) {
    for (const command of survey.poll(now)) {
      const { candidate } = command;
      const { line, link, handshakes = 1, isDead = false } = lines[candidate]!;
      if (command.type === 'open') {
        const tripMs = 2 * ((link.delayMs ?? 0) + (link.jitterMs ?? 0) / 2);
        const openAt = now + (line.transport === 'udp' ? 0 : handshakes * tripMs);
        if (line.transport === 'udp' || !isDead) events.push(openAt, () => survey.opened(candidate, now));
      } else {
        const memory = new Memory(new Uint8Array(command.bytes));
        const { number, nonce } = command;
        const paddingBytes = command.bytes - 24;
        writeProbe(memory, 0, {
          type: 'probe',
          conv: 0,
          index: candidate,
          ts: now,
          number,
          nonce,
          paddingBytes,
        });
        bytes += command.bytes;
        ways[candidate]!.send(now, memory.bytes, 0, command.bytes);
      }
    }
    now = Math.min(events.nextAtMs(), survey.nextAt(now), Math.max(now + 1, events.nextAtMs()));
    for (let due = events.popDue(now); due !== undefined; due = events.popDue(now)) due();
  }
  return { report: survey.report(now, random()), probes: survey.probesSent, strays: survey.strays, bytes };
}

/**
 * The score of a line by the same formula as in a survey, from what the line is really like: the median and the mean difference
 * of its round trips, its chance to lose one, the load of its gateway.
 */
export function trueScoreMs({ line, link, load = 0 }: SimulatedLine): number {
  const { delayMs = 0, jitterMs = 0, lossRate = 0 } = link;
  const rttMs = 2 * delayMs + jitterMs;
  const meanDifferenceMs = meanDifferenceOfSums(jitterMs + 1);
  const isConnection = line.transport !== 'udp';
  const loss = isConnection ? 0 : 1 - (1 - lossRate) ** 2;
  const retransmissionMs = (loss / (1 - loss)) * timeoutMs(rttMs, meanDifferenceMs);
  const carrierMs = isConnection ? Math.max(10, loss * rttMs) : 0;
  return rttMs + 2 * meanDifferenceMs + retransmissionMs + carrierMs + (load / 255) * 30;
}

/** Of two sums of two even numbers each, from 0 to below `bound`: how far apart they are on average. */
function meanDifferenceOfSums(bound: number): number {
  const chances = Array.from(
    { length: 2 * bound - 1 },
    (_, sum) => (bound - Math.abs(sum - bound + 1)) / bound ** 2,
  );
  return chances.reduce(
    (mean, one, i) => mean + chances.reduce((part, other, j) => part + one * other * Math.abs(i - j), 0),
    0,
  );
}
