import type { ConfigTree } from './config-tree.ts';
import type { FieldMeta } from './field.ts';
import type { ConfigPath } from './issue.ts';
import { formatPath } from './issue.ts';
import { fieldsOf } from './schema-field.ts';
import { CONFIG_SCHEMA } from './schema.ts';

/** A key that the environment and flags can set. */
export interface Setting {
  readonly path: ConfigPath;
  readonly meta: FieldMeta;
  /** `KCPGATE_LISTENERS_LINE_UDP_MTU`. */
  readonly variable: string;
  /** What flags call it: `listeners.line-udp.mtu`; `listeners[0].mtu` names the same. */
  readonly dotted: string;
}

/** Everything that can be set from outside in this document: no keys that identify entries, none inside of lists. */
export function settingsOf(document: ConfigTree['root']): Setting[] {
  const settings: Setting[] = [];
  for (const { path, meta } of fieldsOf(CONFIG_SCHEMA, document)) {
    const steps = namedSteps(document, path);
    if (meta.identity === true || steps === undefined) continue;
    settings.push({ path, meta, variable: variableName(steps), dotted: steps.join('.') });
  }
  return settings;
}

/** For a key whose value can stand in a file, the key that names the file; for that, the first. Undefined for others. */
export function otherWay(setting: Setting, settings: readonly Setting[]): Setting | undefined {
  const path = otherWayPath(setting.path);
  return settings.find((other) => samePath(other.path, path));
}

/** `admin_token` for `admin_token_file`, and the other way round. */
export function otherWayPath(path: ConfigPath): ConfigPath {
  const last = String(path.at(-1));
  const other = last.endsWith(FILE_SUFFIX) ? last.slice(0, -FILE_SUFFIX.length) : `${last}${FILE_SUFFIX}`;
  return [...path.slice(0, -1), other];
}

/**
 * Puts text from outside of the file at a key. What the file says about the same value in the other way (the value itself,
 * or where it is kept) is weaker and goes.
 */
export function override(
  tree: ConfigTree,
  setting: Setting,
  settings: readonly Setting[],
  text: string,
  source: string,
): void {
  const other = otherWay(setting, settings);
  if (other !== undefined && tree.at(other.path) !== undefined) tree.set(other.path, null, { source });
  tree.set(setting.path, text, { source });
  tree.markText(setting.path);
}

/** Whether a setting goes by this dotted name. */
export function isCalled(setting: Setting, dotted: string): boolean {
  return setting.dotted === dotted || formatPath(setting.path) === dotted;
}

/** `KCPGATE_` and the steps in capitals, everything but letters and digits as `_`; placeholders in `<>` stay. */
function variableName(steps: readonly string[]): string {
  return ['KCPGATE', ...steps.map(variablePart)].join('_');
}

/** A path with entry names instead of indexes; undefined for an entry without name and for what lies inside of it. */
function namedSteps(document: unknown, path: ConfigPath): string[] | undefined {
  const steps: string[] = [];
  let value = document;
  for (const [depth, step] of path.entries()) {
    value = (value as Readonly<Record<string | number, unknown>> | undefined)?.[step];
    const named = typeof step === 'number' ? nameOf(value) : step;
    if (named === undefined || (typeof step === 'number' && depth !== 1)) return undefined;
    steps.push(named);
  }
  return steps;
}

function nameOf(entry: unknown): string | undefined {
  const name = (entry as { readonly name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function variablePart(step: string): string {
  return step.startsWith('<') ? step : step.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}

const FILE_SUFFIX = '_file';

function samePath(a: ConfigPath, b: ConfigPath): boolean {
  return a.length === b.length && a.every((step, index) => step === b[index]);
}
