import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { LOOPBACK_V4, hasIpv6, untilTrue } from '../../contract/loopback.ts';
import { collect, send, sendAll } from '../../contract/socket-traffic.ts';
import { describeWithNative } from '../../support/native.ts';
import { createOpener } from './open-native.ts';

const ipv6 = await hasIpv6();

describeWithNative('opening natively', (bindings, file) => {
  const open = createOpener(bindings);

  it.each([65_536, 70_000, -1])('refuses port %i', (port) => {
    const wrong = { ...LOOPBACK_V4, port };
    const failed = (code: string): unknown => expect.objectContaining({ code });
    expect(() => open({ bind: wrong })).toThrow(failed('bind_failed'));
    expect(() => open({ remote: wrong })).toThrow(failed('connect_failed'));
    expect(() => bindings.bindReusePortGroup({ ...wrong, ipv6Only: false, count: 1 })).toThrow(
      failed('EINVAL'),
    );
  });

  it('refuses a peer nobody can be', () => {
    expect(() => open({ remote: LOOPBACK_V4 })).toThrow(expect.objectContaining({ code: 'connect_failed' }));
  });

  it('without room for its only peer sends nothing', () => {
    const socket = open({ remote: { ...LOOPBACK_V4, port: 9 }, maxAddresses: 0 });
    sendAll(socket, [[-1, new Uint8Array(10)]]);
    expect(socket.stats()).toMatchObject({ sentDatagrams: 0, sendDrops: 1 });
  });

  it('with a descriptor, what the owner before switched on is off again', async () => {
    const [descriptor] = bindings.bindReusePortGroup({ ...LOOPBACK_V4, ipv6Only: false, count: 1 });
    try {
      await open({ descriptor: descriptor! }).close();
      const right = open({ descriptor: descriptor!, segmentation: false });
      const inbox = collect(right);
      const left = open();
      send(left, left.intern(right.localAddress), ...Array<string>(10).fill('x'.repeat(1000)));
      await untilTrue(() => inbox.length === 10);
      expect(left.stats().segmentedSends).toBe(1);
    } finally {
      bindings.closeDescriptor(descriptor!);
    }
  });

  describe.runIf(hasPython())('with a descriptor of another program', () => {
    it('refuses one that is not bound', () => {
      expect(openInherited(file, 's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)', '')).toBe('EINVAL');
    });

    it.runIf(ipv6)('takes it with all that is told beside the datagrams', () => {
      const options = [
        's = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)',
        // Local address twice, time to live, three kinds of timestamps, drops of the queue.
        's.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)',
        's.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)',
        's.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)',
        's.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)',
        's.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE)',
        's.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)',
        's.bind(("::", 0))',
      ].join('\n');
      const program = `
        socket.start();
        const client = open({ address: '127.0.0.1' });
        const slot = client.intern('127.0.0.1', socket.port);
        client.send(new Uint8Array(900), Int32Array.of(0, 300, slot, 300, 300, slot, 600, 300, slot), 3);`;
      expect(openInherited(file, options, program)).toBe('900 300');
    });
  });
});

function hasPython(): boolean {
  const found = spawnSync('python3', ['--version']).status === 0;
  if (!found) console.warn('SKIPPED: sockets of another program, because there is no python3 to open them');
  return found;
}

/**
 * Opens a socket in Python, adopts it in a Node of its own and runs `program` there.
 * @returns the code of what is thrown, else length and segment size of the first message.
 */
function openInherited(file: string, pythonSocket: string, program: string): string {
  const node = `
    const udp = require(${JSON.stringify(file)});
    const open = (options) => udp.openSocket({
      address: '', port: 0, ipv6Only: false, reusePort: false, descriptor: -1, remoteAddress: '', remotePort: 0,
      bufferBytes: 0, maxDatagramBytes: 2048, maxQueueBytes: 0, maxAddresses: 10, segmentation: true,
      slab: new Uint8Array(65536), slotBytes: 65536, meta: new Int32Array(5), onError() {}, onBatch() {}, ...options });
    const meta = new Int32Array(5);
    const onBatch = () => { console.log(meta[1], meta[2]); process.exit(); };
    try {
      const socket = open({ descriptor: Number(process.argv[1]), meta, onBatch });
      ${program}
    } catch ({ code }) { console.log(code); }`;
  const python = `
import os, socket, sys
IP_PKTINFO, IP_RECVTTL, SO_TIMESTAMPNS, SO_TIMESTAMPING, SO_RXQ_OVFL, RX_SOFTWARE, SOFTWARE = 8, 12, 35, 37, 40, 8, 16
${pythonSocket}
s.set_inheritable(True)
os.execv(sys.argv[1], [sys.argv[1], '-e', sys.argv[2], str(s.fileno())])`;
  const { stdout, stderr } = spawnSync('python3', ['-c', python, process.execPath, node], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(stderr).toBe('');
  return stdout.trim();
}
