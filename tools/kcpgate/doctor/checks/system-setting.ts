import { readFileSync } from 'node:fs';

/** A file of /proc or /sys, without the line end; undefined where it cannot be read, as on other systems. */
export function systemSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trimEnd();
  } catch {
    return undefined;
  }
}
