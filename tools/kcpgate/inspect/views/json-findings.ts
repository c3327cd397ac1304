import { closeCodeName } from '../../../../src/base/close-code.ts';
import type { SpuriousRetransmission } from '../examine/examiner-options.ts';
import type { FlowReport } from '../examine/flow-report.ts';
import type { DirectionReport, SessionReport } from '../examine/session-report.ts';
import type { ExpertNote } from '../examined.ts';

/** The object of a flow. */
export function jsonOfFlow(report: FlowReport): object {
  const { flow, description, kinds, fec, proxyHeaders, proxyHeaderCount, packets, bytes } = report;
  return {
    index: flow.index,
    carrier: flow.carrier,
    a: flow.a,
    b: flow.b,
    description,
    kinds,
    fec,
    proxyHeaders,
    proxyHeaderCount,
    packets,
    bytes,
    cutOff: report.cutOff,
    probes: report.probes,
    firstUs: timeOf(report.firstUs),
    lastUs: timeOf(report.lastUs),
  };
}

/** The object of a session: its report, with null where there is nothing, and lines by the numbers of their flows. */
export function jsonOfSession(report: SessionReport): object {
  const { flows, lineChanges, close, fromClient, fromGateway, handshakeUs, ...rest } = report;
  return {
    ...rest,
    firstUs: timeOf(report.firstUs),
    lastUs: timeOf(report.lastUs),
    handshakeUs: numberOf(handshakeUs),
    flows: flows.map(({ index }) => index),
    lineChanges: lineChanges.map(({ timeUs, packet, from, to, isRebinding }) => ({
      timeUs: timeOf(timeUs),
      packet,
      from: from.index,
      to: to.index,
      isRebinding,
    })),
    close:
      close === null ? null : { ...close, name: closeCodeName(close.code), timeUs: timeOf(close.timeUs) },
    fromClient: jsonOfDirection(fromClient),
    fromGateway: jsonOfDirection(fromGateway),
  };
}

/** The object of a note. */
export function jsonOfNote({ code, severity, session, packets, text }: ExpertNote): object {
  return { code, severity, session: session < 0 ? null : session, packets, text };
}

/** The object of a retransmission that was not needed. */
export function jsonOfSpurious(spurious: SpuriousRetransmission): object {
  const { session, isFromClient, packet, sn, evidence, shownBy } = spurious;
  return { session, direction: isFromClient ? 'client' : 'gateway', packet, sn: sn >>> 0, evidence, shownBy };
}

function jsonOfDirection(report: DirectionReport): object {
  const { roundTrip, window, goodputBytesPerSecond, firstUs, lastUs } = report;
  return {
    ...report,
    goodputBytesPerSecond: numberOf(goodputBytesPerSecond),
    firstUs: timeOf(firstUs),
    lastUs: timeOf(lastUs),
    roundTrip:
      roundTrip.count === 0
        ? null
        : {
            count: roundTrip.count,
            minUs: roundTrip.minUs,
            p50Us: roundTrip.p50Us,
            p95Us: roundTrip.p95Us,
            maxUs: roundTrip.maxUs,
          },
    window: window.min < 0 ? null : { ...window },
  };
}

const numberOf = (value: number): number | null => (Number.isFinite(value) ? value : null);
const timeOf = (timeUs: number): number | null => (timeUs > 0 ? timeUs : null);
