import type { ConfigTree } from './config-tree.ts';
import { newMap } from './document-map.ts';
import type { FieldKind } from './field.ts';
import { fieldsOf } from './schema-field.ts';
import { CONFIG_SCHEMA } from './schema.ts';

/** Reads every value that came as text (environment, flags, substitution) as the type that its key has. */
export function readTextValues(tree: ConfigTree): void {
  for (const { path, meta } of fieldsOf(CONFIG_SCHEMA, tree.root)) {
    if (!tree.isText(path) || tree.isBroken(path)) continue;
    const value = tree.at(path);
    if (typeof value !== 'string') continue;
    tree.set(path, fromText(meta.kind, value), tree.origin(path));
  }
}

/** Text as a value of one kind. Text that is not of that kind stays text: the schema will say so. */
function fromText(kind: FieldKind, text: string): unknown {
  switch (kind) {
    case 'text':
      return text;
    case 'integer':
      return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'path':
      return text === '' || text === 'null' ? null : text;
    case 'servers':
      return words(text).map((address) => Object.assign(newMap(), { address }));
    case 'levels':
      return levels(text);
  }
}

/** `endpoint=debug,upstream=warn`. */
function levels(text: string): unknown {
  const map = newMap();
  for (const word of words(text)) {
    const [component, level, ...rest] = word.split('=');
    if (component === undefined || component === '' || level === undefined || rest.length > 0) return text;
    map[component.trim()] = level.trim();
  }
  return map;
}

function words(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
