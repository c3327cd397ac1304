import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import * as z from 'zod';
import type { Answer } from './admin-world.ts';

type Json = Readonly<Record<string, unknown>>;

/** Where the description lies that users are given. */
export const OPENAPI_FILE = new URL('../../../../docs/openapi.json', import.meta.url);

interface Operation {
  readonly responses: Readonly<Record<string, { readonly $ref?: string } & Json>>;
}

interface OpenApi extends Json {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Json; readonly responses: Readonly<Record<string, Json>> };
}

export const readOpenApi = (): OpenApi => JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as OpenApi;

/** Holds an answer to what the committed description says of it: status, media type and every key. */
export function expectDocumented(path: string, method: 'get' | 'post', answer: Answer): void {
  const document = readOpenApi();
  const { responses } = document.paths[path]![method]!;
  const named = responses[String(answer.status)] ?? responses.default!;
  const reference = named.$ref?.split('/').at(-1);
  const response = reference === undefined ? named : document.components.responses[reference]!;
  const content = response.content as Readonly<Record<string, { readonly schema: Json }>>;
  const type = answer.headers['content-type']!;
  expect(Object.keys(content)).toContain(type);
  expectValid(JSON.parse(answer.text), content[type]!.schema, document);
}

/** Holds a value to a schema of the description; keys that the schema does not know are faults, too. */
export function expectValid(value: unknown, schema: Json, { components }: OpenApi): void {
  const text = JSON.stringify({ ...strict(schema), $defs: strict(components.schemas) });
  const whole = JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')) as Json;
  const result = z.fromJSONSchema(whole).safeParse(value);
  expect(result.error?.issues ?? []).toEqual([]);
}

/** The schema with no keys but those it names. */
function strict(schema: unknown): Json {
  const copy = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, copy(inner)] as const);
    const copied = Object.fromEntries<unknown>(entries);
    return 'properties' in copied ? { additionalProperties: false, ...copied } : copied;
  };
  return copy(schema) as Json;
}
