import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ADMIN_PROBLEM_CODES } from '../../../../src/gateway/admin/admin-problem.ts';
import { KICK_CODE_NAMES } from '../../../../src/gateway/admin/close-code-field.ts';
import { openApiDocument } from '../../../../src/gateway/admin/openapi.ts';
import { ADMIN_ROUTES } from '../../../../src/gateway/admin/routes.ts';
import { expectValid, OPENAPI_FILE, readOpenApi } from './documented.ts';

describe('docs/openapi.json', () => {
  // After a change of the API: npx vitest run test/unit/gateway/admin/openapi.test.ts -u
  it('describes the API as it is', async () => {
    const text = `${JSON.stringify(openApiDocument(ADMIN_ROUTES), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(OPENAPI_FILE.pathname);
  });

  it('refers to nothing that is not there, and has nothing that nobody refers to', () => {
    const document = readOpenApi();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
    const named = new Set(references.map(([, group, name]) => `${group!}/${name!}`));
    const { schemas, responses } = document.components;
    const present = [
      ...Object.keys(schemas).map((name) => `schemas/${name}`),
      ...Object.keys(responses).map((name) => `responses/${name}`),
    ];
    expect([...named].sort()).toEqual(present.sort());
    expect(JSON.stringify(document).match(/"\$ref":/g)).toHaveLength(references.length);
  });

  it('names each operation once and every part of its path', () => {
    const names = new Set<unknown>();
    for (const [path, operations] of Object.entries(readOpenApi().paths)) {
      for (const { operationId, parameters } of Object.values(operations) as unknown as readonly {
        readonly operationId: string;
        readonly parameters: readonly { readonly name: string; readonly in: string }[];
      }[]) {
        names.add(operationId);
        const inPath = parameters
          .filter((parameter) => parameter.in === 'path')
          .map(({ name }) => `{${name}}`);
        expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? []);
      }
    }
    expect(names.size).toBe(ADMIN_ROUTES.length);
  });

  it('has every code of a refusal', () => {
    const { description } = readOpenApi().components.responses.Refused!;
    for (const code of ADMIN_PROBLEM_CODES) expect(description).toContain(`\`${code}\``);
  });

  it('lets requests through that the server takes, and no others', () => {
    const document = readOpenApi();
    const { anyOf, ...kick } = document.components.schemas.KickSome as Readonly<Record<string, unknown>>;
    for (const name of KICK_CODE_NAMES) expectValid({ subject: 'a', code: name }, kick, document);
    expectValid({ conv: 1, code: 3500, reason: 'x' }, kick, document);
    for (const wrong of [
      { subject: 'a', code: 1000 },
      { subject: 'a', code: 'x' },
      { subject: 'a', more: 1 },
    ]) {
      expect(() => {
        expectValid(wrong, kick, document);
      }).toThrow();
    }
    expect(anyOf).toEqual([{ required: ['subject'] }, { required: ['conv'] }]);
  });
});

describe('docs/admin-api.md', () => {
  it('names every operation and every code of a refusal', () => {
    const page = readFileSync(new URL('../../../../docs/admin-api.md', import.meta.url), 'utf8');
    for (const { method, path } of ADMIN_ROUTES) expect(page).toContain(`\`${method} ${path}\``);
    for (const code of ADMIN_PROBLEM_CODES) expect(page).toContain(`\`${code}\``);
  });
});
