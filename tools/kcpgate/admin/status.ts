import { STATUS, type Status } from '../../../src/gateway/admin/status-schema.ts';
import { alignRows } from '../align-rows.ts';
import type { AdminClient } from './admin-client.ts';
import { ageCell, textCell } from './cell.ts';
import { detailLines } from './detail-lines.ts';
import type { AdminReport } from './run-admin.ts';

/** Shows how a gateway stands. */
export async function status(api: AdminClient): Promise<AdminReport> {
  const { value, json } = await api.get('api/status', STATUS);
  return { text: statusText(value), json };
}

function statusText(gateway: Status): string {
  const { nodeId, state, uptimeMs, native, sessions } = gateway;
  const head = detailLines([
    ['node', textCell(nodeId)],
    ['state', state],
    ['up', ageCell(uptimeMs)],
    ['native addon', native.reason === null ? native.status : `${native.status}: ${textCell(native.reason)}`],
    [
      'sessions',
      `${String(sessions.open)} open, ${String(sessions.loggedIn)} of them logged in; ${String(sessions.opened)} opened`,
    ],
  ]);
  const tables = [listenerTable(gateway), upstreamTable(gateway), workerTable(gateway)];
  return [head, ...tables.filter((table) => table !== '')].join('\n');
}

function listenerTable({ listeners }: Status): string {
  const rows = listeners.map((listener) => [
    textCell(listener.name),
    listener.type,
    textCell(listener.address),
    textCell(listener.upstream),
    ...[
      listener.openSessions,
      listener.receivedDatagrams,
      listener.sentDatagrams,
      listener.droppedDatagrams,
    ].map(String),
  ]);
  const header = ['LISTENER', 'TYPE', 'ADDRESS', 'UPSTREAM', 'WITHOUT LOGIN', 'RECEIVED', 'SENT', 'DROPPED'];
  return table(header, rows, [4, 5, 6, 7]);
}

function upstreamTable({ upstreams }: Status): string {
  const rows = upstreams.map(({ name, activeSessions, connections }) => [
    textCell(name),
    String(activeSessions),
    String(connections),
  ]);
  return table(['UPSTREAM', 'SESSIONS', 'CONNECTIONS'], rows, [1, 2]);
}

function workerTable({ workers }: Status): string {
  const rows = workers.map((worker) => [
    String(worker.index),
    worker.stale ? `${worker.state}, does not answer` : worker.state,
    String(worker.openSessions),
    String(worker.failures),
    textCell(worker.lastFailure),
  ]);
  return table(['WORKER', 'STATE', 'SESSIONS', 'FAILURES', 'LAST FAILURE'], rows, [0, 2, 3]);
}

/** Nothing where there are no rows. */
function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly number[],
): string {
  if (rows.length === 0) return '';
  return `${alignRows([header, ...rows], new Set(numeric)).join('\n')}\n`;
}
