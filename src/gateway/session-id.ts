/** What ids of sessions look like: `<worker>.<number>`. */
export const SESSION_ID_PATTERN = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,14})$/;

/** The parts of an id; undefined when the text is none. */
export function parseSessionId(
  text: string,
): { readonly worker: number; readonly number: number } | undefined {
  const [, worker, number] = SESSION_ID_PATTERN.exec(text) ?? [];
  return worker === undefined ? undefined : { worker: Number(worker), number: Number(number) };
}

/** Orders ids by worker, then by number: below 0 when `a` comes first. */
export function compareSessionIds(a: string, b: string): number {
  const one = parseSessionId(a);
  const other = parseSessionId(b);
  if (one === undefined || other === undefined) return a < b ? -1 : Number(a > b);
  return one.worker - other.worker || one.number - other.number;
}
