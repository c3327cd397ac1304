import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualLoop } from './virtual-loop.ts';

describe('a virtual loop', () => {
  let loop: VirtualLoop;
  let restore: () => void;
  const seen: string[] = [];
  const note = (text: string) => (): void => {
    seen.push(`${String(loop.now())} ${text}`);
  };

  beforeEach(() => {
    loop = new VirtualLoop(1000);
    restore = loop.install();
    seen.length = 0;
  });
  afterEach(() => {
    restore();
  });

  it('runs timers, the network and what was deferred in the order of Node, and takes no time', () => {
    setImmediate(note('immediate'));
    setTimeout(note('timeout 5'), 5);
    setTimeout(note('timeout 0'), 0);
    loop.at(1001, () => {
      note('network')();
      setImmediate(note('immediate of the network'));
      loop.afterNetwork(note('after the network'));
    });
    loop.at(1001, note('network again'));
    const startedAt = performance.now();
    setTimeout(note('much later'), 86_400_000);
    while (loop.step());
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(seen).toEqual([
      '1000 immediate',
      '1001 timeout 0',
      '1001 network',
      '1001 network again',
      '1001 after the network',
      '1001 immediate of the network',
      '1005 timeout 5',
      '86401000 much later',
    ]);
  });

  it('does not run what was cleared, and clears nothing twice', () => {
    const timeout = setTimeout(note('timeout'), 5);
    const immediate = setImmediate(note('immediate'));
    clearTimeout(timeout);
    clearTimeout(timeout);
    clearImmediate(immediate);
    clearTimeout(undefined);
    timeout.unref();
    loop.runFor(10);
    expect(seen).toEqual([]);
    expect(loop.now()).toBe(1010);
  });

  it('passes values on', () => {
    setTimeout(
      (text: string) => {
        note(text)();
      },
      3,
      'value',
    );
    loop.runFor(3);
    expect(seen).toEqual(['1003 value']);
  });

  it('runs until something is true, for so long at most', () => {
    setTimeout(note('once'), 50);
    expect(loop.runUntil(() => seen.length > 0, 100)).toBe(true);
    expect(loop.now()).toBe(1050);
    // Nothing is left: there is nothing to wait for.
    expect(loop.runUntil(() => seen.length > 1, 100)).toBe(false);
    expect(loop.now()).toBe(1050);
    setTimeout(note('too late'), 101);
    expect(loop.runUntil(() => seen.length > 1, 100)).toBe(false);
    expect(loop.now()).toBe(1150);
    expect(loop.runUntil(() => seen.length > 1, 1)).toBe(true);
  });

  it('completes promises that wait for its timers, and refuses those that nothing will settle', async () => {
    const late = (async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await new Promise((resolve) => setImmediate(resolve));
      return loop.now();
    })();
    expect(await loop.complete(late)).toBe(1010);
    await expect(loop.complete(Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(loop.complete(new Promise(() => undefined))).rejects.toThrow('nothing is left');
  });

  it('notices that it spins', () => {
    const again = (): void => {
      setImmediate(again);
    };
    again();
    expect(() => {
      loop.runFor(1);
    }).toThrow('spins at 1000 ms');
  });

  it('gives the real functions back', async () => {
    restore();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(loop.now()).toBe(1000);
  });
});
