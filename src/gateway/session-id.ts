/** What ids of sessions look like: `<worker>.<number>`. */
export const SESSION_ID_PATTERN = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,14})$/;

/** The parts of an id; undefined when the text is none. */
export function parseSessionId(
  text: string,
): { readonly worker: number; readonly number: number } | undefined {
  const [, worker, number] = SESSION_ID_PATTERN.exec(text) ?? [];
  return worker === undefined ? undefined : { worker: Number(worker), number: Number(number) };
}
