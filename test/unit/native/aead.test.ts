import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { AEAD_STRIDE, loadNativeBindings, type NativeBindings } from '../../../native-bindings/index.ts';

const load = loadNativeBindings('on');

/** What is special about the addon; what a cipher does is in test/contract/packet-cipher.ts. */
describe.skipIf(load.status !== 'loaded')('the key table of the addon', () => {
  if (load.status !== 'loaded') return;
  const { bindings, file } = load;

  it('says that it can be used, or why not', () => {
    const { available, reason } = bindings.probeAead();
    expect(reason === '').toBe(available);
  });

  it('has methods that work on key tables only', async () => {
    const table = bindings.openKeyTable();
    const socket = openSocket(bindings);
    const others = [undefined, {}, Object.create(table) as object, new Uint8Array(8), socket];
    for (const other of others) {
      for (const method of [table.addKey, table.removeKey, table.seal, table.open, table.close]) {
        expect(() => apply(method, other, [new Uint8Array(16), new Int32Array(8), 0])).toThrow(TypeError);
      }
    }
    table.close();
    await new Promise<void>((done) => socket.close(done));
  });

  it('refuses arguments of other types', () => {
    const table = bindings.openKeyTable();
    const bytes = new Uint8Array(64);
    const rows = new Int32Array(AEAD_STRIDE);
    const wrong: unknown[][] = [
      [],
      [bytes],
      [bytes, rows],
      [bytes, rows, '1'],
      [bytes, bytes, 1],
      [rows, rows, 1],
      [new Uint8ClampedArray(64), rows, 1],
      [bytes.buffer, rows, 1],
      [bytes, new Uint32Array(AEAD_STRIDE), 1],
      [null, null, null],
    ];
    for (const method of [table.seal, table.open]) {
      for (const args of wrong) expect(() => apply(method, table, args)).toThrow(TypeError);
    }
    for (const args of [[], [bytes], ['0123456789abcdef', '0123456789ab'], [[], []]]) {
      expect(() => apply(table.addKey, table, args)).toThrow(RangeError);
    }
    for (const slot of [undefined, null, '1', {}]) apply(table.removeKey, table, [slot]);
    table.close();
  });

  it('finds no memory behind a detached buffer', () => {
    const table = bindings.openKeyTable();
    const key = table.addKey(new Uint8Array(16), new Uint8Array(12));
    const bytes = new Uint8Array(64);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    const row = Int32Array.of(0, 12, 12, 64, key, 0, 0, 0);
    expect(table.seal(bytes, row, 1)).toBe(0);
    structuredClone(row.buffer, { transfer: [row.buffer] });
    expect(() => table.seal(new Uint8Array(64), row, 1)).toThrow(RangeError);
    table.close();
  });

  it('lets workers end with keys in use', async () => {
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const table = require(workerData).openKeyTable();
      const key = table.addKey(new Uint8Array(16), new Uint8Array(12));
      const row = Int32Array.of(0, 12, 12, 64, key, 0, 0, 0);
      parentPort.postMessage(table.seal(new Uint8Array(64), row, 1));`;
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(program, { eval: true, workerData: file });
      const exit = once(worker, 'exit');
      expect(await once(worker, 'message')).toEqual([1]);
      expect(await exit).toEqual([0]);
    }
    expect(bindings.probeAead().available).toBe(true);
  });
});

/** A call as JavaScript may make it. */
function apply(method: (...args: never[]) => unknown, self: unknown, args: readonly unknown[]): unknown {
  const anyMethod = method as (...args: readonly unknown[]) => unknown;
  return Reflect.apply(anyMethod, self, args);
}

/** Another object of the addon. */
function openSocket(bindings: NativeBindings): ReturnType<NativeBindings['openSocket']> {
  return bindings.openSocket({
    address: '127.0.0.1',
    port: 0,
    ipv6Only: false,
    reusePort: false,
    descriptor: -1,
    remoteAddress: '',
    remotePort: 0,
    bufferBytes: 0,
    maxDatagramBytes: 1500,
    maxQueueBytes: 0,
    maxAddresses: 16,
    segmentation: false,
    slab: new Uint8Array(2 * 2048),
    slotBytes: 2048,
    meta: new Int32Array(2 * 8),
    onBatch: () => undefined,
    onError: () => undefined,
  });
}
