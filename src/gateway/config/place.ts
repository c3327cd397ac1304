import type { ConfigTree } from './config-tree.ts';
import { type ConfigPath, formatPath } from './issue.ts';

/** An entry or key as messages about another one name it: `listeners[0] (line 4)`. */
export function placeOf(tree: ConfigTree, path: ConfigPath): string {
  const { line } = tree.origin(path);
  const place = formatPath(path);
  return line === undefined ? place : `${place} (line ${String(line)})`;
}
