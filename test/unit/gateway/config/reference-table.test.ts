import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../../../src/gateway/config/describe.ts';
import { referenceTables, withReferenceTables } from '../../../../src/gateway/config/reference-table.ts';

const PAGE = new URL('../../../../docs/configuration.md', import.meta.url);

describe('describeConfig', () => {
  it('gives one row a key with everything known of it', () => {
    const rows = describeConfig();
    expect(rows.find((row) => row.key === 'listeners[].mtu')).toEqual({
      section: 'listeners',
      entryType: 'kcp-udp',
      key: 'listeners[].mtu',
      type: 'integer',
      default: '1400',
      range: '576 to 1500',
      variable: 'KCPGATE_LISTENERS_<NAME>_MTU',
      text: expect.stringContaining('UDP payload') as string,
    });
    expect(new Set(rows.map((row) => `${row.entryType} ${row.key}`)).size).toBe(rows.length);
  });

  it('has no variable for what identifies an entry or lies in a list', () => {
    const silent = describeConfig().filter((row) => row.variable === '');
    expect([...new Set(silent.map((row) => row.key))]).toEqual([
      'listeners[].name',
      'listeners[].type',
      'login.lines[].id',
      'login.lines[].gateway_id',
      'login.lines[].transport',
      'login.lines[].tls',
      'login.lines[].allow_clear',
      'login.lines[].host',
      'login.lines[].port',
      'login.lines[].path',
      'login.lines[].region',
      'login.lines[].priority',
      'login.lines[].weight',
      'login.ticket_keys[].id',
      'login.ticket_keys[].key',
      'login.ticket_keys[].key_file',
      'login.tokens[].subject',
      'login.tokens[].token',
      'login.tokens[].token_file',
      'peers[].name',
      'peers[].type',
      'upstreams.<NAME>.type',
      'upstreams.<NAME>.servers[].address',
      'routes[].name',
      'front.gateways[].name',
      'front.gateways[].gateway_id',
      'front.gateways[].udp',
      'front.gateways[].tcp',
      'front.gateways[].http',
      'front.gateways[].weight',
    ]);
  });
});

describe('the reference', () => {
  it('has a table for each type of listener', () => {
    const titles = referenceTables().match(/^### .*$/gm);
    expect(titles).toEqual(
      ['common', 'listeners: kcp-udp', 'listeners: kcp-tcp', 'listeners: http', 'listeners: relay']
        .concat(['sessions', 'login', 'peers', 'upstreams', 'routes', 'front', 'qlog'])
        .map((title) => `### ${title}`),
    );
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
