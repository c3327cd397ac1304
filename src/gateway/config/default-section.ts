import type { ConfigTree } from './config-tree.ts';
import { isMap, newMap } from './document-map.ts';
import type { ConfigIssue } from './issue.ts';
import { DEFAULT_SECTIONS } from './schema.ts';

/** Origin of values that nobody wrote. */
export const DEFAULT_SOURCE = 'default';

/** What there is to say about missing sections. */
export interface SectionResult {
  readonly errors: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

/**
 * Gives the tree the sections that it does not have, so that the environment and flags can set keys in them.
 * Upstreams without routes get a route when there is only one of them; otherwise the file has to say.
 */
export function addDefaultSections(tree: ConfigTree): SectionResult {
  const { root } = tree;
  const warnings: ConfigIssue[] = [];
  const errors: ConfigIssue[] = [];
  const routes = defaultRoutes(root.upstreams);
  for (const [section, value] of Object.entries({ ...DEFAULT_SECTIONS, routes })) {
    if ((root[section] ?? null) !== null || tree.isBroken([section])) continue;
    const isEmpty = Object.hasOwn(root, section);
    if (value === undefined) {
      const message = 'are required when there is more than one upstream';
      errors.push(tree.issue([section], message, tree.keyOrigin(['upstreams'])));
    } else if (isEmpty) {
      warnings.push(tree.issue([section], 'is empty: its default is used', tree.keyOrigin([section])));
    }
    tree.set([section], copy(value), { source: DEFAULT_SOURCE });
  }
  return { errors, warnings };
}

function defaultRoutes(upstreams: unknown): unknown {
  const names = isMap(upstreams) ? Object.keys(upstreams) : [];
  const [only] = names;
  if (only === undefined) return DEFAULT_SECTIONS.routes;
  return names.length === 1 ? [{ name: 'default', match: {}, target: only }] : undefined;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isMap(value)) return value;
  const map = newMap();
  for (const [key, item] of Object.entries(value)) map[key] = copy(item);
  return map;
}
