import type { CloseCode } from '../../../../src/base/close-code.ts';
import { INITIAL_RTO_MS } from '../../../../src/kcp/rtt-estimator.ts';
import type { KcpStats } from '../../../../src/kcp/index.ts';
import type { AdminTarget } from '../../../../src/gateway/admin/admin-target.ts';
import { parseSessionId } from '../../../../src/gateway/session-id.ts';
import type { SessionQuery, SessionReport } from '../../../../src/gateway/data-plane.ts';
import type { GatewayStatus } from '../../../../src/gateway/gateway-status.ts';
import type { GatewayHealth } from '../../../../src/gateway/health/health-report.ts';
import type { DrainNotice } from '../../../../src/session/index.ts';
import { exampleStatus } from './example-status.ts';

/** A gateway without sockets, whose sessions a test writes down. */
export class TestTarget implements AdminTarget {
  isStopping = false;
  open: SessionReport[] = [];
  draining: DrainNotice | null = null;
  readonly kicks: { readonly query: SessionQuery; readonly code: CloseCode; readonly reason: string }[] = [];
  /** Thrown by the next question for the status. */
  failure: Error | undefined;
  /** Held back until it resolves. */
  gate: Promise<void> = Promise.resolve();
  /** How often the status was asked for. */
  asked = 0;

  async status(): Promise<GatewayStatus> {
    this.asked++;
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return { ...exampleStatus(), draining: this.draining !== null };
  }

  health(): GatewayHealth {
    const accepting = this.draining === null ? 'ready' : 'draining';
    return { accepting, workers: { expected: 1, running: 1 } };
  }

  sessions({ after, limit, ...query }: SessionQuery): Promise<readonly SessionReport[]> {
    const found = this.matching(query).filter(
      ({ id }) => after === undefined || orderOf(id) > orderOf(after),
    );
    found.sort((a, b) => orderOf(a.id) - orderOf(b.id));
    return Promise.resolve(found.slice(0, limit));
  }

  kick(query: SessionQuery, code: CloseCode, reason: string): Promise<number> {
    const found = this.matching(query);
    this.kicks.push({ query, code, reason });
    this.open = this.open.filter((report) => !found.includes(report));
    return Promise.resolve(found.length);
  }

  drain(notice: DrainNotice): void {
    this.draining = notice;
  }

  undrain(): void {
    this.draining = null;
  }

  private matching({ id, conv, subject }: SessionQuery): SessionReport[] {
    return this.open.filter(
      (report) =>
        (id === undefined || report.id === id) &&
        (conv === undefined || report.conv === conv) &&
        (subject === undefined || report.subject === subject),
    );
  }
}

/** A session that has carried something. */
export function report(id: string, changes: Partial<SessionReport> = {}): SessionReport {
  return {
    id,
    conv: 0x0300_0001,
    peer: 'kcpgate',
    state: 'open',
    subject: 'alice',
    sealed: true,
    remoteAddress: { address: '2001:db8::9', family: 6, port: 5000 },
    paths: [
      { port: 'line-tcp', carrier: 'tcp', id: 2, validated: true, lost: false, rttMs: 31 },
      { port: 'line-udp', carrier: 'udp', id: 1, validated: true, lost: true, rttMs: null },
    ],
    moves: 1,
    upstream: 'demo',
    ageMs: 61_000,
    kcp: kcpStats({ segmentsSent: 200, timeoutRetransmits: 3, fastRetransmits: 7, pathRetransmits: 50 }),
    ...changes,
  };
}

export function kcpStats(changes: Partial<KcpStats> = {}): KcpStats {
  return {
    srttMs: 30,
    rttvarMs: 4,
    rtoMs: INITIAL_RTO_MS,
    inFlight: 6,
    waiting: 4,
    queueBytes: 12_000,
    peerWindow: 128,
    congestionWindow: 2 ** 31 - 1,
    segmentsSent: 0,
    segmentsReceived: 100,
    timeoutRetransmits: 0,
    fastRetransmits: 0,
    pathRetransmits: 0,
    duplicatesReceived: 1,
    beyondWindowDrops: 0,
    memoryDrops: 0,
    oversizeDrops: 0,
    acksSent: 100,
    acksReceived: 190,
    windowProbesSent: 0,
    unknownCommands: 0,
    ...changes,
  };
}

/** By worker, then by number. */
function orderOf(id: string): number {
  const { worker, number } = parseSessionId(id)!;
  return worker * 1e6 + number;
}
