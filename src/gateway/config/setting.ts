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
