import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { describeWithNative } from '../../support/native.ts';

/** What every program below begins with. */
const PRELUDE = `
  const udp = require(FILE);
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const open = (options) => {
    const meta = new Int32Array(64 * 5);
    const slab = new Uint8Array(64 * 65536);
    const socket = udp.openSocket({
      address: '0.0.0.0', port: 0, ipv6Only: false, reusePort: false, descriptor: -1, remoteAddress: '', remotePort: 0,
      bufferBytes: 0, maxDatagramBytes: 2048, maxQueueBytes: 0, maxAddresses: 100, segmentation: true,
      slab, slotBytes: 65536, meta, onError() {}, onBatch: (count) => options.take?.(slab, meta, count), ...options });
    socket.start();
    return socket;
  };
  const stats = (socket) => {
    const counters = new Float64Array(12);
    socket.stats(counters);
    const [sent, calls, drops, errors, segmented] = [counters[6], counters[8], counters[9], counters[10], counters[11]];
    return { sent, calls, drops, errors, segmented };
  };
  /** Sends datagrams of 1000 bytes, of one conversation (0), which their number follows. */
  const sendNumbered = (socket, slot, first, count) => {
    const bytes = new Uint8Array(count * 1000);
    const descriptors = new Int32Array(count * 3);
    for (let i = 0; i < count; i++) {
      new DataView(bytes.buffer).setUint32(i * 1000 + 4, first + i);
      descriptors.set([i * 1000, 1000, slot], i * 3);
    }
    socket.send(bytes, descriptors, count);
    bytes.fill(255);
  };
  const numbers = [];
  const take = (slab, meta, count) => {
    const view = new DataView(slab.buffer);
    for (let at = 0; at < count * 5; at += 5) {
      for (let offset = meta[at], end = offset + meta[at + 1]; offset < end; offset += meta[at + 2] || meta[at + 1]) {
        numbers.push(view.getUint32(offset + 4));
      }
    }
  };
  const inOrder = () => numbers.every((number, i) => number === i);
  const print = (value) => console.log(JSON.stringify(value));
`;

/** A network of one's own needs a right that not every user has. */
function canMakeNetworks(): boolean {
  const { status, stderr } = runIn('tc qdisc add dev lo root tbf rate 50mbit burst 100kb limit 10mb', 'true');
  if (status !== 0)
    console.warn(`SKIPPED: networks that are slow or broken, because none can be made (${stderr})`);
  return status === 0;
}

function runIn(network: string, command: string): { status: number | null; stdout: string; stderr: string } {
  const script = `ip link set lo up && ${network} && exec ${command}`;
  return spawnSync('unshare', ['--map-root-user', '--net', 'sh', '-c', script], {
    encoding: 'utf8',
    timeout: 30_000,
  });
}

const SLOW_LOOPBACK = 'tc qdisc add dev lo root tbf rate 100mbit burst 100kb limit 10mb';
const NEIGHBOURS = [
  'ip link add a0 type veth peer name b0 && ip addr add 10.9.0.1/24 dev a0 && ip link set a0 up && ip link set b0 up',
  'ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev a0 && ip neigh add 10.9.0.3 lladdr 02:00:00:00:00:01 dev a0',
  'ip route add 10.9.0.3/32 dev a0 mtu lock 600',
].join(' && ');

describeWithNative('networks that are slow or broken', (_bindings, file) => {
  const prelude = PRELUDE.replace('FILE', JSON.stringify(file));
  const run = (network: string, program: string): unknown => {
    const source = `${prelude} (async () => { ${program} process.exit(); })();`;
    const { status, stdout, stderr } = runIn(
      network,
      `${process.execPath} -e '${source.replaceAll("'", `'\\''`)}'`,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout);
  };

  describe.runIf(canMakeNetworks())('with a network of its own', () => {
    it('what the system does not take waits in order and leaves when it does', () => {
      const result = run(
        SLOW_LOOPBACK,
        `
        const right = open({ address: '127.0.0.1', bufferBytes: 4 << 20, take });
        const left = open({ address: '127.0.0.1', bufferBytes: 4096, maxQueueBytes: 4 << 20 });
        const slot = left.intern('127.0.0.1', right.port);
        for (let i = 0; i < 30; i++) sendNumbered(left, slot, i * 100, 100);
        // The queue holds the peer, whoever else let go of it.
        left.release(slot);
        const before = stats(left);
        for (let i = 0; i < 1000 && numbers.length < 3000; i++) await wait(5);
        print({ waited: before.sent < 3000, drops: stats(left).drops, got: numbers.length, inOrder: inOrder(),
          released: left.addressOf(slot) === undefined });`,
      );
      expect(result).toEqual({ waited: true, drops: 0, got: 3000, inOrder: true, released: true });
    });

    it('the queue stays in order while it is filled and emptied at once', () => {
      const result = run(
        SLOW_LOOPBACK,
        `
        const right = open({ address: '127.0.0.1', bufferBytes: 4 << 20, take });
        const left = open({ address: '127.0.0.1', bufferBytes: 4096, maxQueueBytes: 4 << 20 });
        const slot = left.intern('127.0.0.1', right.port);
        let partly = 0;
        for (let first = 0; first < 3000; first += 30) {
          sendNumbered(left, slot, first, 30);
          const before = stats(left).sent;
          // More waits than the link takes at once after a rest, however long nothing was sent.
          while (first - before >= 240 && stats(left).sent === before) await turn();
          const { sent } = stats(left);
          if (sent > before && sent < first + 30) partly++;
        }
        for (let i = 0; i < 1000 && numbers.length < 3000; i++) await wait(5);
        print({ partly: partly > 10, drops: stats(left).drops, got: numbers.length, inOrder: inOrder() });`,
      );
      expect(result).toEqual({ partly: true, drops: 0, got: 3000, inOrder: true });
    });

    it('the queue is bounded, and what it has no room for is dropped and counted', () => {
      const result = run(
        SLOW_LOOPBACK,
        `
        const right = open({ address: '127.0.0.1', bufferBytes: 4 << 20, take });
        const left = open({ address: '127.0.0.1', bufferBytes: 4096, maxQueueBytes: 50_000 });
        const slot = left.intern('127.0.0.1', right.port);
        sendNumbered(left, slot, 0, 1000);
        const { sent, drops } = stats(left);
        for (let i = 0; i < 1000 && numbers.length < 1000 - drops; i++) await wait(5);
        await wait(50);
        const end = stats(left);
        print({ queued: 1000 - sent - drops, sum: end.sent + end.drops, got: numbers.length === end.sent,
          inOrder: inOrder() });`,
      );
      // 1000 bytes and what each costs beside them.
      expect(result).toEqual({ queued: 49, sum: 1000, got: true, inOrder: true });
    });

    it('a path that takes only small datagrams leaves segmentation to the others', () => {
      const result = run(
        NEIGHBOURS,
        `
        const reports = [];
        const left = open({ onError: (...report) => reports.push(report) });
        const [wide, narrow] = [left.intern('10.9.0.2', 9), left.intern('10.9.0.3', 9)];
        const segmented = [wide, narrow, wide].map((slot) => {
          sendNumbered(left, slot, 0, 10);
          return stats(left).segmented;
        });
        const { sent, drops } = stats(left);
        print({ segmented, sent, drops, reports });`,
      );
      expect(result).toEqual({ segmented: [1, 1, 2], sent: 30, drops: 0, reports: [] });
    });

    it('an address this machine loses is not used for answers any more', () => {
      const result = run(
        `${NEIGHBOURS} && ip addr add 10.9.0.77/24 dev a0`,
        `
        let slot = -1;
        const server = open({ take: (slab, meta) => { slot = meta[3]; server.retain(slot); } });
        const client = open({ address: '10.9.0.1' });
        const reach = client.intern('10.9.0.77', server.port);
        sendNumbered(client, reach, 0, 1);
        while (slot < 0) await wait(1);
        sendNumbered(server, slot, 0, 2);
        require('node:child_process').execSync('ip addr del 10.9.0.77/24 dev a0');
        sendNumbered(server, slot, 0, 2);
        print({ sent: stats(server).sent, drops: stats(server).drops, segmented: stats(server).segmented });`,
      );
      expect(result).toEqual({ sent: 4, drops: 0, segmented: 1 });
    });

    it('who writes to a multicast group is answered', () => {
      const result = run(
        NEIGHBOURS,
        `
        const server = open({ address: '::', take: (slab, meta) => sendNumbered(server, meta[3], 0, 1) });
        const client = open({ address: '::', take });
        const group = client.intern('ff02::1%a0', server.port);
        for (let i = 0; i < 100 && numbers.length === 0; i++) {
          sendNumbered(client, group, 0, 1);
          await wait(50);
        }
        const { drops, errors } = stats(server);
        print({ answered: numbers.length > 0, drops, errors });`,
      );
      expect(result).toEqual({ answered: true, drops: 0, errors: 0 });
    });
  });
});
