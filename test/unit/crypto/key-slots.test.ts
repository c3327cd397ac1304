import { describe, expect, it } from 'vitest';
import { KeySlots } from '../../../src/crypto/key-slots.ts';

describe('key slots', () => {
  const key = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  const iv = Uint8Array.from({ length: 12 }, (_, i) => i + 100);

  it('finds copies of what was added', () => {
    const slots = new KeySlots();
    const slot = slots.add(key, iv);
    expect(slots.find(slot)).toEqual({ key, iv });
    expect(slots.find(slot)?.key).not.toBe(key);
    expect(slots.find(0)).toBeUndefined();
  });

  it('overwrites what is removed', () => {
    const slots = new KeySlots();
    const slot = slots.add(key, iv);
    const held = slots.find(slot)!;
    slots.remove(slot);
    expect(held).toEqual({ key: new Uint8Array(16), iv: new Uint8Array(12) });
    expect(slots.find(slot)).toBeUndefined();
  });

  it('overwrites everything when it is cleared', () => {
    const slots = new KeySlots();
    const held = [1, 2, 3].map(() => slots.find(slots.add(key, iv))!);
    slots.clear();
    for (const { key: left } of held) expect(left).toEqual(new Uint8Array(16));
  });

  it('names a place anew each time, as positive 32-bit integers, and begins again at the end of them', () => {
    const slots = new KeySlots();
    const first = slots.add(key, iv);
    let previous = first;
    for (let i = 0; i < 2046; i++) {
      slots.remove(previous);
      const next = slots.add(key, iv);
      expect(next).toBeGreaterThan(previous);
      previous = next;
    }
    expect(previous).toBeLessThan(2 ** 31);
    slots.remove(previous);
    expect(slots.add(key, iv)).toBe(first);
  });

  it('has 2^20 places', () => {
    const slots = new KeySlots();
    const empty = new Uint8Array(0);
    let last = 0;
    for (let i = 0; i < 2 ** 20; i++) last = slots.add(empty, empty);
    expect(slots.find(last)).toBeDefined();
    expect(slots.add(key, iv)).toBe(0);
    slots.remove(last);
    expect(slots.add(key, iv)).toBeGreaterThan(0);
  });
});
