import { type ConfigPath, formatPath } from './issue.ts';
import { LISTENER_TYPES } from './listener-schema.ts';
import { fieldsOf } from './schema-field.ts';
import { CONFIG_SCHEMA } from './schema.ts';
import { settingsOf } from './setting.ts';

/** What there is to know of one key. */
export interface ConfigRow {
  /** `common`, `listeners` and so on. */
  readonly section: string;
  /** Where the keys of entries depend on their type, the type that has this one; otherwise empty. */
  readonly entryType: string;
  /** Whole key: `common.log_level`, `listeners[].mtu`, `upstreams.<NAME>.servers[].address`. */
  readonly key: string;
  readonly type: string;
  /** Default as it would be written in the file; `required` or `none` where there is none. */
  readonly default: string;
  /** Range, choices or form. */
  readonly range: string;
  /** Variable that overrides it, or empty. */
  readonly variable: string;
  /** One or two sentences in Markdown. */
  readonly text: string;
}

/** Every key of the configuration, in the order of the schema. */
export function describeConfig(): ConfigRow[] {
  const variables = new Map(
    settingsOf(ONE_OF_EACH).map((setting) => [setting.path.join(), setting.variable]),
  );
  return fieldsOf(CONFIG_SCHEMA, ONE_OF_EACH).map(({ path, meta, defaultValue, required }) => ({
    section: String(path[0]),
    entryType: path[0] === 'listeners' ? (LISTENER_TYPES[Number(path[1])] ?? '') : '',
    key: keyOf(path),
    type: meta.type,
    default: required ? 'required' : defaultText(defaultValue),
    range: meta.range,
    variable: variables.get(path.join()) ?? '',
    text: meta.text,
  }));
}

/**
 * A document with one entry in every list and map, of listeners one of each type; the type of the upstream is the one with
 * all keys.
 */
const ONE_OF_EACH = {
  common: {},
  listeners: LISTENER_TYPES.map((type) => ({ name: '<NAME>', type })),
  sessions: {},
  login: { lines: [{}], ticket_keys: [{}], tokens: [{}] },
  peers: [{ name: '<NAME>', type: 'gateway' }],
  upstreams: { '<NAME>': { type: 'tcp', servers: [{}] } },
  routes: [{ name: '<NAME>', match: {} }],
  front: { gateways: [{}] },
  qlog: {},
};

function keyOf(path: ConfigPath): string {
  return formatPath(path).replace(/\[\d+\]/g, '[]');
}

function defaultText(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
