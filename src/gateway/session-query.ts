import type { SessionQuery, SessionReport } from './data-plane.ts';

/** Whether a session is one of those asked for; `limit` is not looked at. */
export function meetsQuery(session: SessionReport, { id, conv, subject }: SessionQuery): boolean {
  return (
    (id === undefined || session.id === id) &&
    (conv === undefined || session.conv === conv) &&
    (subject === undefined || session.subject === subject)
  );
}
