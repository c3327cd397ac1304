import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { LOOPBACK_V4 } from '../../contract/loopback.ts';
import { describeWithNative } from '../../support/native.ts';
import { createOpener } from './open-native.ts';

const v4 = (address: string, port: number): SocketAddress => ({ address, family: 4, port });

describeWithNative('native address slots', (bindings) => {
  const open = createOpener(bindings);

  it('behave like a map with counted references', () => {
    const step = fc.record({
      operation: fc.constantFrom('intern', 'retain', 'release'),
      host: fc.integer({ min: 1, max: 6 }),
      port: fc.integer({ min: 1, max: 40 }),
    });
    const socket = open();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const model = new Map<string, { slot: number; references: number }>();
        for (const { operation, host, port } of steps) {
          const address = v4(`10.0.0.${host}`, port);
          const key = `${address.address}:${port}`;
          const known = model.get(key);
          if (operation === 'intern') {
            const slot = socket.intern(address);
            if (known === undefined) {
              expect([...model.values()].map((entry) => entry.slot)).not.toContain(slot);
              model.set(key, { slot, references: 1 });
            } else {
              expect(slot).toBe(known.slot);
              known.references++;
            }
          } else if (known !== undefined) {
            socket[operation](known.slot);
            known.references += operation === 'retain' ? 1 : -1;
            if (known.references === 0) model.delete(key);
          }
        }
        for (const [key, { slot, references }] of model) {
          const { address, port } = socket.addressOf(slot);
          expect(`${address}:${port}`).toBe(key);
          for (let i = 0; i < references; i++) socket.release(slot);
          expect(() => socket.addressOf(slot)).toThrow(RangeError);
        }
      }),
    );
  });

  it('are dense, come back when free, and are bounded', () => {
    const socket = open({ maxAddresses: 1000 });
    const slots = Array.from({ length: 1000 }, (_, i) => socket.intern(v4('192.0.2.1', i + 1)));
    expect(slots).toEqual([...slots.keys()]);
    expect(socket.intern(v4('192.0.2.2', 1))).toBe(-1);
    expect(socket.intern(v4('192.0.2.1', 500))).toBe(499);
    socket.release(7);
    expect(socket.intern(v4('192.0.2.2', 1))).toBe(7);
    expect(socket.intern(v4('192.0.2.2', 2))).toBe(-1);
  });

  it('know one address by every way it is written, and nothing that cannot be reached', () => {
    const socket = open();
    const slot = socket.intern(v4('192.0.2.1', 5));
    expect(socket.intern({ address: '::ffff:192.0.2.1', family: 6, port: 5 })).toBe(slot);
    for (const address of ['::1', 'fe80::1%lo', 'localhost', '', '192.0.2', '192.0.2.1 ', '1'.repeat(500)]) {
      expect(socket.intern({ address, family: 4, port: 5 })).toBe(-1);
    }
    for (const port of [0, -1, 65_536, 65_541]) expect(socket.intern({ ...LOOPBACK_V4, port })).toBe(-1);
    for (const wild of [-1, 1, 63, 64, 1e9, -(2 ** 31)]) {
      socket.retain(wild);
      socket.release(wild);
      expect(() => socket.addressOf(wild)).toThrow(RangeError);
    }
    expect(socket.addressOf(slot)).toEqual(v4('192.0.2.1', 5));
  });

  it('take no more memory for 50,000 peers than they should, and none for those that nobody keeps', () => {
    const socket = open();
    const residentBytes = (): number => process.memoryUsage.rss();
    const before = residentBytes();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 50_000; i++)
        socket.release(socket.intern(v4(`10.${round}.${i >>> 8}.${i & 255}`, 1 + i)));
    }
    for (let i = 0; i < 50_000; i++) {
      expect(socket.intern(v4(`10.9.${i >>> 8}.${i & 255}`, 1 + i)) === i).toBe(true);
    }
    // 64 bytes each and the chains, while it doubles; what JavaScript makes on the way is in it, too.
    expect(residentBytes() - before).toBeLessThan(50 * 1024 * 1024);
  });
});
