import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NginxSet } from './nginx-set.ts';

/** How a file of a folder is different from the one it should be. */
export interface SetDifference {
  readonly name: string;
  /** `extra`: it is there and should not be. `outdated`: an include file of other gateways. */
  readonly kind: 'missing' | 'different' | 'extra' | 'outdated';
}

/** What is not as the set has it. In what state gateways are is no difference: that is the checker's. */
export function compareSet(set: NginxSet, folder: string): SetDifference[] {
  const differences: SetDifference[] = [];
  for (const [name, text] of set.files) {
    const found = readIfThere(join(folder, name));
    if (found === undefined) differences.push({ name, kind: 'missing' });
    else if (found !== text) differences.push({ name, kind: 'different' });
  }
  for (const [name, text] of set.includeFiles) {
    const found = readIfThere(join(folder, name));
    if (found === undefined) differences.push({ name, kind: 'missing' });
    else if (isOutdated(found, text)) differences.push({ name, kind: 'outdated' });
  }
  for (const name of set.absent) {
    if (existsSync(join(folder, name))) differences.push({ name, kind: 'extra' });
  }
  return differences;
}

/** What writing did, by name. */
export interface WrittenSet {
  readonly written: readonly string[];
  readonly removed: readonly string[];
  /** Include files that were there and stay as they are. */
  readonly kept: readonly string[];
  /** Those of them that have other gateways than the set: the checker has to start anew. */
  readonly outdated: readonly string[];
}

/**
 * Makes a folder what the set has; what is right already is not touched.
 * @param overwrite whether include files that are there are written, too, all gateways up.
 * @throws Error of the file system, with what was written until then in place; each file is complete or as before.
 */
export function writeSet(set: NginxSet, folder: string, overwrite: boolean): WrittenSet {
  const kept: string[] = [];
  const outdated: string[] = [];
  const wanted = [...set.files];
  for (const [name, text] of set.includeFiles) {
    const found = overwrite ? undefined : readIfThere(join(folder, name));
    if (found === undefined) wanted.push([name, text]);
    else kept.push(name);
    if (found !== undefined && isOutdated(found, text)) outdated.push(name);
  }
  const written: string[] = [];
  for (const [name, text] of wanted) {
    const path = join(folder, name);
    if (readIfThere(path) === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    const unfinished = `${path}.${String(process.pid)}.new`;
    try {
      writeFileSync(unfinished, text);
      renameSync(unfinished, path);
    } finally {
      rmSync(unfinished, { force: true });
    }
    written.push(name);
  }
  const removed = set.absent.filter((name) => existsSync(join(folder, name)));
  for (const name of removed) rmSync(join(folder, name));
  return { written, removed, kept, outdated };
}

/** Whether two include files have other gateways, in whatever state these are. */
function isOutdated(found: string, wanted: string): boolean {
  return gatewayLines(found) !== gatewayLines(wanted);
}

/** Of a pool each server and its weight, of owners each id; without what changes with a state. */
function gatewayLines(text: string): string {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/#.*$/, '')
      .replace(/ down;/, ';')
      .trim(),
  );
  return lines
    .map((line) => line.replace(/^(\d+) .*$/, '$1'))
    .filter((line) => line !== '')
    .join('\n');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
