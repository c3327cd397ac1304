import type { CarrierStats } from '../../../../src/carrier/carrier.ts';
import { DROP_REASONS, type DropReason, type EndpointStats } from '../../../../src/endpoint/index.ts';
import type { GatewayStatus, ServingStatus } from '../../../../src/gateway/gateway-status.ts';
import { PROBLEM_CODES, type ProblemCode } from '../../../../src/gateway/login/problem.ts';

const group = {
  lingeringSessions: 1,
  closedSessions: { normal: 3, kicked: 1 },
  sinkFailures: 0,
  poolUsedBytes: 1024,
  poolHeldBytes: 4096,
};

const carrier: CarrierStats = {
  receivedDatagrams: 1000,
  receivedBytes: 100_000,
  receiveBatches: 10,
  receiveCalls: 10,
  oversizeDrops: 0,
  receiveDrops: 0,
  batchErrors: 0,
  sentDatagrams: 900,
  sentBytes: 90_000,
  sendCalls: 9,
  segmentedSends: 2,
  sendDrops: 0,
  socketErrors: 0,
};

function endpointStats(openSessions: number): EndpointStats {
  const none = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>;
  return {
    ...group,
    openSessions,
    openedSessions: 7,
    drops: { ...none, unknown_kind: 4, ticket_expired: 2 },
    probesAnswered: 5,
    resetsSent: 1,
    carrier,
  };
}

function serving(): ServingStatus {
  const address = { address: '::1', family: 6, port: 4000 } as const;
  return {
    listeners: [{ name: 'line-udp', type: 'kcp-udp', address, upstream: 'demo', stats: endpointStats(2) }],
    upstreams: {
      demo: {
        sessions: 12,
        activeSessions: 5,
        connections: 4,
        connectFailures: 0,
        brokenConnections: 0,
        bytesFromSessions: 1,
        bytesToSessions: 2,
        heldBytes: 0,
      },
    },
    sessions: {
      ...group,
      openSessions: 3,
      openedSessions: 5,
      halfOpen: 0,
      hellos: 6,
      refusals: { ticket_expired: 1 },
      clearSessions: 0,
      moves: 2,
      relayed: 0,
    },
    draining: false,
  };
}

/** A gateway with two workers, a listener, an upstream, and logins. */
export function exampleStatus(): GatewayStatus {
  const refused = Object.fromEntries(PROBLEM_CODES.map((code) => [code, 0])) as Record<ProblemCode, number>;
  const worker = {
    ...serving(),
    stale: false,
    failures: 0,
    lastFailure: null,
    handedOn: 0,
    droppedLogRecords: 0,
  };
  return {
    ...serving(),
    nodeId: 'gw-test',
    native: { status: 'missing', reason: 'not built' },
    login: { issued: 5, refused, checking: 0 },
    workers: [
      { ...worker, index: 0, state: 'running' },
      { ...worker, index: 1, state: 'waiting', stale: true, failures: 1, lastFailure: 'out of memory' },
    ],
  };
}
