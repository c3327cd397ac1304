import { describe, expect, it } from 'vitest';
import type { KcpOptions } from '../../../src/kcp/config.ts';
import { Command } from '../../../src/wire/command.ts';
import { EngineDriver, ack, sequencesOf } from './engine-driver.ts';

/** How many are a thin stream. */
const THIN = 8;

/** A driver whose peer has acknowledged a first segment after 60 ms, with `count` more just sent. */
function heard(count: number, options: Partial<KcpOptions> = {}): EngineDriver {
  const driver = new EngineDriver({ preset: 'fast3', deadLink: 1000, ...options });
  driver.sendMany(1);
  driver.flush();
  driver.nowMs += 60;
  driver.handle(ack(0, { ts: driver.nowMs - 60, una: 1 }));
  driver.sendMany(count);
  driver.flush();
  return driver;
}

/** How long each of some timeouts took. */
function waits(driver: EngineDriver, timeouts: number): number[] {
  return Array.from({ length: timeouts }, () => {
    const before = driver.nowMs;
    expect(sequencesOf(driver.flushAtDeadline(), Command.push)).toContain(1);
    return driver.nowMs - before;
  });
}

describe('a thin stream', () => {
  it('times out at the same pace three times, then ever later', () => {
    const driver = heard(THIN);
    const rto = driver.engine.stats().rtoMs;
    expect(rto).toBe(180);
    expect(waits(driver, 6)).toEqual([180, 180, 180, 180, 270, 405]);
  });

  it.each([
    { name: 'with more in flight', count: THIN + 1, options: {} },
    { name: 'without nodelay', count: 1, options: { nodelay: false } },
  ])('$name is none: each timeout is later', ({ count, options }) => {
    const [first = 0, second = 0] = waits(heard(count, options), 2).slice(-2);
    expect(second).toBeGreaterThan(first * 1.3);
  });

  it('waits longer each time while its peer has acknowledged nothing', () => {
    const driver = new EngineDriver({ preset: 'fast3' });
    driver.sendMany(2);
    driver.flush();
    expect(waits(driver, 3)).toEqual([200, 300, 450]);
  });

  it('is sent again when one later segment was acknowledged', () => {
    const driver = heard(THIN);
    driver.nowMs += 60;
    driver.handle(ack(2, { ts: driver.nowMs - 60, una: 1 }));
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([1]);
    expect(driver.engine.stats()).toMatchObject({ fastRetransmits: 1, timeoutRetransmits: 0 });
    // That was its repetition: what overtook the first transmission does not count again.
    driver.handle(ack(3, { ts: driver.nowMs - 60, una: 1 }));
    expect(driver.flush()).toEqual([]);
  });

  it.each([
    { name: 'a stream with more in flight', count: THIN + 2, options: {} },
    { name: 'a stream without nodelay', count: 4, options: { nodelay: false } },
  ])('$name waits for as many as the preset says', ({ count, options }) => {
    const driver = heard(count, options);
    driver.nowMs += 60;
    driver.handle(ack(2, { ts: driver.nowMs - 60, una: 1 }));
    expect(driver.flush()).toEqual([]);
    driver.handle(ack(3, { ts: driver.nowMs - 60, una: 1 }));
    expect(sequencesOf(driver.flush(), Command.push)).toEqual([1]);
  });

  it('does not repeat early where the preset never does', () => {
    const driver = heard(4, { fastResend: 0 });
    driver.nowMs += 60;
    driver.handle(ack(2, { ts: driver.nowMs - 60, una: 1 }));
    expect(driver.flush()).toEqual([]);
  });
});
