import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { DrainAnnouncement } from '../../../src/session/drain-notice.ts';
import { readDrain } from '../../../src/wire/drain.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';

const notice = { deadlineMs: 1_000, jitterMs: 200, lines: ['a', 'b'] };

/** Says it and returns the deadline that was told; undefined when nothing was said. */
function say(announcement: DrainAnnouncement, now: number): number | undefined {
  if (!announcement.isDue(now)) return undefined;
  const arena = new DatagramArena();
  expect(announcement.write(now, arena, 7, 1, 2, 100)).toBe(true);
  let told: number | undefined;
  arena.drain((bytes, offset) => {
    const drain = readDrain(wireMemory(bytes), offset);
    expect(drain).toMatchObject({ conv: 7, jitterMs: 200, lines: ['a', 'b'] });
    told = drain.deadlineMs;
  });
  return told;
}

describe('what a draining gateway announces', () => {
  it('is said three times, later each time, with the time that is left', () => {
    const announcement = new DrainAnnouncement(notice, 5_000);
    expect(say(announcement, 5_000)).toBe(1_000);
    expect(announcement.deadline).toBe(5_100);
    expect(say(announcement, 5_099)).toBeUndefined();
    expect(say(announcement, 5_100)).toBe(900);
    expect(announcement.deadline).toBe(5_300);
    expect(say(announcement, 5_300)).toBe(700);
    expect(announcement.deadline).toBe(NEVER);
    expect(say(announcement, 9_000)).toBeUndefined();
  });

  it('has no time left after the deadline, and never less', () => {
    expect(say(new DrainAnnouncement(notice, 0), 5_000)).toBe(0);
  });

  it('is due as before when the arena was full', () => {
    const announcement = new DrainAnnouncement(notice, 0);
    expect(announcement.write(0, new DatagramArena(100), 7, 0, 0, 100)).toBe(false);
    expect(announcement.isDue(0)).toBe(true);
  });
});
