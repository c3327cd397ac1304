import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../../src/gateway/config/load.ts';
import type { FrontConfig } from '../../../../../src/gateway/config/config.ts';
import { frontNotes } from '../../../../../tools/kcpgate/nginx/front-notes.ts';
import { type NginxSet, renderNginxSet } from '../../../../../tools/kcpgate/nginx/nginx-set.ts';

const SHIPPED = fileURLToPath(new URL('../../../../../nginx/', import.meta.url));
const EXAMPLE = `${SHIPPED}example.yaml`;

/** The example with other values of some keys. */
function frontWith(settings: Readonly<Record<string, string>> = {}, file = EXAMPLE): FrontConfig {
  const flags = Object.entries(settings).map(([key, text]) => ({ flag: key, key: `front.${key}`, text }));
  const result = loadConfig({ file, env: {}, flags });
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.config.front;
}

function setWith(settings: Readonly<Record<string, string>> = {}): NginxSet {
  return renderNginxSet(frontWith(settings));
}

const ONE: FrontConfig = {
  ...frontWith(),
  gateways: [
    {
      name: 'only',
      gatewayId: 0,
      udp: { address: '::1', family: 6, port: 4001 },
      tcp: null,
      http: null,
      weight: 1,
    },
  ],
  tcpPort: null,
  sharedPort: null,
};

const filesOf = ({ files, includeFiles }: NginxSet): string[] =>
  [...files.keys(), ...includeFiles.keys()].sort();

const textOf = (set: NginxSet, name: string): string =>
  set.files.get(name) ?? set.includeFiles.get(name) ?? '';

/** Directives without comments. */
const codeOf = (text: string): string => text.replaceAll(/^\s*#.*\n/gmu, '').replaceAll(/ #.*$/gmu, '');

describe('the set in the folder nginx', () => {
  // After a change: node dist/tools/kcpgate/main.js nginx -c nginx/example.yaml --out nginx --force
  test('is what the example gives, and nothing else', () => {
    const set = setWith();
    const shipped = readdirSync(SHIPPED, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(SHIPPED.length).replace(/^\//u, ''));
    const own = ['README.md', 'example.yaml', 'gateway.yaml'];
    expect(shipped.filter((name) => !own.includes(name)).sort()).toEqual(filesOf(set));
    for (const name of filesOf(set))
      expect(readFileSync(SHIPPED + name, 'utf8'), name).toBe(textOf(set, name));
  });
});

describe('the gateway in the folder nginx', () => {
  test('is one of the example, and expects what nginx sends', () => {
    const env = { TICKET_KEY: Buffer.alloc(32).toString('base64') };
    const result = loadConfig({ file: `${SHIPPED}gateway.yaml`, env });
    if (!result.ok) throw new Error(JSON.stringify(result.errors));
    expect(result.warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([]);
    const { config } = result;
    expect(config.front.gateways).toEqual(frontWith().gateways);
    expect(frontNotes(config)).toEqual([]);
    const [own] = config.front.gateways;
    expect(config.listeners.map(({ bind }) => bind)).toEqual([own?.udp, own?.tcp, own?.http]);
    const lines = config.login.lines === 'auto' ? [] : config.login.lines;
    expect(new Set(lines.map(({ port }) => port))).toEqual(
      new Set([frontWith().udpPort, frontWith().sharedPort]),
    );
    expect(lines.filter(({ path }) => path !== null).map(({ path, gatewayId }) => [path, gatewayId])).toEqual(
      [
        ['/kcp/1', 1],
        ['/kcp/2', 2],
        ['/kcp/3', 3],
      ],
    );
  });
});

describe('what is in a set', () => {
  test.each(['active', 'passive', 'transparent'])('one way to balance UDP is active: %s', (balancing) => {
    const names = filesOf(setWith({ udp_balancing: balancing })).filter((name) => name.includes('kcp-udp'));
    expect(names.filter((name) => name.endsWith('.conf'))).toEqual([
      expect.stringContaining(`-kcp-udp-${balancing}.conf`),
    ]);
    expect(names).toHaveLength(4);
  });

  test('what has no port, or no gateway, is absent, and what is absent is in no set', () => {
    const no = (settings: Readonly<Record<string, string>>): string[] => [...setWith(settings).absent];
    expect(no({})).toEqual([
      'stream.d/10-kcp-udp-passive.conf',
      'stream.d/11-kcp-udp-active.conf.off',
      'stream.d/12-kcp-udp-transparent.conf',
      'stream.d/13-kcp-udp-plus.conf',
    ]);
    expect(no({ udp_port: 'null' })).toEqual(expect.arrayContaining(['systemd/kcpgate-tproxy@.service']));
    expect(no({ tcp_port: 'null', shared_port: 'null' })).toEqual(
      expect.arrayContaining([
        'stream.d/20-kcp-tcp.conf',
        'stream.d/30-shared-443.conf',
        'http.d/40-kcp-ws.conf',
      ]),
    );
    expect(filesOf(setWith({ tcp_port: 'null' }))).toContain('stream.d/20-kcp-tcp.conf');
    expect(filesOf(setWith({ shared_port: 'null', http_port: '8080' }))).toContain('http.d/40-kcp-ws.conf');
    for (const set of [setWith(), setWith({ udp_port: 'null', shared_port: 'null' }), renderNginxSet(ONE)])
      expect(filesOf(set).filter((name) => set.absent.includes(name))).toEqual([]);
  });

  test.each([
    ['the example', frontWith()],
    ['passive', frontWith({ udp_balancing: 'passive', http_port: '8080' })],
    ['one gateway', ONE],
    ['others for TCP than for UDP', withoutTcpOfTheFirst()],
  ])('%s: every upstream that is led to is there, and every file that is included', (_, front) => {
    const set = renderNginxSet(front);
    const all = codeOf(
      filesOf(set)
        .filter((name) => /\.(?:conf|inc)$/u.test(name))
        .map((name) => textOf(set, name))
        .join('\n'),
    );
    const defined = new Set([...all.matchAll(/^upstream (\w+)/gmu)].map(([, name]) => name));
    const used = [
      ...all.matchAll(/^\s*\S+ (kcpgate_(?:udp|tcp|http|inner)_\w+);/gmu),
      ...all.matchAll(/proxy_pass http:\/\/(kcpgate_\w+)/gu),
    ].map(([, name]) => name);
    const connections = front.tcpPort !== null || front.sharedPort !== null;
    expect(
      used.filter((name) => !defined.has(name) && (connections || !/_(?:tcp|http)_/u.test(name!))),
    ).toEqual([]);
    const included = [...all.matchAll(/include ([^;*]+);/gu)].map(([, name]) => name);
    expect(included.filter((name) => !filesOf(set).includes(name!))).toEqual([]);
  });

  test('an address is written as nginx reads it, and a weight where there is one', () => {
    const set = renderNginxSet({
      ...ONE,
      gateways: [{ ...ONE.gateways[0]!, weight: 3 }],
      udpBalancing: 'passive',
    });
    expect(textOf(set, 'stream.d/10-kcp-udp-passive.conf')).toContain(
      'server [::1]:4001 weight=3 max_fails=2 fail_timeout=5s; # only',
    );
    expect(textOf(set, 'stream.d/10-kcp-udp-passive.conf')).toContain('    0 kcpgate_udp_0; # only');
  });

  test('without IPv6 nothing listens on it', () => {
    expect([...setWith({ ipv6: 'false', http_port: '8080' }).files.values()].join('')).not.toContain('[::]');
  });

  test('transparent: one family, that of the gateways, and a route for their answers', () => {
    const v4 = setWith({ udp_balancing: 'transparent' });
    const conf = textOf(v4, 'stream.d/12-kcp-udp-transparent.conf');
    expect(conf).toContain('proxy_bind $remote_addr:$remote_port transparent;');
    expect(conf).not.toContain('listen [::]');
    expect(codeOf(conf)).not.toContain('proxy_protocol');
    expect(textOf(v4, 'systemd/kcpgate-tproxy@.service')).toContain(
      'ExecStart=ip -4 rule add iif %i ipproto udp sport 4000 lookup 4000',
    );
    const v6 = renderNginxSet({ ...ONE, udpBalancing: 'transparent' });
    expect(textOf(v6, 'stream.d/12-kcp-udp-transparent.conf')).toMatch(
      /listen \[::\]:4000 udp[^]*proxy_bind \[\$remote_addr\]:\$remote_port transparent;/u,
    );
    expect(textOf(v6, 'systemd/kcpgate-tproxy@.service')).toContain(
      'ip -6 rule add iif %i ipproto udp sport 4001',
    );
  });

  test('ports that clients of this host could be given are reserved', () => {
    expect(
      textOf(setWith({ udp_port: '40000', shared_inner_port: '20443' }), 'sysctl.d/90-kcpgate.conf'),
    ).toContain('\nnet.ipv4.ip_local_reserved_ports = 20443,20444,40000\n');
  });

  test('only the name of the folder with the files of the checker is in it: the set runs from anywhere', () => {
    const set = setWith({ 'check.include_directory': '/srv/front/state/' });
    expect(filesOf(set)).toContain('state/owners-udp.inc');
    expect(textOf(set, 'stream.d/11-kcp-udp-active.conf')).toContain('include state/pool-udp.inc;');
    const code = [...set.files].filter(([name]) => name.endsWith('.conf') && !name.startsWith('sys'));
    expect(code.map(([, text]) => codeOf(text)).join('')).not.toMatch(/include \//u);
  });
});

function withoutTcpOfTheFirst(): FrontConfig {
  const front = frontWith();
  return {
    ...front,
    gateways: front.gateways.map((gateway, at) => (at === 0 ? { ...gateway, tcp: null } : gateway)),
  };
}
