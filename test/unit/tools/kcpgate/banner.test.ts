import { describe, expect, test } from 'vitest';
import type { GatewayConfig } from '../../../../src/gateway/config/config.ts';
import { loadConfig } from '../../../../src/gateway/config/load.ts';
import type { BannerFacts } from '../../../../tools/kcpgate/banner-facts.ts';
import { bannerText } from '../../../../tools/kcpgate/banner.ts';
import { commandText } from '../../../../tools/kcpgate/next-steps.ts';

function config(text: string): GatewayConfig {
  const loaded = loadConfig({ text, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  return loaded.config;
}

/** The banner of a gateway that is bound as configured. */
function banner(text: string, more: Partial<BannerFacts> = {}): string[] {
  const loaded = config(text);
  const listeners = loaded.listeners.map(({ name, bind }) => ({ name, address: bind, upstream: 'app' }));
  return bannerText({
    config: loaded,
    status: { listeners, workers: [], native: { status: 'off', reason: 'not wanted' } },
    adminAddress: loaded.common.adminAddress ?? undefined,
    options: { config: 'gateway.yaml', set: [] },
    ...more,
  }).split('\n');
}

const UPSTREAM = 'upstreams: { app: { type: tcp, servers: [ { address: "127.0.0.1:7001" } ] } }';

describe('what listens', () => {
  test('each kind of listener, and where it leads', () => {
    expect(
      banner(`
common: { gateway_id: 1, admin_addr: "0.0.0.0:8888", admin_token: 0123456789abcdef }
listeners:
  - { name: line-udp, type: kcp-udp, bind: "[::]:4000" }
  - { name: line-tcp, type: kcp-tcp, bind: "0.0.0.0:4000" }
  - { name: login, type: http, bind: "0.0.0.0:8080", websocket_path: null }
  - { name: ws, type: http, bind: "0.0.0.0:8081", login_path: null }
  - { name: relay, type: relay, bind: "0.0.0.0:4010" }
peers: [ { name: gw-2, type: gateway, address: "192.0.2.2:4010", gateway_id: 2 } ]
login:
  auth: jwt
  jwt: { secret: 0123456789abcdef0123456789abcdef }
  ticket_keys: [ { id: 1, key: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef } ]
${UPSTREAM}`).slice(2, 9),
    ).toEqual([
      '  line-udp  udp    [::]:4000               ->  tcp app',
      '  line-tcp  tcp    0.0.0.0:4000            ->  tcp app',
      '  login     login  0.0.0.0:8080/api/login  whoever has a JSON Web Token',
      '  ws        ws     0.0.0.0:8081/kcp        ->  tcp app',
      '  relay     relay  0.0.0.0:4010            sessions of this gateway that come by others',
      '  admin     http   0.0.0.0:8888            whoever has its token',
      '  one thread, JavaScript sockets (not wanted)',
    ]);
  });
});

describe('what to try next', () => {
  /** The commands, without what starts them. */
  const steps = (text: string, more: Partial<BannerFacts> = {}): string[] =>
    banner(text, more).flatMap(
      (line) => / {2}(?:node|npx|nc)(?: \S*main\.js| kcpgate)? (.+)$/u.exec(line)?.[1] ?? [],
    );

  test('with a login for everybody: the examples, who is connected, a tunnel', () => {
    const text = `
listeners:
  - { name: line-udp, type: kcp-udp, bind: "0.0.0.0:4000" }
  - { name: http, type: http, bind: "0.0.0.0:8080" }
${UPSTREAM}`;
    const found = steps(text).map((line) => line.replace(/^\S* (?=connect|sessions|kick)/u, ''));
    expect(found).toEqual([
      'examples/session.mjs http://127.0.0.1:8080/api/login',
      'sessions',
      'kick 0.0',
      'connect --login http://127.0.0.1:8080/api/login -l 7000',
      '127.0.0.1 7000',
    ]);
  });

  test('with tokens: a tunnel; without a login: one without', () => {
    const http = '  - { name: http, type: http, bind: "0.0.0.0:8080", public_address: "gw.example:443" }';
    const udp = '  - { name: line-udp, type: kcp-udp, bind: "127.0.0.1:4000" }';
    const tokens = 'login: { auth: static, tokens: [ { subject: alice, token: 0123456789abcdef } ] }';
    expect(steps(`listeners:\n${udp}\n${http}\n${tokens}\n${UPSTREAM}`)[0]).toMatch(
      /connect --login http:\/\/gw\.example:443\/api\/login --token-file FILE -l 7000$/u,
    );
    expect(steps(`listeners:\n${udp}\n${UPSTREAM}`)[0]).toMatch(/connect -s 127\.0\.0\.1:4000 -l 7000$/u);
    const closed = udp.replace(' }', ', allow_stock: false }');
    expect(steps(`listeners:\n${closed}\n${UPSTREAM}`)).toEqual([]);
  });

  test('the admin API where it is, with its token', () => {
    const text = `
common: { admin_addr: "[::]:9000", admin_token: 0123456789abcdef }
listeners: [ { name: http, type: http, bind: "0.0.0.0:8080" } ]
${UPSTREAM}`;
    expect(steps(text)[1]).toMatch(/sessions --admin http:\/\/127\.0\.0\.1:9000 --token-file FILE$/u);
    expect(steps(text, { adminAddress: undefined }).join('\n')).not.toContain('sessions');
  });

  test('the command is started as this one was', () => {
    expect(commandText('/srv/app/node_modules/.bin/kcpgate')).toBe('npx kcpgate');
    expect(commandText('/usr/local/bin/kcpgate')).toBe('kcpgate');
    expect(commandText(`${process.cwd()}/dist/tools/kcpgate/main.js`)).toBe(
      'node dist/tools/kcpgate/main.js',
    );
  });
});
