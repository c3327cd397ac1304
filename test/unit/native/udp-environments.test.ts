import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { describeWithNative } from '../../support/native.ts';

/** Opens sockets that send to each other all the time, and tells when that works. */
const BUSY = `
  const udp = require(FILE);
  const open = (more) => {
    const slab = new Uint8Array(64 * 65536);
    return udp.openSocket({
      address: '127.0.0.1', port: 0, ipv6Only: false, reusePort: false, descriptor: -1, remoteAddress: '', remotePort: 0,
      bufferBytes: 0, maxDatagramBytes: 2048, maxQueueBytes: 65536, maxAddresses: 100, segmentation: true,
      slab, slotBytes: 65536, meta: new Int32Array(64 * 5), onError() {}, onBatch() {}, ...more });
  };
  const ball = new Uint8Array(4000);
  const pass = (socket, slot) => socket.send(ball, Int32Array.of(0, 1000, slot, 1000, 1000, slot, 2000, 7, slot), 3);
  let received = 0;
  const meta = new Int32Array(64 * 5);
  const left = open({ meta, onBatch: () => { received++; pass(left, meta[3]); } });
  const others = Array.from({ length: 5 }, () => {
    const meta = new Int32Array(64 * 5);
    const socket = open({ meta, onBatch: () => pass(socket, meta[3]) });
    socket.start();
    pass(socket, socket.intern('127.0.0.1', left.port));
    return socket;
  });
  left.start();
`;

describeWithNative('environments with open sockets', (_bindings, file) => {
  const busy = BUSY.replace('FILE', JSON.stringify(file));
  const ready = `${busy}
    const { parentPort } = require('node:worker_threads');
    const timer = setInterval(() => { if (received > 20) { clearInterval(timer); parentPort.postMessage(0); } }, 1);`;
  const startWorker = async (code: string): Promise<Worker> => {
    const worker = new Worker(code, { eval: true });
    await once(worker, 'message');
    return worker;
  };
  const descriptors = (): number => readdirSync('/proc/self/fd').length;

  it('a worker that is terminated leaves nothing open', async () => {
    await (await startWorker(ready)).terminate();
    const before = descriptors();
    for (let i = 0; i < 10; i++) await (await startWorker(ready)).terminate();
    expect(descriptors()).toBe(before);
  });

  it('so does one that exits by itself, or closes some and exits', async () => {
    const exits = `${ready} parentPort.on('message', () => process.exit());`;
    const closes = `${ready} parentPort.on('message', () => {
      others[0].close(() => process.exit());
      others[1].close(() => {});
    });`;
    const before = descriptors();
    for (const code of [exits, closes, exits, closes]) {
      const worker = await startWorker(code);
      worker.postMessage(0);
      await once(worker, 'exit');
    }
    expect(descriptors()).toBe(before);
  });

  it('workers do not know of each other', async () => {
    const workers = await Promise.all([startWorker(ready), startWorker(ready), startWorker(ready)]);
    await workers[0].terminate();
    const [again] = await Promise.all([startWorker(ready), workers[1].terminate()]);
    await Promise.all([again.terminate(), workers[2].terminate()]);
  });

  const run = (code: string): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', code], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { status, output: stdout + stderr };
  };

  it('a process ends with sockets open, by itself once they are closed', () => {
    expect(run(`${busy} setInterval(() => { if (received > 0) process.exit(7); }, 1);`)).toMatchObject({
      status: 7,
    });
    const closing = `${busy}
      setTimeout(() => {
        for (const socket of [left, ...others]) socket.close(() => {});
      }, 50);
      process.on('beforeExit', () => console.log(process.getActiveResourcesInfo()));`;
    expect(run(closing)).toEqual({ status: 0, output: '[]\n' });
  });

  it('an open socket keeps the process alive and is not collected, a closed one is', () => {
    const code = `
      ${busy}
      let hits = 0;
      // Nothing here refers to this one.
      const openSink = () => {
        const socket = open({ onBatch: () => { hits++; } });
        socket.start();
        return [new WeakRef(socket), socket.port];
      };
      const [sink, port] = openSink();
      const closed = (() => {
        const socket = open();
        const weak = new WeakRef(socket);
        socket.close(() => {});
        return weak;
      })();
      const collect = () => new Promise((resolve) => setTimeout(() => { gc(); resolve(); }, 5).unref());
      (async () => {
        for (let i = 0; i < 10; i++) await collect();
        pass(left, left.intern('127.0.0.1', port));
        // As a bound for the test only.
        for (let i = 0; i < 1000 && hits === 0; i++) await collect();
        console.log(sink.deref() !== undefined, hits > 0, closed.deref() === undefined);
        process.exit(9);
      })();`;
    expect(run(code)).toEqual({ status: 9, output: 'true true true\n' });
  });

  it('is safe to use after it was closed, and to open badly', () => {
    const code = `${busy}
      left.close(() => {
        left.close(() => {});
        left.start(); pass(left, 0); left.retain(0); left.release(0); left.refuseSegmentation();
        const counters = new Float64Array(12);
        left.stats(counters);
        const fails = [
          () => open({ slab: new Uint8Array(10) }), () => open({ meta: new Int32Array(4) }),
          () => open({ slab: undefined }), () => open({ maxDatagramBytes: 0 }), () => open({ slotBytes: -1 }),
          () => open({ address: 'localhost' }), () => open({ address: '' }), () => udp.openSocket({}),
          () => udp.openSocket(), () => udp.bindReusePortGroup({ address: 'x', count: 1 }),
          () => new left.constructor().send.call({}, ball, meta, 1),
        ];
        const messages = fails.map((fail) => { try { fail(); return 'no error'; } catch (error) { return error.name; } });
        const empty = new left.constructor();
        empty.start(); empty.send(ball, meta, 1); empty.close(() => {});
        console.log(left.intern('127.0.0.1', 9), left.addressOf(0), counters[9] > 0, messages.join());
        for (const socket of others) socket.close(() => {});
        gc();
      });`;
    expect(run(code)).toEqual({
      status: 0,
      output: `-1 undefined true ${[...Array<string>(5).fill('RangeError'), 'Error', 'Error', 'RangeError'].join()},TypeError,Error,TypeError\n`,
    });
  });
});
