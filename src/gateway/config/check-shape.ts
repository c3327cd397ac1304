import type { ConfigTree } from './config-tree.ts';
import { isMap } from './document-map.ts';
import { type FieldMeta, isName, mustBe, NAME_EXPECTS } from './field.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import { formatPath } from './issue.ts';
import { isLaterKey, isLaterType, NOT_YET } from './later.ts';
import { fieldsOf, keysAt } from './schema-field.ts';
import { LISTENER_TYPES } from './listener-schema.ts';
import { CONFIG_SCHEMA, type ConfigDocument, PEER_TYPES, UPSTREAM_TYPES } from './schema.ts';
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
  /** Of a union: what is wrong with the value in the eyes of each member; paths begin at the value. */
  readonly errors?: readonly (readonly SchemaIssue[])[];
}

type Fields = ReadonlyMap<string, FieldMeta>;

function translate(tree: ConfigTree, issue: SchemaIssue, fields: Fields): ConfigIssue[] {
  const { path } = issue;
  if (tree.isBroken(path)) return [];
  if (issue.code === 'unrecognized_keys')
    return (issue.keys ?? []).flatMap((key) => unknownKey(tree, path, key));
  const inner = issuesOfMember(issue);
  if (inner !== undefined) {
    return inner.flatMap((below) => translate(tree, { ...below, path: [...path, ...below.path] }, fields));
  }
  const value = tree.at(path);
  const meta = fields.get(formatPath(path));
  const last = path.at(-1);
  if (value === undefined && last !== undefined) {
    const expects = meta?.expects ?? (last === 'type' ? oneOf(typesAt(path)) : undefined);
    return [tree.issue(path, expects === undefined ? 'is required' : `is required: ${expects}`)];
  }
  return [tree.issue(path, wrongValue(issue, isSecret(path, fields) ? SECRET : value, meta))];
}

/** What stands for a value that no message may show. */
const SECRET = Symbol('a secret');

function isSecret(path: ConfigPath, fields: Fields): boolean {
  return path.some((_, index) => fields.get(formatPath(path.slice(0, index + 1)))?.secret === true);
}

/** The issues of the one member of a union that is of the value's kind; undefined when there is none. */
function issuesOfMember({ code, errors = [] }: SchemaIssue): readonly SchemaIssue[] | undefined {
  if (code !== 'invalid_union') return undefined;
  return errors.find((issues) => issues.length > 0 && !issues.some(isOtherKind));
}

function isOtherKind({ code, path }: SchemaIssue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
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
  if (value === SECRET) return `must be ${expects}`;
  return `${mustBe(expects, value)}${typeof value === 'string' ? didYouMean(value, choices) : ''}`;
}

/** The types that an entry can have, when the path is that of its type. */
function typesAt(path: ConfigPath): readonly string[] {
  if (path.length !== 3 || path[2] !== 'type') return [];
  return TYPES[String(path[0])] ?? [];
}

const TYPES: Readonly<Record<string, readonly string[]>> = {
  listeners: LISTENER_TYPES,
  upstreams: UPSTREAM_TYPES,
  peers: PEER_TYPES,
};

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
