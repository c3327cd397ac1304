/**
 * Reads a date and time as RFC 3339 has it.
 * @returns ms of Unix time, fractions of a ms cut off; undefined for anything else, and for a day that no calendar has.
 */
export function parseRfc3339(text: string): number | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHours, zoneMinutes] = match;
  const local = unixMs([year, month, day, hour, minute, second].map(Number));
  const zone = [Number(zoneHours ?? 0), Number(zoneMinutes ?? 0)] as const;
  if (local === undefined || zone[0] > 23 || zone[1] > 59) return undefined;
  const zoneMs = (zone[0] * 60 + zone[1]) * 60_000;
  return local + Number(fraction.padEnd(3, '0').slice(0, 3)) + (sign === '-' ? zoneMs : -zoneMs);
}

/**
 * Reads a date as HTTP has it: `Sun, 06 Nov 1994 08:49:37 GMT`. The older forms, which nobody may send, are not read.
 * @returns ms of Unix time; undefined for anything else.
 */
export function parseHttpDate(text: string): number | undefined {
  const match = HTTP_DATE.exec(text);
  if (match === null) return undefined;
  const [, day, month = '', year, hour, minute, second] = match;
  return unixMs([year, MONTHS.indexOf(month) + 1, day, hour, minute, second].map(Number));
}

/** @param fields year, month from 1 on, day, hour, minute, second; a leap second counts as the one after it. */
function unixMs(fields: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  let days = daysBefore(year) - daysBefore(1970) + day - 1;
  for (let earlier = 1; earlier < month; earlier++) days += daysOf(year, earlier);
  return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
}

/** Days of the years from 1 on, before this one. */
function daysBefore(year: number): number {
  const last = year - 1;
  return 365 * last + Math.floor(last / 4) - Math.floor(last / 100) + Math.floor(last / 400);
}

function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
