import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError } from '../../../src/base/errors.ts';

/** That this process alone writes in a folder. */
export interface DirectoryLock {
  /** Safe to call twice. */
  release(): void;
}

/**
 * Takes a folder for this process. A lock of a process that is gone is taken over.
 * @throws GatewayError `config_invalid` when another process has it; `io_failed` when the folder cannot be written.
 */
export function lockDirectory(path: string): DirectoryLock {
  const file = join(path, LOCK_FILE);
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (create(file, own)) {
      let isHeld = true;
      return {
        release: () => {
          if (isHeld && textOf(file) === own) rmSync(file, { force: true });
          isHeld = false;
        },
      };
    }
    const found = textOf(file);
    if (found === undefined) continue;
    const holder = holderIn(found);
    if (holder !== undefined) {
      throw new GatewayError(
        'config_invalid',
        `kcpgate: another upstream-check (process ${String(holder)}) writes in ${path}; its lock is ${file}`,
      );
    }
    takeAway(file, found);
  }
  throw new GatewayError('io_failed', `cannot take the lock ${file}: others take it, too`);
}

/** Makes the lock with its text in one step. @returns false when there is one. */
function create(file: string, text: string): boolean {
  const made = `${file}.${String(process.pid)}`;
  try {
    writeFileSync(made, text, { mode: 0o644 });
    linkSync(made, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    const reason = error instanceof Error ? error.message : String(error);
    throw new GatewayError('io_failed', `cannot write in the include directory: ${reason}`, { cause: error });
  } finally {
    rmSync(made, { force: true });
  }
}

/** Removes a lock that is nobody's, unless another process did and has one of its own there already. */
function takeAway(file: string, expected: string): void {
  const aside = `${file}.${String(process.pid)}.stale`;
  try {
    renameSync(file, aside);
    if (textOf(aside) !== expected) linkSync(aside, file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** The process that holds a lock with this text; undefined when it is gone. */
function holderIn(text: string): number | undefined {
  const { pid, started } = parsed(text);
  // A process of the same number that started at another time is not the one.
  return typeof pid === 'number' && pid > 0 && startOf(pid) === started && isRunning(pid) ? pid : undefined;
}

function parsed(text: string): { readonly pid?: unknown; readonly started?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Since when the process runs, with the boot it belongs to; empty where the system does not tell (only Linux does). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    // The name in parentheses may hold blanks; the start is the 20th field after it.
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${start}`;
  } catch {
    return '';
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** Its name in the folder. */
export const LOCK_FILE = 'upstream-check.lock';
const MAX_ATTEMPTS = 10;
