import { formatSocketAddress } from '../../base/address.ts';
import type { GatewayStatus, ListenerStatus, ServingStatus, WorkerStatus } from '../gateway-status.ts';
import { countersOf } from './counters.ts';
import type { ServingState, Status } from './status-schema.ts';

/** The state of a gateway as the API shows it. */
export function statusDocument(status: GatewayStatus, isStopping: boolean, uptimeMs: number): Status {
  const { native, sessions, login } = status;
  return {
    nodeId: status.nodeId,
    state: servingState(isStopping, status.draining),
    uptimeMs,
    native: { status: native.status, reason: native.status === 'loaded' ? null : native.reason },
    sessions: {
      open: openSessionsOf(status),
      opened:
        sum(status.listeners.map(({ stats }) => stats.openedSessions)) + (sessions?.openedSessions ?? 0),
      loggedIn: sessions?.openSessions ?? 0,
      counters: sessions === null ? null : countersOf(sessions),
    },
    login: countersOf(login),
    listeners: status.listeners.map(listenerDocument),
    upstreams: Object.entries(status.upstreams).map(([name, stats]) => ({
      name,
      activeSessions: stats.activeSessions,
      connections: stats.connections,
      counters: countersOf(stats),
    })),
    workers: status.workers.map(workerDocument),
  };
}

function servingState(isStopping: boolean, isDraining: boolean): ServingState {
  if (isStopping) return 'stopping';
  return isDraining ? 'draining' : 'serving';
}

function listenerDocument({
  name,
  type,
  address,
  upstream,
  stats,
}: ListenerStatus): Status['listeners'][number] {
  return {
    name,
    type,
    address: formatSocketAddress(address),
    upstream,
    openSessions: stats.openSessions,
    receivedDatagrams: stats.carrier.receivedDatagrams,
    sentDatagrams: stats.carrier.sentDatagrams,
    droppedDatagrams: sum(Object.values(stats.drops)),
    counters: countersOf(stats),
  };
}

function workerDocument(worker: WorkerStatus): Status['workers'][number] {
  const { index, state, stale, failures, lastFailure, droppedLogRecords } = worker;
  const openSessions = openSessionsOf(worker);
  return { index, state, stale, openSessions, failures, lastFailure, droppedLogRecords };
}

function openSessionsOf({ listeners, sessions }: ServingStatus): number {
  return sum(listeners.map(({ stats }) => stats.openSessions)) + (sessions?.openSessions ?? 0);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
