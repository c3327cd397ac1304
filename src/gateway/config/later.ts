import type { ConfigPath } from './issue.ts';

/** What is said of a part that the format has, but this version does not. */
export const NOT_YET = 'not supported in this version';

const SECTIONS: readonly string[] = ['scheduler', 'hub'];

/** Keys by the place they belong to; `*` stands for any index or name. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': SECTIONS,
  'upstreams.*': ['balancing', 'health_check'],
  'upstreams.*.servers.*': ['weight'],
};

const TYPES: Readonly<Record<string, readonly string[]>> = {
  'listeners.*': ['tcp'],
  'upstreams.*': ['ws'],
};

/** Whether a section of this name comes in a later version. */
export function isLaterSection(section: string): boolean {
  return SECTIONS.includes(section);
}

/** Whether a map at this path has this key in a later version. */
export function isLaterKey(path: ConfigPath, key: string): boolean {
  return listed(KEYS, path).includes(key);
}

/** Whether an entry at this path can have this type in a later version. */
export function isLaterType(path: ConfigPath, type: string): boolean {
  // What other peers there will be is open.
  return path[0] === 'peers' || listed(TYPES, path).includes(type);
}

function listed(table: Readonly<Record<string, readonly string[]>>, path: ConfigPath): readonly string[] {
  // The second and fourth steps are indexes or names of entries.
  return table[path.map((step, depth) => (depth % 2 === 1 ? '*' : String(step))).join('.')] ?? [];
}
