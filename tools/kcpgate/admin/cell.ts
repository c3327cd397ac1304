/** Text from elsewhere in a table: what a terminal might obey, or hide, is shown as `?`. */
export function textCell(text: string | null): string {
  return (text ?? '').replace(/\p{C}/gu, '?');
}

/** `31 ms`; nothing when there is nothing yet. */
export function millisecondsCell(ms: number | null): string {
  return ms === null ? '' : `${String(Math.round(ms))} ms`;
}

/** `5.0 %` */
export function shareCell(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** `512 B`, `12.0 KiB` */
export function bytesCell(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** The two largest units: `12s`, `5m03s`, `2h05m`, `3d04h` */
export function ageCell(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit));
  if (days !== undefined && days > 0) return `${String(days)}d${twoDigits((hours ?? 0) % 24)}h`;
  if (hours !== undefined && hours > 0) return `${String(hours)}h${twoDigits((minutes ?? 0) % 60)}m`;
  if (minutes !== undefined && minutes > 0) return `${String(minutes)}m${twoDigits(seconds % 60)}s`;
  return `${String(seconds)}s`;
}

/** `1 session`, `2 sessions` */
export function countOf(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

const twoDigits = (value: number): string => String(value).padStart(2, '0');
