/** Where a value was written. */
export interface Origin {
  /** What to look for: a file name, an environment variable, a flag, or `default`. */
  readonly source: string;
  /** Line in the file, from 1. */
  readonly line?: number;
  /** Column in the line, in UTF-16 units, from 1. */
  readonly column?: number;
}

/** One thing that is wrong (or doubtful) in a configuration. */
export interface ConfigIssue extends Origin {
  /** Path of the key, as `listeners[0].mtu`; empty for the whole file. */
  readonly path: string;
  /** What is wrong and what would be right, without a full stop. */
  readonly message: string;
}

/** Longest line of {@link formatIssues}; keys and values of a file can be of any length. */
const MAX_LINE = 500;

/** Steps from the top of the configuration to a value: keys and list indexes. */
export type ConfigPath = readonly (string | number)[];

/** `listeners[0].mtu`; keys of other characters stand in brackets: `upstreams["a.b"]`. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${String(step)}]`;
    else if (!/^[\w<>-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/**
 * One line for each issue: `gateway.yaml:4:12: listeners[0].mtu: must be ...`.
 * @param maxLines lines before the rest is only counted; default 50.
 */
export function formatIssues(issues: readonly ConfigIssue[], maxLines = 50): string {
  const lines = issues.slice(0, maxLines).map(formatIssue);
  if (issues.length > maxLines) lines.push(`and ${String(issues.length - maxLines)} more`);
  return lines.join('\n');
}

/** In the order people read: by source, then line and column; otherwise as found. */
export function sortIssues(issues: readonly ConfigIssue[]): ConfigIssue[] {
  const sources = [...new Set(issues.map((issue) => issue.source))];
  return issues.toSorted(
    (a, b) =>
      sources.indexOf(a.source) - sources.indexOf(b.source) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}

function formatIssue(issue: ConfigIssue): string {
  const position = issue.line === undefined ? '' : `:${String(issue.line)}:${String(issue.column ?? 1)}`;
  const path = issue.path === '' ? '' : `${issue.path}: `;
  const line = `${issue.source}${position}: ${path}${issue.message}`;
  return line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}...` : line;
}
