import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import { renderNginxSet } from '../../../tools/kcpgate/nginx/nginx-set.ts';
import { writeSet } from '../../../tools/kcpgate/nginx/write-set.ts';
import { peer } from '../../support/peers.ts';

const FRONT = `front:
  gateways: [{ name: a, gateway_id: 1, udp: '10.2.0.2:4000' }]
  udp_balancing: transparent
  workers: 1
  pid_file: n.pid
  log_directory: .
`;

/** Answers with the address that a datagram came from, from any address of its host. */
const GATEWAY = `
  const socket = require('node:dgram').createSocket('udp4').bind(4000);
  socket.on('message', (_, { address, port }) => socket.send(address + ':' + port, port, address));
`;

/** Asks so often as it is told until there is an answer, always from the same port, and prints that. */
const CLIENT = `
  const datagram = Buffer.alloc(24);
  datagram.writeUInt32LE(0x01000005, 0);
  datagram[4] = 0xa0;
  const socket = require('node:dgram').createSocket('udp4').bind(45001);
  const end = (text) => { console.log(process.argv[2] + ': ' + text); process.exit(); };
  socket.on('message', (answer, { address, port }) => end(answer + ' by way of ' + address + ':' + port));
  let left = Number(process.argv[3]);
  setInterval(() => left-- > 0 ? socket.send(datagram, 4000, '10.1.0.1') : end('nothing'), 100);
`;

/** A client, nginx and a gateway, each in a network of its own; that of nginx leads to both. ROUTES: what the unit does. */
const SCRIPT = `
  set -e
  ip link set lo up
  unshare --net sleep 60 & client=$!
  unshare --net sleep 60 & gateway=$!
  own=$(readlink /proc/self/ns/net)
  for host in $client $gateway; do
    for _ in $(seq 100); do [ "$(readlink /proc/$host/ns/net)" = "$own" ] || break; sleep 0.02; done
  done
  at() { target=$1; shift; nsenter --target $target --net "$@"; }
  ip link add c0 type veth peer name c1
  ip link add g0 type veth peer name g1
  ip link set c1 netns $client
  ip link set g1 netns $gateway
  ip addr add 10.1.0.1/24 dev c0 && ip link set c0 up
  ip addr add 10.2.0.1/24 dev g0 && ip link set g0 up
  at $client ip addr add 10.1.0.2/24 dev c1 && at $client ip link set c1 up
  at $gateway ip addr add 10.2.0.2/24 dev g1 && at $gateway ip link set g1 up
  at $gateway ip route add default via 10.2.0.1
  at $gateway "$NODE" gateway.js &
  nginx -p . -c "$PWD/nginx.conf" -g 'daemon off;' 2>/dev/null & front=$!
  at $client "$NODE" client.js 'without routes' 5
  ROUTES
  at $client "$NODE" client.js 'with routes' 100
  workers() { cat /proc/$front/task/$front/children; }
  before=$(workers)
  kill -HUP $front
  for _ in $(seq 200); do [ "$(workers)" = "$before" ] || break; sleep 0.02; done
  at $client "$NODE" client.js 'after a reload' 100
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-nginx-transparent-'));
  // The workers of nginx are another user.
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A network of one's own, and other users in it, are for root. */
function canMakeNetworks(): boolean {
  const { status, stderr } = spawnSync(
    'unshare',
    ['--net', '--pid', '--fork', '--mount-proc', 'ip', 'link', 'set', 'lo', 'up'],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) console.warn(`SKIPPED: transparent nginx, because networks cannot be made (${stderr})`);
  return status === 0;
}

peer('nginx').describe('transparent', () => {
  describe.runIf(canMakeNetworks())('in networks of its own', () => {
    test('a gateway sees the address of its client, through a reload, too; without the routes nothing comes back', () => {
      const result = loadConfig({ text: FRONT, env: {} });
      if (!result.ok) throw new Error(JSON.stringify(result.errors));
      writeSet(renderNginxSet(result.config.front), folder, false);
      writeFileSync(join(folder, 'gateway.js'), GATEWAY);
      writeFileSync(join(folder, 'client.js'), CLIENT);
      const unit = readFileSync(join(folder, 'systemd/kcpgate-tproxy@.service'), 'utf8');
      const routes = [...unit.matchAll(/^ExecStart=(-?)(.*)$/gmu)].map(
        ([, mayFail, command]) =>
          `${command!.replaceAll('%i', 'g0')}${mayFail === '-' ? ' 2>/dev/null || true' : ''}`,
      );
      const { stdout, stderr } = spawnSync(
        'unshare',
        // With the shell everything that it started ends.
        [
          '--net',
          '--pid',
          '--fork',
          '--kill-child',
          '--mount-proc',
          'sh',
          '-c',
          SCRIPT.replace('ROUTES', routes.join('\n')),
        ],
        {
          encoding: 'utf8',
          cwd: folder,
          timeout: 25_000,
          env: { ...process.env, NODE: process.execPath },
        },
      );
      expect(stdout.split('\n'), stderr).toEqual([
        'without routes: nothing',
        'with routes: 10.1.0.2:45001 by way of 10.1.0.1:4000',
        'after a reload: 10.1.0.2:45001 by way of 10.1.0.1:4000',
        '',
      ]);
    });
  });
});
