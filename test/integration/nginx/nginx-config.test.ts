import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import {
  FRONT_KINDS,
  type GatewayState,
  renderIncludeFiles,
} from '../../../tools/kcpgate/nginx/include-files.ts';
import { renderNginxSet } from '../../../tools/kcpgate/nginx/nginx-set.ts';
import { writeSet } from '../../../tools/kcpgate/nginx/write-set.ts';
import { NGINX } from '../../support/peer-detection.ts';
import { freePorts } from '../../support/free-ports.ts';
import { peer } from '../../support/peers.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/tls.ts';

const SHIPPED = fileURLToPath(new URL('../../../nginx/', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-nginx-config-'));
  mkdirSync(join(folder, 'certs'));
  writeFileSync(join(folder, 'certs/fullchain.pem'), TEST_CERTIFICATE);
  writeFileSync(join(folder, 'certs/privkey.pem'), TEST_KEY);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What `nginx -t` says of the folder: good, or the first thing that is wrong. */
function verdict(): Promise<string> {
  return new Promise((resolve) => {
    execFile(NGINX, ['-t', '-p', folder, '-c', join(folder, 'nginx.conf')], (error, _, said) => {
      const wrong = said
        .split('\n')
        .find((line) => /\[(?:emerg|warn)\]/u.test(line) && !line.includes('the "user" directive'));
      resolve(error === null ? (wrong ?? 'good') : (wrong ?? said));
    });
  });
}

const change = (name: string, edit: (text: string) => string): void =>
  writeFileSync(join(folder, name), edit(readFileSync(join(folder, name), 'utf8')));

/** The files in the folder `nginx` as they are, but with ports that are free, and nothing outside of this folder. */
async function takeShipped(): Promise<void> {
  cpSync(SHIPPED, folder, { recursive: true });
  const [port, shared, inner] = await freePorts(1, 1, 2);
  change('nginx.conf', (text) => text.replace('/run/nginx.pid', 'n.pid').replace('/var/log/nginx/', ''));
  const edit = (text: string): string =>
    text
      .replaceAll('/var/log/nginx/', '')
      .replaceAll(/\b4000( udp|;| so_)/gu, `${port!}$1`)
      .replaceAll(/\b443\b/gu, String(shared))
      .replaceAll(/:4433\b/gu, `:${inner!}`)
      .replaceAll(/:4434\b/gu, `:${inner! + 1}`);
  for (const name of ['00-common.conf', ...VARIANTS.map(fileOf), '20-kcp-tcp.conf', '30-shared-443.conf'])
    change(`stream.d/${name}`, edit);
  change('http.d/40-kcp-ws.conf', edit);
}

const VARIANTS = ['passive', 'active', 'transparent', 'plus'] as const;
type Variant = (typeof VARIANTS)[number];
const fileOf = (variant: Variant): string =>
  `1${VARIANTS.indexOf(variant)}-kcp-udp-${variant}.conf${variant === 'active' ? '' : '.off'}`;

/** Switches over, as an operator does. */
function activate(variant: Variant): void {
  const active = join(folder, 'stream.d', fileOf('active'));
  renameSync(active, `${active}.off`);
  const wanted = join(folder, 'stream.d', fileOf(variant));
  renameSync(wanted, wanted.replace('.off', ''));
}

const gateway = (id: number, kinds: readonly string[], host = '10.9.8.7'): string =>
  `    - { name: g${id}, gateway_id: ${id}, ${kinds.map((kind) => `${kind}: '${host}:${5000 + id}'`).join(', ')} }\n`;

const three = (kinds: readonly string[]): string => [1, 2, 3].map((id) => gateway(id, kinds)).join('');

/** Writes a set. @returns its section. */
async function generate(gateways: string, keys: string) {
  const [udp, tcp, shared, http, inner] = await freePorts(1, 1, 1, 1, 2);
  const ports = { udp, tcp, shared, http, inner };
  const text = `front:
  gateways:
${gateways}  pid_file: n.pid
  log_directory: .
  certificate_file: certs/fullchain.pem
  certificate_key_file: certs/privkey.pem
  shared_inner_port: ${String(inner)}
${keys.replaceAll(/\$(\w+)/gu, (_, name: keyof typeof ports) => String(ports[name]))}`;
  const result = loadConfig({ text, env: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  writeSet(renderNginxSet(result.config.front), folder, true);
  return result.config.front;
}

const ALL_PORTS = '  udp_port: $udp\n  tcp_port: $tcp\n  shared_port: $shared\n  http_port: $http\n';

peer('nginx').describe('what nginx says', () => {
  test('of the set in the folder nginx, and of damage to it', async () => {
    await takeShipped();
    expect(await verdict()).toBe('good');
    change('stream.d/20-kcp-tcp.conf', (text) => text.replace('proxy_timeout', 'proxy_timeot'));
    expect(await verdict()).toContain('unknown directive "proxy_timeot"');
  });

  test.each(['passive', 'transparent'] as const)('of it, switched to %s', async (variant) => {
    await takeShipped();
    activate(variant);
    expect(await verdict()).toBe('good');
  });

  test('of the variant for NGINX Plus: only what only that has is unknown', async () => {
    await takeShipped();
    activate('plus');
    expect(await verdict()).toContain('unknown directive "match"');
    change('stream.d/13-kcp-udp-plus.conf', (text) =>
      text
        .replace(/^match kcpgate_probe \{[^]*?^\}/mu, '')
        .replaceAll(/^ *(?:health_check|proxy_session_drop).*$/gmu, ''),
    );
    expect(await verdict()).toBe('good');
  });

  const all = ['udp', 'tcp', 'http'];
  test.each([
    ['everything', three(all), ALL_PORTS],
    ['no IPv6', three(all), `${ALL_PORTS}  ipv6: false\n`],
    ['no shared port', three(all), '  udp_port: $udp\n  tcp_port: $tcp\n  http_port: $http\n'],
    [
      'nothing but the shared port',
      three(all),
      '  udp_port: null\n  tcp_port: null\n  shared_port: $shared\n',
    ],
    ['one gateway, UDP only, passive', gateway(1, ['udp']), '  udp_port: $udp\n  udp_balancing: passive\n'],
    [
      'transparent over IPv6',
      gateway(1, ['udp'], '[2001:db8::1]'),
      '  udp_port: $udp\n  udp_balancing: transparent\n',
    ],
    ['HTTP only, shared', three(['http']), '  shared_port: $shared\n'],
    ['TCP only, shared', three(['tcp']), '  tcp_port: null\n  shared_port: $shared\n'],
    [
      'another path and name',
      three(all),
      `${ALL_PORTS}  websocket_path: /a.b/ws\n  login_path: /in\n  server_name: '*.example.com'\n`,
    ],
    [
      'as many gateways as there can be',
      Array.from({ length: 255 }, (_, id) => gateway(id + 1, all)).join(''),
      ALL_PORTS,
    ],
  ])('of a set with %s', async (_, gateways, keys) => {
    await generate(gateways, keys);
    expect(await verdict()).toBe('good');
  });

  test('of every state that the checker can write', async () => {
    const front = await generate(three(all), ALL_PORTS);
    const states: GatewayState[] = ['up', 'draining', 'down'];
    const written = new Set<string>();
    for (const [first, second, third] of states.flatMap((a) =>
      states.flatMap((b) => states.map((c) => [a, b, c])),
    )) {
      const byName = new Map([
        ['g1', first!],
        ['g2', second!],
        ['g3', third!],
      ]);
      const files = renderIncludeFiles(front.gateways, byName, 'the test');
      // Many states are written alike.
      const text = FRONT_KINDS.map(
        (kind) => files.get(`pool-${kind}.inc`)! + files.get(`owners-${kind}.inc`)!,
      )
        .join('')
        .replaceAll(/^#.*\n/gmu, '');
      if (written.has(text)) continue;
      written.add(text);
      for (const [name, content] of files) writeFileSync(join(folder, 'kcpgate', name), content);
      expect(await verdict(), `${first}, ${second}, ${third}`).toBe('good');
    }
    expect(written.size).toBe(19);
  });
});
