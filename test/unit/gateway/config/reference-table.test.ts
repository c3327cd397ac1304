import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../../../src/gateway/config/describe.ts';
import { withReferenceTables } from '../../../../src/gateway/config/reference-table.ts';

const PAGE = new URL('../../../../docs/configuration.md', import.meta.url);

describe('describeConfig', () => {
  it('gives one row a key with everything known of it', () => {
    const rows = describeConfig();
    expect(rows.find((row) => row.key === 'listeners[].mtu')).toEqual({
      section: 'listeners',
      key: 'listeners[].mtu',
      type: 'integer',
      default: '1400',
      range: '576 to 1500',
      variable: 'KCPGATE_LISTENERS_<NAME>_MTU',
      text: expect.stringContaining('UDP payload') as string,
    });
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
  });

  it('has no variable for what identifies an entry or lies in a list', () => {
    const silent = describeConfig().filter((row) => row.variable === '');
    expect(silent.map((row) => row.key)).toEqual([
      'listeners[].name',
      'listeners[].type',
      'upstreams.<NAME>.type',
      'upstreams.<NAME>.servers[].address',
      'routes[].name',
    ]);
  });
});

describe('docs/configuration.md', () => {
  // After a change of the schema: npx vitest run test/unit/gateway/config/reference-table.test.ts -u
  it('has the tables of the current schema', async () => {
    const page = readFileSync(PAGE, 'utf8');
    await expect(withReferenceTables(page)).toMatchFileSnapshot(PAGE.pathname);
  });

  it('is refused when the marks are missing', () => {
    expect(() => withReferenceTables('# Configuration\n')).toThrow('needs the lines');
  });
});
