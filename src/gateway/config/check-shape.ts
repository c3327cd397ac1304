import type { ConfigTree } from './config-tree.ts';
import { isMap } from './document-map.ts';
import { type FieldMeta, isName, mustBe, NAME_EXPECTS } from './field.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import { formatPath } from './issue.ts';
import { isLaterKey, isLaterType, NOT_YET } from './later.ts';
import { fieldsOf, keysAt } from './schema-field.ts';
import { CONFIG_SCHEMA, type ConfigDocument, LISTENER_TYPES, UPSTREAM_TYPES } from './schema.ts';
import { didYouMean } from './suggestion.ts';

/** A document of the right shape, or what is wrong with it. */
export type ShapeResult =
  | { readonly ok: true; readonly document: ConfigDocument }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

/** Checks keys, types and ranges of every value against the schema. */
export function checkShape(tree: ConfigTree): ShapeResult {
  const issues = nameIssues(tree);
  const result = CONFIG_SCHEMA.safeParse(tree.root);
  if (!result.success) {
    const fields = new Map(
      fieldsOf(CONFIG_SCHEMA, tree.root).map((field) => [formatPath(field.path), field.meta]),
    );
    for (const issue of result.error.issues) issues.push(...translate(tree, issue as SchemaIssue, fields));
  }
  if (result.success && issues.length === 0) return { ok: true, document: result.data };
  return { ok: false, issues };
}

/** The part of the schema library's issues that is used. */
interface SchemaIssue {
  readonly code: string;
  readonly path: ConfigPath;
  readonly message: string;
  readonly keys?: readonly string[];
  readonly expected?: string;
  readonly values?: readonly unknown[];
}

type Fields = ReadonlyMap<string, FieldMeta>;

function translate(tree: ConfigTree, issue: SchemaIssue, fields: Fields): ConfigIssue[] {
  const { path } = issue;
  if (tree.isBroken(path)) return [];
  if (issue.code === 'unrecognized_keys')
    return (issue.keys ?? []).flatMap((key) => unknownKey(tree, path, key));
  const value = tree.at(path);
  const meta = fields.get(formatPath(path));
  const last = path.at(-1);
  if (value === undefined && last !== undefined) {
    const expects = meta?.expects ?? (last === 'type' ? oneOf(typesAt(path)) : undefined);
    return [tree.issue(path, expects === undefined ? 'is required' : `is required: ${expects}`)];
  }
  return [tree.issue(path, wrongValue(issue, value, meta))];
}

function unknownKey(tree: ConfigTree, path: ConfigPath, key: string): ConfigIssue[] {
  const full = [...path, key];
  if (tree.isBroken(full)) return [];
  const message = isLaterKey(path, key)
    ? `"${key}" is ${NOT_YET}`
    : `unknown key ${JSON.stringify(key)}${didYouMean(key, keysAt(CONFIG_SCHEMA, tree.root, path) ?? [])}`;
  return [tree.issue(full, message, tree.keyOrigin(full))];
}

function wrongValue(issue: SchemaIssue, value: unknown, meta: FieldMeta | undefined): string {
  if (issue.code === 'custom') return issue.message;
  if (issue.code === 'too_small' && Array.isArray(value)) return 'must have at least one entry';
  const types = typesAt(issue.path);
  if (typeof value === 'string' && isLaterType(issue.path.slice(0, -1), value) && types.length > 0) {
    return `type "${value}" is ${NOT_YET}; it can be ${oneOf(types)}`;
  }
  const choices = types.length > 0 ? types : (meta?.choices ?? issue.values?.map(String) ?? []);
  const expects = choices.length > 0 ? oneOf(choices) : (meta?.expects ?? containerOf(issue));
  return `${mustBe(expects, value)}${typeof value === 'string' ? didYouMean(value, choices) : ''}`;
}

/** The types that an entry can have, when the path is that of its type. */
function typesAt(path: ConfigPath): readonly string[] {
  if (path.length !== 3 || path[2] !== 'type') return [];
  return path[0] === 'listeners' ? LISTENER_TYPES : path[0] === 'upstreams' ? UPSTREAM_TYPES : [];
}

function oneOf(choices: readonly string[]): string {
  return choices.length === 1 ? choices.join() : `one of ${choices.join(', ')}`;
}

function containerOf(issue: SchemaIssue): string {
  if (issue.expected === 'array') return 'a list';
  return issue.expected === 'object' || issue.expected === 'record'
    ? 'a map'
    : (issue.expected ?? issue.message);
}

/** Names of upstreams are keys, which the schema leaves to this check for the sake of their positions. */
function nameIssues(tree: ConfigTree): ConfigIssue[] {
  const upstreams = tree.at(['upstreams']);
  if (!isMap(upstreams)) return [];
  return Object.keys(upstreams)
    .filter((key) => !isName(key) && !tree.isBroken(['upstreams', key]))
    .map((key) => {
      const path = ['upstreams', key];
      return tree.issue(path, `the name of an upstream ${mustBe(NAME_EXPECTS, key)}`, tree.keyOrigin(path));
    });
}
