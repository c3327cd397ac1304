import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { ConnectionTable } from '../../../src/carrier/connection-table.ts';

const at = (port: number): SocketAddress => ({ address: '10.0.0.1', family: 4, port });

describe('ConnectionTable', () => {
  it('keeps a slot while the connection lives, or somebody retains it', () => {
    const table = new ConnectionTable<string>(10);
    const slot = table.add('one', at(1));
    table.retain(slot);
    table.detach(slot);
    table.detach(slot);
    table.release(slot);
    expect([table.connections, table.at(slot), table.addressOf(slot)]).toEqual([0, undefined, at(1)]);
    expect(table.add('two', at(2))).not.toBe(slot);
    table.release(slot);
    expect(() => table.addressOf(slot)).toThrow(RangeError);
    expect(table.add('three', at(3))).toBe(slot);
  });

  it('finds living connections by their address', () => {
    const table = new ConnectionTable<string>(10);
    const one = table.add('one', at(1));
    const two = table.add('two', at(2));
    expect([table.find(at(1)), table.find(at(2)), table.find(at(3))]).toEqual([one, two, -1]);
    table.detach(one);
    expect(table.find(at(1))).toBe(-1);
    expect([...table]).toEqual(['two']);
  });

  it('ignores numbers that are no slot', () => {
    const table = new ConnectionTable<string>(10);
    for (const number of [-1, 0, 99, 0.5, Number.NaN]) {
      table.retain(number);
      table.release(number);
      table.detach(number);
      expect(table.at(number)).toBeUndefined();
      expect(() => table.addressOf(number)).toThrow(RangeError);
    }
  });

  it('agrees with a model, and never holds more than it may', () => {
    const step = fc.tuple(fc.constantFrom('add', 'retain', 'release', 'detach'), fc.nat(5));
    const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new ConnectionTable<number>(4);
      const references = new Map<number, number>();
      const living = new Set<number>();
      steps.forEach(([action, slot], id) => {
        if (action === 'add') {
          const added = table.add(id, at(id));
          expect(added < 0).toBe(references.size === 4);
          if (added < 0) return;
          expect(references.has(added)).toBe(false);
          references.set(added, 1);
          living.add(added);
          return;
        }
        if (action === 'detach') living.delete(slot);
        const count = references.get(slot);
        table[action](slot);
        if (count === undefined || action === 'detach') return;
        // The reference of the connection itself.
        if (action === 'release' && living.has(slot) && count === 1) return;
        const now = count + (action === 'retain' ? 1 : -1);
        if (now === 0) references.delete(slot);
        else references.set(slot, now);
      });
      expect(table.connections).toBe(living.size);
      for (let slot = 0; slot < 4; slot++) expect(table.at(slot) !== undefined).toBe(living.has(slot));
    });
    fc.assert(property);
  });
});
