import { closeCodeName } from '../../../../src/base/close-code.ts';
import type { SpuriousRetransmission } from '../examine/examiner-options.ts';
import type { FlowReport } from '../examine/flow-report.ts';
import type {
  DirectionReport,
  LineChange,
  RoundTripReport,
  SessionClose,
  SessionReport,
  WindowReport,
} from '../examine/session-report.ts';
import type { ExpertNote } from '../examined.ts';
import type { Findings } from './findings.ts';

/** The object of the whole capture: how much there was, what was not, and what there was no room for. */
export function jsonOfCapture({ capture, left, startUs }: Findings): object {
  return { ...capture, ...left, startUs: timeOf(startUs) };
}

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
  const { index, conv, type, clientToldBy, client, gateway, realClient, carriers, close } = report;
  return {
    index,
    conv,
    sessionType: type,
    clientToldBy,
    client,
    gateway,
    realClient,
    flows: report.flows.map((flow) => flow.index),
    carriers,
    firstUs: timeOf(report.firstUs),
    lastUs: timeOf(report.lastUs),
    firstPacket: report.firstPacket,
    lastPacket: report.lastPacket,
    beginningSeen: report.beginningSeen,
    unopened: report.unopened,
    handshakeUs: numberOf(report.handshakeUs),
    lineChanges: report.lineChanges.map(jsonOfChange),
    lineChangeCount: report.lineChangeCount,
    close: close === null ? null : jsonOfClose(close),
    fromClient: jsonOfDirection(report.fromClient),
    fromGateway: jsonOfDirection(report.fromGateway),
  };
}

function jsonOfChange({ timeUs, packet, from, to, isRebinding }: LineChange): object {
  return { timeUs: timeOf(timeUs), packet, from: from.index, to: to.index, isRebinding };
}

function jsonOfClose({ code, by, how, reason, timeUs, packet }: SessionClose): object {
  return { code, name: closeCodeName(code), by, how, reason, timeUs: timeOf(timeUs), packet };
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
  const { retransmissions, roundTrip, window } = report;
  return {
    packets: report.packets,
    bytes: report.bytes,
    segments: report.segments,
    pushes: report.pushes,
    payloadBytes: report.payloadBytes,
    goodputBytesPerSecond: numberOf(report.goodputBytesPerSecond),
    messages: report.messages,
    fragments: report.fragments,
    retransmissions: {
      total: retransmissions.total,
      fast: retransmissions.fast,
      lineChange: retransmissions.lineChange,
      timeout: retransmissions.timeout,
      ofUnseen: retransmissions.ofUnseen,
      spurious: retransmissions.spurious,
    },
    duplicateSegments: report.duplicateSegments,
    duplicatePackets: report.duplicatePackets,
    missingNumbers: report.missingNumbers,
    copies: report.copies,
    reorderedSegments: report.reorderedSegments,
    maxReorderDepth: report.maxReorderDepth,
    acks: report.acks,
    duplicateAcks: report.duplicateAcks,
    roundTrip: roundTrip.count === 0 ? null : jsonOfRoundTrip(roundTrip),
    window: window.min < 0 ? null : jsonOfWindow(window),
    datagrams: report.datagrams,
    keepalives: report.keepalives,
    probes: report.probes,
    firstUs: timeOf(report.firstUs),
    lastUs: timeOf(report.lastUs),
  };
}

function jsonOfRoundTrip({ count, minUs, p50Us, p95Us, maxUs }: RoundTripReport): object {
  return { count, minUs, p50Us, p95Us, maxUs };
}

function jsonOfWindow({ min, max, last, zeroUs, zeroCount }: WindowReport): object {
  return { min, max, last, zeroUs, zeroCount };
}

const numberOf = (value: number): number | null => (Number.isFinite(value) ? value : null);
const timeOf = (timeUs: number): number | null => (timeUs > 0 ? timeUs : null);
