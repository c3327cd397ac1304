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
    case 'optional-text':
      return isNull(text) ? null : text;
    case 'optional-integer':
      return isNull(text) ? null : fromText('integer', text);
    case 'words':
      return text === '*' ? text : words(text);
    case 'integers':
      return words(text).map((word) => fromText('integer', word));
    case 'servers':
      return words(text).map((address) => Object.assign(newMap(), { address }));
    case 'levels':
      return levels(text);
    case 'ticket-keys':
      return pairs(text, (id, key) => ({ id: fromText('integer', id), key }));
    case 'tokens':
      return pairs(text, (subject, token) => ({ subject, token }));
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

/** `a:b,c:d`, the second part with any further colons; or each on a line of its own. */
function pairs(text: string, make: (first: string, second: string) => object): unknown {
  const list: object[] = [];
  for (const word of text.split('\n').flatMap(words)) {
    const colon = word.indexOf(':');
    if (colon < 0) return text;
    list.push(Object.assign(newMap(), make(word.slice(0, colon), word.slice(colon + 1))));
  }
  return list;
}

function isNull(text: string): boolean {
  return text === '' || text === 'null';
}

function words(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
