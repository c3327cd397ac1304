import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nginx, type NginxOptions } from '../../../../../tools/kcpgate/nginx/nginx.ts';

const GATEWAYS = `front:
  gateways:
    - { name: gw-1, gateway_id: 1, udp: '10.0.0.1:4000' }
    - { name: gw-2, gateway_id: 2, udp: '10.0.0.2:4000' }
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-nginx-command-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the command with a configuration. `said`: on standard output; `told`: on standard error. */
function run(
  text: string,
  options: Partial<NginxOptions> = {},
): { code: number; said: string; told: string } {
  const config = join(folder, 'gateway.yaml');
  writeFileSync(config, text);
  const words = { said: '', told: '' };
  const code = nginx(
    { config, set: [], check: false, force: false, ...options },
    { write: (part) => (words.said += part) },
    { write: (part) => (words.told += part) },
  );
  return { code, ...words };
}

describe('kcpgate nginx', () => {
  test('lists the files, prints one, writes all', () => {
    const listed = run(GATEWAYS);
    expect(listed).toMatchObject({ code: 0, told: '' });
    const names = listed.said.trim().split('\n');
    expect(names).toEqual(expect.arrayContaining(['nginx.conf', 'njs/kcp-route.js', 'kcpgate/pool-udp.inc']));

    const out = join(folder, 'out');
    const written = run(GATEWAYS, { out });
    expect(written.said.trim().split('\n').sort()).toEqual(names.map((name) => `written    ${name}`));
    for (const name of names) {
      const { said } = run(GATEWAYS, { print: name });
      expect(readFileSync(join(out, name), 'utf8'), name).toBe(said);
    }
    expect(run(GATEWAYS, { out }).said).toMatch(/^kept {7}kcpgate\/pool-udp\.inc$[^]*out: nothing to do$/mu);
  });

  test('says what differs, by its exit code, too', () => {
    const out = join(folder, 'out');
    run(GATEWAYS, { out });
    expect(run(GATEWAYS, { out, check: true })).toEqual({
      code: 0,
      said: `${out}: as the configuration says\n`,
      told: '',
    });
    const another = GATEWAYS.replace('10.0.0.2', '10.0.0.3').replace(
      'front:',
      'front:\n  udp_balancing: passive',
    );
    expect(run(another, { out, check: true })).toEqual({
      code: 1,
      said: [
        'missing    stream.d/10-kcp-udp-passive.conf',
        'missing    stream.d/11-kcp-udp-active.conf.off',
        'different  stream.d/12-kcp-udp-transparent.conf.off',
        'different  stream.d/13-kcp-udp-plus.conf.off',
        'outdated   kcpgate/pool-udp.inc',
        'extra      stream.d/10-kcp-udp-passive.conf.off',
        'extra      stream.d/11-kcp-udp-active.conf',
        '',
      ].join('\n'),
      told: '',
    });
    // Nothing was changed by that.
    expect(run(GATEWAYS, { out, check: true }).code).toBe(0);

    const { said, told } = run(another, { out });
    expect(said).toContain('removed    stream.d/11-kcp-udp-active.conf\n');
    expect(told).toBe(
      'note: kcpgate/pool-udp.inc: of other gateways; restart upstream-check, or use --force\n',
    );
    expect(run(another, { out, force: true }).said).toContain('written    kcpgate/pool-udp.inc');
    expect(run(another, { out, check: true }).code).toBe(0);
  });

  test('tells what does not fit between nginx and the gateway of the configuration', () => {
    const gateway = (listeners: string): string =>
      `common: { gateway_id: 1 }\nlisteners:\n${listeners}${GATEWAYS.replace('10.0.0.1', '127.0.0.1')}`;
    const udp = (more: string): string => `  - { name: a, type: kcp-udp, bind: '127.0.0.1:4000'${more} }\n`;
    expect(run(gateway(udp(''))).told.split('\n')).toEqual([
      'note: gw-1 has the UDP port 4000 of this host, which nginx wants, too: give one of them another',
      'note: listener a has proxy_protocol: off, but behind nginx it needs proxy',
      '',
    ]);
    const moved = gateway(udp(', proxy_protocol: proxy')).replace('front:', 'front:\n  udp_port: 4001');
    expect(run(moved).told).toBe('');
    const transparent = moved.replace('front:', 'front:\n  udp_balancing: transparent\n  ipv6: false');
    expect(run(transparent.replace('ipv6: false', 'ipv6: true')).told).toContain(
      'note: udp_balancing: transparent leads only clients with IPv4',
    );
    expect(run(transparent).told).toBe(
      'note: listener a has proxy_protocol: proxy, but behind nginx it needs off\n',
    );
    const connections = `  - { name: t, type: kcp-tcp, bind: '127.0.0.1:5000' }
  - { name: h, type: http, bind: '127.0.0.1:8080', proxy_protocol: proxy }
front: { tcp_port: 8080, http_port: 8081 }`;
    expect(run(`listeners:\n${connections}`).told.split('\n')).toEqual([
      'note: gw-1 has the TCP port 8080 of this host, which nginx wants, too: give one of them another',
      'note: listener t has proxy_protocol: off, but behind nginx it needs proxy',
      'note: listener h has proxy_protocol: proxy, but behind nginx it needs off',
      '',
    ]);
  });

  test.each<[string, string, Partial<NginxOptions>, string]>([
    ['a wrong configuration', 'front: { udp_port: 0 }', {}, 'front.udp_port: must be a whole number'],
    [
      'nobody to lead to',
      "listeners: [{ name: a, type: kcp-udp, bind: '127.0.0.1:0' }]",
      {},
      'front.gateways: nothing to lead to; name the gateways',
    ],
    [
      'a file that is not in it',
      GATEWAYS,
      { print: '../x' },
      'there is no file "../x" in the set; it has kcpgate/',
    ],
    ['no folder to compare with', GATEWAYS, { check: true }, 'kcpgate: --check and --force go with --out'],
  ])('refuses %s', (_, text, options, message) => {
    expect(() => run(text, options)).toThrow(message);
  });
});
