const DURATION_UNITS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

const SIZE_UNITS: readonly (readonly [string, number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['', 1],
];

/** Reads `500ms`, `5s`, `1.5m` or `2h`. @returns milliseconds, or undefined when the text is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  return parse(text, DURATION_UNITS);
}

/** Reads `64KiB`, `4MiB`, `1GiB` or a plain number of bytes. @returns bytes, or undefined when it is not a size. */
export function parseSizeBytes(text: string): number | undefined {
  return parse(text, SIZE_UNITS);
}

/** The shortest exact form: 90000 is `90s`, 60000 is `1m`. */
export function formatDuration(ms: number): string {
  return ms === 0 ? '0s' : format(ms, DURATION_UNITS);
}

/** The shortest exact form: 65536 is `64KiB`. */
export function formatSize(bytes: number): string {
  return format(bytes, SIZE_UNITS);
}

function parse(text: string, units: readonly (readonly [string, number])[]): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]*)$/.exec(text);
  const factor = units.find(([unit]) => unit === match?.[2])?.[1];
  if (match === null || factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

function format(value: number, units: readonly (readonly [string, number])[]): string {
  const found = units.find(([, factor]) => value >= factor && value % factor === 0);
  return found === undefined ? String(value) : `${String(value / found[1])}${found[0]}`;
}
