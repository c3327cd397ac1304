import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressTable } from '../../../../src/carrier/node/address-table.ts';

describe('AddressTable', () => {
  it('gives one slot per address and port', () => {
    const table = new AddressTable();
    const slot = table.intern('10.0.0.1', 1000);
    expect(table.intern('10.0.0.1', 1000)).toBe(slot);
    expect(table.intern('10.0.0.1', 1001)).not.toBe(slot);
    expect(table.intern('10.0.0.2', 1000)).not.toBe(slot);
    expect(table.intern('10.0.0.1', 1000)).toBe(slot);
    expect(table.size).toBe(3);
  });

  it('frees a slot with its last reference', () => {
    const table = new AddressTable();
    const slot = table.intern('10.0.0.1', 1000);
    table.retain(slot);
    table.release(slot);
    expect(table.has(slot)).toBe(true);
    table.release(slot);
    expect(table.has(slot)).toBe(false);
    expect(() => table.addressOf(slot)).toThrow(RangeError);
    expect(table.intern('10.0.0.2', 2000)).toBe(slot);
    expect(table.addressOf(slot)).toEqual({ address: '10.0.0.2', family: 4, port: 2000 });
  });

  it('does nothing to slots that are not in use', () => {
    const table = new AddressTable();
    for (const slot of [-1, 0, 63, 64, 1e9]) {
      table.retain(slot);
      table.release(slot);
      expect(table.has(slot)).toBe(false);
    }
    expect(table.size).toBe(0);
  });

  it('refuses ports that cannot be answered, and addresses beyond its bound', () => {
    const table = new AddressTable(2);
    expect(table.intern('10.0.0.1', 0)).toBe(-1);
    expect(table.intern('10.0.0.1', 1)).toBe(0);
    expect(table.intern('10.0.0.1', 2)).toBe(1);
    expect(table.intern('10.0.0.1', 3)).toBe(-1);
    table.release(0);
    expect(table.intern('10.0.0.1', 3)).toBe(0);
  });

  it('prints a v4-mapped address as IPv4 and keeps the text for sending', () => {
    const table = new AddressTable();
    const mapped = table.intern('::ffff:192.0.2.7', 5);
    expect(table.addressOf(mapped)).toEqual({ address: '192.0.2.7', family: 4, port: 5 });
    expect(table.textOf(mapped)).toBe('::ffff:192.0.2.7');
    const zoned = table.intern('fe80::1%eth0', 5);
    expect(table.addressOf(zoned)).toEqual({ address: 'fe80::1%eth0', family: 6, port: 5 });
  });

  it('does not grow under a flood of sources that nobody retains', () => {
    const table = new AddressTable();
    const retained = table.intern('192.0.2.1', 4000);
    const batch: number[] = [];
    for (let source = 0; source < 50_000; source++) {
      const text = `10.${source >>> 16}.${(source >>> 8) & 255}.${source & 255}`;
      batch.push(table.intern(text, 1024 + (source % 60_000)));
      if (batch.length < 32) continue;
      for (const slot of batch.splice(0)) table.release(slot);
    }
    expect(table.capacity).toBe(64);
    expect(table.size).toBeLessThanOrEqual(33);
    expect(table.addressOf(retained)).toEqual({ address: '192.0.2.1', family: 4, port: 4000 });
  });

  it('does not slow down or lose count with 50,000 ports of one host', () => {
    const table = new AddressTable();
    const slots = Array.from({ length: 50_000 }, (_, i) => table.intern('10.0.0.1', i + 1));
    expect(new Set(slots).size).toBe(50_000);
    expect(table.capacity).toBe(65_536);
    for (const slot of slots) table.release(slot);
    expect(table.size).toBe(0);
  });

  it('behaves like a map with counted references', () => {
    const step = fc.record({
      operation: fc.constantFrom('intern', 'retain', 'release'),
      host: fc.integer({ min: 1, max: 6 }),
      port: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const table = new AddressTable();
        const model = new Map<string, { slot: number; references: number }>();
        for (const { operation, host, port } of steps) {
          const text = `10.0.0.${host}`;
          const key = `${text}:${port}`;
          const known = model.get(key);
          if (operation === 'intern') {
            const slot = table.intern(text, port);
            if (known === undefined) {
              expect([...model.values()].map((entry) => entry.slot)).not.toContain(slot);
              model.set(key, { slot, references: 1 });
            } else {
              expect(slot).toBe(known.slot);
              known.references++;
            }
          } else if (known !== undefined) {
            table[operation](known.slot);
            known.references += operation === 'retain' ? 1 : -1;
            if (known.references === 0) model.delete(key);
          }
          expect(table.size).toBe(model.size);
        }
        for (const [key, { slot }] of model) {
          const { address, port } = table.addressOf(slot);
          expect(`${address}:${port}`).toBe(key);
        }
      }),
    );
  });
});
