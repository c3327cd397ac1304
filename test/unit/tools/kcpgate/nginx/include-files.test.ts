import { describe, expect, test } from 'vitest';
import {
  type FrontGateway,
  type GatewayState,
  INCLUDE_FILES,
  renderIncludeFiles,
} from '../../../../../tools/kcpgate/nginx/include-files.ts';

const at = (port: number) => ({ address: '10.0.0.1', family: 4 as const, port });

const FIRST: FrontGateway = {
  name: 'gw-1',
  gatewayId: 1,
  udp: at(4000),
  tcp: at(4001),
  http: at(8080),
  weight: 1,
};
const SECOND: FrontGateway = {
  name: 'gw-2',
  gatewayId: 2,
  udp: { address: '2001:db8::2', family: 6, port: 4000 },
  tcp: null,
  http: at(8082),
  weight: 3,
};

const HEAD = '# Written by the test. Changes made by hand are lost.\n';

function filesFor(states: Readonly<Record<string, GatewayState>>): ReadonlyMap<string, string> {
  return renderIncludeFiles([FIRST, SECOND], new Map(Object.entries(states)), 'the test');
}

/** The lines of a file without comments. */
const linesOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split('\n')
    .map((line) => line.replace(/ ?#.*/u, ''))
    .filter((line) => line !== '');

describe('files that change with the state of gateways', () => {
  test('all that there are, with every gateway that has such a listener', () => {
    const files = filesFor({});
    expect([...files.keys()]).toEqual(INCLUDE_FILES);
    expect(Object.fromEntries(files)).toEqual({
      'pool-udp.inc': `${HEAD}server 10.0.0.1:4000 max_fails=0; # gw-1\nserver [2001:db8::2]:4000 weight=3 max_fails=0; # gw-2\n`,
      'owners-udp.inc': `${HEAD}1 kcpgate_udp_1; # gw-1\n2 kcpgate_udp_2; # gw-2\n`,
      'pool-tcp.inc': `${HEAD}server 10.0.0.1:4001 max_fails=0; # gw-1\n`,
      'owners-tcp.inc': `${HEAD}1 kcpgate_tcp_1; # gw-1\n`,
      'pool-http.inc': `${HEAD}server 10.0.0.1:8080 max_fails=1 fail_timeout=2s; # gw-1\nserver 10.0.0.1:8082 weight=3 max_fails=1 fail_timeout=2s; # gw-2\n`,
      'owners-http.inc': `${HEAD}1 kcpgate_http_1; # gw-1\n2 kcpgate_http_2; # gw-2\n`,
    });
  });

  test('a draining gateway keeps its own sessions and gets no others', () => {
    const files = filesFor({ 'gw-2': 'draining' });
    expect(linesOf(files.get('pool-udp.inc'))).toEqual([
      'server 10.0.0.1:4000 max_fails=0;',
      'server [2001:db8::2]:4000 weight=3 max_fails=0 down;',
    ]);
    expect(linesOf(files.get('owners-udp.inc'))).toEqual(['1 kcpgate_udp_1;', '2 kcpgate_udp_2;']);
  });

  test('the sessions of a gateway that is down go to the pool, which it stays in as down', () => {
    const files = filesFor({ 'gw-1': 'down' });
    expect(linesOf(files.get('pool-http.inc'))).toEqual([
      'server 10.0.0.1:8080 max_fails=1 fail_timeout=2s down;',
      'server 10.0.0.1:8082 weight=3 max_fails=1 fail_timeout=2s;',
    ]);
    expect(linesOf(files.get('owners-http.inc'))).toEqual(['1 kcpgate_http_pool;', '2 kcpgate_http_2;']);
  });

  test('no pool is without a server, also not where only some gateways have a listener', () => {
    const files = filesFor({ 'gw-1': 'down' });
    expect(linesOf(files.get('pool-tcp.inc'))).toEqual(['server 10.0.0.1:4001 max_fails=0;']);
    expect(linesOf(files.get('owners-tcp.inc'))).toEqual(['1 kcpgate_tcp_1;']);
    expect(files.get('pool-tcp.inc')).toContain('# No gateway is up (gw-1 down)');

    const allDown = filesFor({ 'gw-1': 'down', 'gw-2': 'down' });
    expect(allDown.get('pool-udp.inc')).not.toContain(' down;');
    expect(linesOf(allDown.get('owners-udp.inc'))).toEqual(['1 kcpgate_udp_1;', '2 kcpgate_udp_2;']);
  });

  test('rather one that drains than one that is down', () => {
    const files = filesFor({ 'gw-1': 'draining', 'gw-2': 'down' });
    expect(linesOf(files.get('pool-udp.inc'))).toEqual([
      'server 10.0.0.1:4000 max_fails=0;',
      'server [2001:db8::2]:4000 weight=3 max_fails=0 down;',
    ]);
    expect(linesOf(files.get('owners-udp.inc'))).toEqual(['1 kcpgate_udp_1;', '2 kcpgate_udp_pool;']);
    expect(files.get('pool-udp.inc')).toContain('gw-1 draining, gw-2 down');
  });
});
