import * as z from 'zod';
import { isMap } from './document-map.ts';
import { FIELD_META, type FieldMeta } from './field.ts';
import type { ConfigPath } from './issue.ts';

/** A key of the schema at a place of a document. */
export interface SchemaField {
  readonly path: ConfigPath;
  readonly meta: FieldMeta;
  /** Value of a missing key, in the words of the file; undefined when the key is required or has no default. */
  readonly defaultValue: unknown;
  readonly required: boolean;
}

/**
 * The keys that a document could have: those of its sections and of every entry that it has, present or not.
 * A part of the wrong shape has no keys.
 */
export function fieldsOf(schema: z.ZodType, document: unknown): SchemaField[] {
  const fields: SchemaField[] = [];
  collect(schema, document, [], fields);
  return fields;
}

/** The keys allowed in the map at a path of a document, or undefined when any are (or no map belongs there). */
export function keysAt(schema: z.ZodType, document: unknown, path: ConfigPath): string[] | undefined {
  let current: z.ZodType | undefined = schema;
  let value = document;
  for (const step of path) {
    current = childSchema(variantOf(current, value), step);
    if (current === undefined) return undefined;
    value = childOf(value, step);
  }
  const found = variantOf(current, value);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : undefined;
}

function collect(schema: z.ZodType, value: unknown, path: ConfigPath, into: SchemaField[]): void {
  const field = fieldOf(schema, path);
  if (field !== undefined) into.push(field);
  const inner = variantOf(schema, value);
  if (inner instanceof z.ZodObject) {
    for (const [key, child] of Object.entries<z.ZodType>(inner.shape)) {
      collect(child, childOf(value, key), [...path, key], into);
    }
  } else if (inner instanceof z.ZodArray && Array.isArray(value)) {
    value.forEach((item: unknown, index) => {
      collect(inner.element as z.ZodType, item, [...path, index], into);
    });
  } else if (inner instanceof z.ZodRecord && isMap(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (isMap(item)) collect(inner.valueType as z.ZodType, item, [...path, key], into);
    }
  }
}

function fieldOf(schema: z.ZodType, path: ConfigPath): SchemaField | undefined {
  let current: z.ZodType = schema;
  let defaultValue: unknown;
  let required = true;
  for (;;) {
    const meta = FIELD_META.get(current);
    if (meta !== undefined) return { path, meta, defaultValue, required };
    if (current instanceof z.ZodPrefault) {
      defaultValue = current.def.defaultValue;
      required = false;
    } else if (current instanceof z.ZodOptional) {
      required = false;
    } else {
      return undefined;
    }
    current = current.def.innerType as z.ZodType;
  }
}

/** The schema without its wrappers; of a union, the member that the value's `type` chooses, or the list for a list. */
function variantOf(schema: z.ZodType, value: unknown): z.ZodType | undefined {
  let current: z.ZodType | undefined = schema;
  while (
    current instanceof z.ZodPrefault ||
    current instanceof z.ZodOptional ||
    current instanceof z.ZodNullable
  ) {
    current = current.def.innerType as z.ZodType;
  }
  if (!(current instanceof z.ZodUnion)) return current;
  if (Array.isArray(value)) return current.options.find((option) => option instanceof z.ZodArray);
  if (!(current instanceof z.ZodDiscriminatedUnion)) return current;
  const wanted = childOf(value, 'type');
  return (current.options as readonly z.ZodType[]).find(
    (option) =>
      option instanceof z.ZodObject &&
      (option.shape as Readonly<Record<string, z.ZodType>>).type?.safeParse(wanted).success,
  );
}

function childSchema(schema: z.ZodType | undefined, step: string | number): z.ZodType | undefined {
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  if (schema instanceof z.ZodObject && Object.hasOwn(schema.shape, step)) {
    return (schema.shape as Readonly<Record<string, z.ZodType>>)[step];
  }
  return undefined;
}

function childOf(value: unknown, step: string | number): unknown {
  if (Array.isArray(value)) return typeof step === 'number' ? (value[step] as unknown) : undefined;
  return isMap(value) ? value[step] : undefined;
}
