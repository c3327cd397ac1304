import * as z from 'zod';
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from './units.ts';

/** How text from the environment or a flag becomes the value of a key. */
export type FieldKind =
  | 'text'
  | 'optional-text'
  | 'integer'
  | 'optional-integer'
  | 'boolean'
  | 'words'
  | 'integers'
  | 'levels'
  | 'servers'
  | 'ticket-keys'
  | 'tokens';

/** What is known of one key beside its zod type; error messages and the documentation are made of it. */
export interface FieldMeta {
  readonly kind: FieldKind;
  /** Type as the documentation names it. */
  readonly type: string;
  /** Range or choices as the documentation shows them; empty for any. */
  readonly range: string;
  /** Completes "must be ...". */
  readonly expects: string;
  /** One or two sentences on the meaning. */
  readonly text: string;
  /** Choices, for suggestions. */
  readonly choices?: readonly string[];
  /** The key identifies its entry and cannot be set from outside the file. */
  readonly identity?: boolean;
  /** The value is a secret, with all that is in it: no message shows it. */
  readonly secret?: boolean;
  /** The value is the path of a file that is read with the configuration. */
  readonly file?: boolean;
}

/** The meta of every key in the schema. Filled while the schema is built, constant afterwards. */
export const FIELD_META = z.registry<FieldMeta>();

/** A whole number in a range. */
export function integer(min: number, max: number, text: string) {
  const range = `${String(min)} to ${String(max)}`;
  const expects = `a whole number from ${range}`;
  return field(z.int().min(min).max(max), { kind: 'integer', type: 'integer', range, expects, text });
}

/** A whole number in a range, or a word that stands for one. */
export function integerOr<const T extends string>(min: number, max: number, word: T, text: string) {
  const range = `${String(min)} to ${String(max)}, ${word}`;
  const expects = `a whole number from ${String(min)} to ${String(max)}, or ${word}`;
  const schema = z.union([z.int().min(min).max(max), z.literal(word)]);
  return field(schema, { kind: 'integer', type: `integer or ${word}`, range, expects, text });
}

/** A whole number in a range, or null. */
export function optionalInteger(min: number, max: number, text: string) {
  const range = `${String(min)} to ${String(max)}, null`;
  const expects = `a whole number from ${String(min)} to ${String(max)}, or null`;
  const schema = z.int().min(min).max(max).nullable();
  return field(schema, { kind: 'optional-integer', type: 'integer', range, expects, text });
}

export function boolean(text: string) {
  const expects = 'true or false';
  return field(z.boolean(), { kind: 'boolean', type: 'boolean', range: expects, expects, text });
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(choices: T, text: string) {
  return field(z.enum(choices), choiceMeta(choices, text));
}

/** The word that says which keys an entry has. */
export function variant<const T extends string>(value: T, choices: readonly string[], text: string) {
  return field(z.literal(value), { ...choiceMeta(choices, text), identity: true });
}

/** `500ms`, `5s`, `1m`, `2h`; the value is in milliseconds. */
export function duration(minMs: number, maxMs: number, text: string) {
  const range = `${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  const expects = `a duration from ${range}, such as 500ms, 5s, 1m or 2h`;
  const schema = z.string().transform((value, context) => {
    const ms = parseDurationMs(value);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    return refuse(context, mustBe(expects, value));
  });
  return field(schema, { kind: 'text', type: 'duration', range, expects, text });
}

/** `64KiB`, `4MiB`, `1GiB` or plain bytes; the value is in bytes. */
export function size(minBytes: number, maxBytes: number, text: string) {
  const range = `${formatSize(minBytes)} to ${formatSize(maxBytes)}`;
  const expects = `a size from ${range}, such as 64KiB, 4MiB or a number of bytes`;
  const schema = z.union([z.string(), z.number()]).transform((value, context) => {
    const bytes = typeof value === 'number' ? value : parseSizeBytes(value);
    if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= minBytes && bytes <= maxBytes)
      return bytes;
    return refuse(context, mustBe(expects, value));
  });
  return field(schema, { kind: 'text', type: 'size', range, expects, text });
}

/** The name of an entry. */
export function entryName(text: string) {
  return field(NAME, {
    kind: 'text',
    type: 'name',
    range: NAME_RANGE,
    expects: NAME_EXPECTS,
    text,
    identity: true,
  });
}

/** Any name: of a node, or of an entry that must exist. */
export function name(text: string) {
  return field(NAME, { kind: 'text', type: 'name', range: NAME_RANGE, expects: NAME_EXPECTS, text });
}

/** A name, or null. */
export function optionalName(text: string) {
  const expects = `${NAME_EXPECTS}; or null`;
  const range = `${NAME_RANGE}, or null`;
  return field(NAME.nullable(), { kind: 'optional-text', type: 'name', range, expects, text });
}

/** Whether text can be the name of an entry. */
export function isName(text: string): boolean {
  return NAME_PATTERN.test(text);
}

/** Where a route leads: checked against the upstreams later. */
export function routeTarget(text: string) {
  const expects = 'the name of an upstream, or host:port';
  return field(z.string().min(1), {
    kind: 'text',
    type: 'target',
    range: 'upstream or host:port',
    expects,
    text,
  });
}

/** A path in the file system, or null. */
export function optionalPath(text: string) {
  const expects = 'a path, or null';
  return field(z.string().min(1).nullable(), {
    kind: 'optional-text',
    type: 'path',
    range: 'path or null',
    expects,
    text,
  });
}

/** Text without control characters; its length is that in UTF-8. */
export function plainText(minBytes: number, maxBytes: number, text: string) {
  const range = `${String(minBytes)} to ${String(maxBytes)} bytes`;
  const expects = `text of ${range}`;
  const schema = textSchema(minBytes, maxBytes, expects);
  return field(schema, { kind: 'text', type: 'text', range, expects, text });
}

/** As {@link plainText}, or null. */
export function optionalPlainText(minBytes: number, maxBytes: number, text: string) {
  const range = `${String(minBytes)} to ${String(maxBytes)} bytes`;
  const expects = `text of ${range}, or null`;
  const schema = textSchema(minBytes, maxBytes, expects).nullable();
  return field(schema, { kind: 'optional-text', type: 'text', range: `${range}, null`, expects, text });
}

/** Adds meta to a schema; every use makes its own, because meta is known by the identity of its schema. */
export function field<T extends z.ZodType>(schema: T, meta: FieldMeta): T {
  const described = schema.describe(meta.text);
  FIELD_META.add(described, meta);
  return described;
}

/** Ends a transformation with a message of its own. */
export function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** `must be ..., is ...`. */
export function mustBe(expects: string, value: unknown): string {
  return `must be ${expects}, is ${show(value)}`;
}

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const NAME = z.string().regex(NAME_PATTERN);
const NAME_RANGE = '1 to 64 of A-Z a-z 0-9 _ . -';
/** What a name looks like. */
export const NAME_EXPECTS = 'a name: 1 to 64 letters, digits, "_", "." or "-", the first a letter or digit';

function choiceMeta(choices: readonly string[], text: string): FieldMeta {
  const range = choices.join(', ');
  const expects = choices.length === 1 ? range : `one of ${range}`;
  return { kind: 'text', type: 'choice', range, expects, text, choices };
}

function textSchema(minBytes: number, maxBytes: number, expects: string) {
  return z.string().superRefine((value, context) => {
    const length = Buffer.byteLength(value);
    if (length < minBytes || length > maxBytes || /\p{Cc}/u.test(value))
      refuse(context, mustBe(expects, value));
  });
}

/** A value as errors show it, cut short. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 64 ? `${text.slice(0, 60)}..."` : text;
}
