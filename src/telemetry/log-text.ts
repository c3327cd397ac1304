const MINOR_KEYS = new Set(['time', 'level', 'component', 'msg']);

/**
 * A JSON log record as one line for people: `11:02:13.456 INFO  endpoint  session opened conv=7 peer=1.2.3.4:5`.
 * The time is UTC. Control characters are escaped, so that a record is one line whatever it holds.
 */
export function recordToText(json: string): string {
  const record = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const time = textOf(record.time).slice(11, 23);
  const level = textOf(record.level).toUpperCase().padEnd(5);
  const component = textOf(record.component ?? '-').padEnd(8);
  const fields = Object.entries(record)
    .filter(([key]) => !MINOR_KEYS.has(key))
    .map(([key, value]) => ` ${escape(key)}=${fieldText(value)}`);
  return `${time} ${level} ${component} ${textOf(record.msg)}${fields.join('')}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value !== 'string') return escape(JSON.stringify(value));
  return /^[^\s"=]+$/.test(value) ? escape(value) : escape(JSON.stringify(value));
}

function textOf(value: unknown): string {
  return escape(typeof value === 'string' ? value : JSON.stringify(value ?? ''));
}

/** Nothing that ends a line or steers a terminal gets through. */
function escape(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
