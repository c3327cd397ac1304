import { parseSessionId } from '../../../src/gateway/session-id.ts';
import {
  MAX_PAGE,
  SESSION_DETAIL,
  SESSION_LIST,
  type Session,
  type SessionDetail,
  type SessionList,
} from '../../../src/gateway/admin/session-schema.ts';
import { alignRows } from '../align-rows.ts';
import type { AdminAnswer, AdminClient } from './admin-client.ts';
import type { AdminOptions } from './admin-options.ts';
import { ageCell, bytesCell, millisecondsCell, shareCell, textCell } from './cell.ts';
import { detailLines } from './detail-lines.ts';
import type { AdminReport } from './run-admin.ts';

/** What the options of `sessions` give. */
export interface SessionsOptions extends AdminOptions {
  readonly subject?: string;
  readonly conv?: number;
  readonly limit?: number;
}

/** Lists open sessions, as many pages as it takes. */
export async function listSessions(api: AdminClient, options: SessionsOptions): Promise<AdminReport> {
  const { subject, conv, limit = Number.POSITIVE_INFINITY } = options;
  const found: Session[] = [];
  const json: unknown[] = [];
  let next: string | null = null;
  do {
    const query: URLSearchParams = new URLSearchParams({
      ...(subject === undefined ? {} : { subject }),
      ...(conv === undefined ? {} : { conv: String(conv) }),
      ...(next === null ? {} : { after: next }),
      limit: String(Math.min(MAX_PAGE, limit - found.length)),
    });
    const page: AdminAnswer<SessionList> = await api.get(`api/sessions?${query.toString()}`, SESSION_LIST);
    found.push(...page.value.sessions);
    json.push(...(page.json as { readonly sessions: readonly unknown[] }).sessions);
    next = isAfter(page.value.next, next) ? page.value.next : null;
  } while (next !== null && found.length < limit);
  return { text: sessionTable(found, next !== null), json: { sessions: json, next } };
}

/** Shows one session with all its counters. */
export async function showSession(api: AdminClient, id: string): Promise<AdminReport> {
  const { value, json } = await api.get(`api/sessions/${encodeURIComponent(id)}`, SESSION_DETAIL);
  return { text: sessionText(value), json };
}

/** A page that leads back would be asked for again and again. */
function isAfter(next: string | null, before: string | null): boolean {
  if (next === null || before === null) return next !== null;
  const [one, other] = [parseSessionId(before), parseSessionId(next)];
  if (one === undefined || other === undefined) return false;
  return other.worker > one.worker || (other.worker === one.worker && other.number > one.number);
}

function sessionTable(sessions: readonly Session[], hasMore: boolean): string {
  if (sessions.length === 0) return 'no open sessions\n';
  const rows = sessions.map((session) => [
    session.id,
    String(session.conv),
    textCell(session.subject),
    textCell(session.address),
    session.carrier ?? '',
    millisecondsCell(session.rttMs),
    shareCell(session.loss),
    bytesCell(session.queue.bytes),
    textCell(session.upstream),
    ageCell(session.ageMs),
    session.state === 'open' ? '' : session.state,
  ]);
  const lines = alignRows([HEADER, ...rows], NUMERIC_COLUMNS);
  if (hasMore) lines.push('... and more: --limit');
  return `${lines.join('\n')}\n`;
}

const HEADER = [
  'ID',
  'CONV',
  'SUBJECT',
  'ADDRESS',
  'CARRIER',
  'RTT',
  'LOSS',
  'QUEUE',
  'UPSTREAM',
  'AGE',
  'STATE',
];
const NUMERIC_COLUMNS: ReadonlySet<number> = new Set([1, 5, 6, 7, 9]);

function sessionText(session: SessionDetail): string {
  const { queue, paths, kcp } = session;
  return detailLines([
    ['id', session.id],
    ['conv', String(session.conv)],
    ['state', session.state],
    ['subject', session.subject === null ? '(no login)' : textCell(session.subject)],
    ['address', textCell(session.address)],
    ['peer', `${session.peer}, ${session.sealed ? 'encrypted' : 'not encrypted'}`],
    ['upstream', textCell(session.upstream)],
    ['age', ageCell(session.ageMs)],
    ['rtt', millisecondsCell(session.rttMs)],
    ['loss', shareCell(session.loss)],
    [
      'queue',
      `${bytesCell(queue.bytes)}, ${String(queue.waiting)} segments waiting, ${String(queue.inFlight)} in flight`,
    ],
    ...paths.map((path, index): [string, string] => [index === 0 ? 'path' : '', pathText(path)]),
    ['moves', String(session.moves)],
    ['', ''],
    ...Object.entries(kcp).map(([name, value]): [string, string] => [
      textCell(name),
      typeof value === 'number' ? String(value) : JSON.stringify(value),
    ]),
  ]);
}

function pathText({ listener, carrier, id, validated, lost, rttMs }: Session['paths'][number]): string {
  const words = [`${String(id)}:`, carrier, textCell(listener), millisecondsCell(rttMs)];
  if (!validated) words.push('not validated');
  if (lost) words.push('lost');
  return words.filter((word) => word !== '').join(' ');
}
