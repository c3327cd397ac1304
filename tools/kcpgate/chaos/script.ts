import { parseDurationMs } from '../../../src/gateway/config/units.ts';
import type { Change } from './change.ts';
import { readChange } from './parse-change.ts';
import { MAX_DURATION_MS, shown } from './read-value.ts';
import { WordReader } from './words.ts';

/** Something that is to be done at a time, or again and again. */
export interface Step {
  /** The first time, in ms since the start. */
  readonly atMs: number;
  /** Then again after each so many ms; null: once. */
  readonly everyMs: number | null;
  readonly change: Change;
  /** The change in its words. */
  readonly text: string;
}

/** What is wrong with a script, and where, from 1. */
export interface ScriptFault {
  readonly line: number;
  readonly column: number;
  readonly error: string;
}

/** The steps of a script, or everything that is wrong with it. */
export type ParsedScript =
  | { readonly ok: true; readonly steps: readonly Step[] }
  | { readonly ok: false; readonly faults: readonly ScriptFault[] };

/** Reads lines such as `at 5s udp blackhole up` and `every 30s udp rebind`; empty ones and comments (`#`) are left out. */
export function parseScript(text: string): ParsedScript {
  const steps: Step[] = [];
  const faults: ScriptFault[] = [];
  for (const [index, line] of text.split(/\r?\n/u).entries()) {
    const words = new WordReader(line);
    if (words.isAtEnd) continue;
    const step = readStep(words, line);
    if (words.fault !== null) faults.push({ line: index + 1, ...words.fault });
    else if (step !== undefined) steps.push(step);
    if (steps.length > MAX_STEPS || faults.length >= MAX_FAULTS) {
      if (steps.length > MAX_STEPS) faults.push({ line: index + 1, column: 1, error: TOO_MANY_STEPS });
      break;
    }
  }
  return faults.length === 0 ? { ok: true, steps } : { ok: false, faults };
}

/** Reads one step as an option gives it: as a line of a script, where `at` may be left out. */
export function parseStep(text: string): ParsedScript {
  if (/^\s*(?:at|every)\s/u.test(text)) return parseScript(text);
  const parsed = parseScript(AT + text);
  if (parsed.ok) return parsed;
  const faults = parsed.faults.map((fault) => ({ ...fault, column: Math.max(1, fault.column - AT.length) }));
  return { ok: false, faults };
}

function readStep(words: WordReader, line: string): Step | undefined {
  const kind = words.takeOne(['at', 'every']);
  if (kind === undefined) return words.failHere(`a line begins with at or every, not "${shown(words.next)}"`);
  const text = words.take('the time');
  if (text === undefined) return undefined;
  const ms = parseDurationMs(text) ?? -1;
  const minMs = kind === 'at' ? 0 : MIN_EVERY_MS;
  if (ms < minMs || ms > MAX_AT_MS) {
    return words.fail(
      `the time must be a duration from ${String(minMs)}ms to 24h, such as 5s, not "${shown(text)}"`,
    );
  }
  const change = readChange(words);
  if (change === undefined) return undefined;
  const bare = line
    .replace(/\s#.*$/u, '')
    .trim()
    .split(/\s+/u)
    .slice(2)
    .join(' ');
  return { atMs: ms, everyMs: kind === 'at' ? null : ms, change, text: bare };
}

const AT = 'at ';
const MIN_EVERY_MS = 10;
const MAX_AT_MS = 24 * MAX_DURATION_MS;
const MAX_STEPS = 10_000;
const TOO_MANY_STEPS = `a script has at most ${String(MAX_STEPS)} steps`;
/** Nobody mends more at a time. */
const MAX_FAULTS = 20;
