import * as z from 'zod';
import { PROBLEM_TYPE } from '../http/problem.ts';
import { ADMIN_PROBLEM_CODES, adminProblem, PROBLEM } from './admin-problem.ts';
import { API_SCHEMAS } from './api-schemas.ts';
import { ID_PART, type AdminRoute } from './route.ts';
import { SESSION_ID } from './session-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** The API as an OpenAPI 3.1 document, made of the schemas that requests are read by. */
export function openApiDocument(routes: readonly AdminRoute[]): Record<string, unknown> {
  const paths = new Map<string, Record<string, Json>>();
  for (const route of routes) {
    const operations = paths.get(route.path) ?? {};
    operations[route.method.toLowerCase()] = operationOf(route);
    paths.set(route.path, operations);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'kcpgate admin API',
      version: '1',
      description:
        'Lists and ends sessions, drains the gateway, shows how it stands. Every GET can be a HEAD. Answers may get more keys in later versions; requests with keys that are not here are refused.',
    },
    servers: [{ url: '/' }],
    // A token is needed wherever the configuration has one.
    security: [{ token: [] }, {}],
    paths: Object.fromEntries(paths),
    components: {
      schemas: namedSchemas(),
      responses: { [REFUSED]: refusedResponse() },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: '`common.admin_token`' } },
    },
  };
}

function operationOf(route: AdminRoute): Json {
  const { method, name, summary, description, answer, isOpen = false, mayBeUnavailable = false } = route;
  const content = { 'application/json': { schema: schemaOf(answer) } };
  return {
    operationId: name,
    summary,
    ...(description === '' ? {} : { description }),
    ...(isOpen ? { security: [{}] } : {}),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(method === 'GET' ? {} : { requestBody: bodyOf(route) }),
    responses: {
      200: { description: 'Done.', content },
      ...(mayBeUnavailable ? { 503: { description: 'The answer says why.', content } } : {}),
      ...problemResponses(route),
    },
  };
}

function pathParameters({ path }: AdminRoute): Json[] {
  if (!path.includes(ID_PART)) return [];
  return [{ name: 'id', in: 'path', required: true, ...parameterSchema(SESSION_ID) }];
}

function queryParameters({ query }: AdminRoute): Json[] {
  return Object.entries<z.core.$ZodType>(query.shape).map(([name, field]) => ({
    name,
    in: 'query',
    required: false,
    ...parameterSchema(field),
  }));
}

/** The description stands beside the schema of a parameter. */
function parameterSchema(field: z.core.$ZodType): Json {
  const { description, ...schema } = inline(field);
  return { ...(description === undefined ? {} : { description }), schema };
}

/** Where every key may be left out, so may the body be. */
function bodyOf({ body }: AdminRoute): Json {
  const required = !body.safeParse({}).success;
  return { required, content: { 'application/json': { schema: schemaOf(body) } } };
}

/** Refusals of the operation's own by status; `default` are those of all. */
function problemResponses({ problems }: AdminRoute): Json {
  const own = problems.map((code) => {
    const { status, title } = adminProblem(code);
    return [status, { description: `\`${code}\`: ${title}`, content: problemContent() }] as const;
  });
  return { ...Object.fromEntries(own), default: { $ref: `#/components/responses/${REFUSED}` } };
}

/** Every refusal, in words. */
function refusedResponse(): Json {
  const rows = ADMIN_PROBLEM_CODES.map((code) => {
    const { status, title } = adminProblem(code);
    return `- ${String(status)} \`${code}\`: ${title}`;
  });
  return { description: `Refused.\n\n${rows.join('\n')}`, content: problemContent() };
}

const REFUSED = 'Refused';

const problemContent = (): Json => ({ [PROBLEM_TYPE]: { schema: schemaOf(PROBLEM) } });

function schemaOf(schema: z.ZodType): Json {
  const name = Object.entries<z.ZodType>(API_SCHEMAS).find(([, named]) => named === schema)?.[0];
  return name === undefined ? inline(schema) : { $ref: refOf(name) };
}

function inline(schema: z.core.$ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' });
  return json;
}

function namedSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries<z.ZodType>(API_SCHEMAS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: refOf });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema]),
  );
}

const refOf = (name: string): string => `#/components/schemas/${name}`;
