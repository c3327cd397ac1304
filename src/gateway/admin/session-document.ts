import { formatSocketAddress } from '../../base/address.ts';
import type { KcpStats } from '../../kcp/index.ts';
import type { SessionReport } from '../data-plane.ts';
import { countersOf } from './counters.ts';
import type { Session, SessionDetail } from './session-schema.ts';

/** A session as the API shows it. */
export function sessionDocument(report: SessionReport): Session {
  const { remoteAddress, paths, kcp } = report;
  return {
    id: report.id,
    conv: report.conv,
    peer: report.peer,
    state: report.state,
    subject: report.subject,
    sealed: report.sealed,
    address: remoteAddress === null ? null : formatSocketAddress(remoteAddress),
    carrier: paths[0]?.carrier ?? null,
    paths: paths.map(({ port, carrier, id, validated, lost, rttMs }) => ({
      listener: port,
      carrier,
      id,
      validated,
      lost,
      rttMs,
    })),
    moves: report.moves,
    upstream: report.upstream,
    ageMs: report.ageMs,
    rttMs: kcp.srttMs,
    loss: lossOf(kcp),
    queue: { bytes: kcp.queueBytes, waiting: kcp.waiting, inFlight: kcp.inFlight },
  };
}

/** A session as the API shows it when it is asked for alone. */
export function sessionDetail(report: SessionReport): SessionDetail {
  return { ...sessionDocument(report), kcp: countersOf(report.kcp) };
}

/** What was sent again after a change of the path is not lost. */
function lossOf({ segmentsSent, timeoutRetransmits, fastRetransmits }: KcpStats): number {
  const resent = timeoutRetransmits + fastRetransmits;
  return segmentsSent === 0 ? 0 : Math.min(1, resent / segmentsSent);
}
