import { describe, expect, test } from 'vitest';
import { Preparations } from '../../../../src/client/switching/preparations.ts';
import { resolveSwitchConfig } from '../../../../src/client/switching/switch-config.ts';

/** Preparations, and what they command. */
function setUp(): { preparations: Preparations; take: () => string[] } {
  const commands: string[] = [];
  const config = resolveSwitchConfig({ keepPreparedMs: 1_000, prepareTimeoutMs: 500 });
  const preparations = new Preparations(config, (command) => {
    commands.push('line' in command ? `${command.type} ${command.line ?? 'none'}` : command.type);
  });
  return { preparations, take: () => commands.splice(0) };
}

describe('what is prepared', () => {
  test('gets no copies any more when it is released or breaks', () => {
    const { preparations, take } = setUp();
    for (const line of ['a', 'b']) preparations.prepare(0, line);
    preparations.copyTo(10, 'a');
    take();
    preparations.release('b');
    expect(take()).toEqual(['release b']);
    preparations.release('a');
    expect(take()).toEqual(['copy none', 'release a']);
    expect(preparations.copyLine).toBeUndefined();

    preparations.prepare(20, 'a');
    preparations.copyTo(20, 'a');
    take();
    expect(preparations.drop('a')).toBe(true);
    expect(take()).toEqual(['copy none']);
    expect(preparations.drop('a')).toBe(false);
    preparations.endCopies();
    expect(take()).toEqual([]);
  });

  test('is overdue when it does not answer in time, also when it is asked again', () => {
    const { preparations } = setUp();
    preparations.prepare(0, 'a');
    preparations.prepare(0, 'b');
    expect(preparations.answered(100, 'a')).toBe(true);
    expect(preparations.answered(100, 'c')).toBe(false);
    expect(preparations.overdue(499)).toEqual([]);
    expect(preparations.overdue(500)).toEqual(['b']);
    preparations.askAgain(600);
    expect(preparations.overdue(1_099)).toEqual([]);
    expect(preparations.overdue(1_100)).toEqual(['a', 'b']);
  });

  test('is kept for a while after a doubt, as far as it answered', () => {
    const { preparations, take } = setUp();
    for (const line of ['a', 'b', 'c']) preparations.prepare(0, line);
    preparations.answered(100, 'a');
    preparations.answered(100, 'c');
    take();
    preparations.settleDown(200);
    expect(take()).toEqual(['release b']);
    preparations.releaseLeftOver(1_199, undefined);
    expect(take()).toEqual([]);
    preparations.releaseLeftOver(1_200, 'c');
    expect(take()).toEqual(['release a']);
    preparations.releaseLeftOver(9_999, undefined);
    expect(preparations.has('c')).toBe(true);
  });

  test('is not kept for longer by a move that comes to nothing, but by one that is made', () => {
    const { preparations, take } = setUp();
    for (const line of ['a', 'b']) preparations.prepare(0, line);
    for (const line of ['a', 'b']) preparations.answered(10, line);
    preparations.settleDown(200);
    preparations.unused(700);
    preparations.used(900, 'b');
    take();
    preparations.releaseLeftOver(1_700, undefined);
    expect(take()).toEqual([]);
    preparations.unused(1_800);
    preparations.releaseLeftOver(1_900, undefined);
    expect(take()).toEqual(['release a']);
  });

  test('is not remembered once the session uses the only one', () => {
    const { preparations, take } = setUp();
    preparations.prepare(0, 'a');
    preparations.used(100, 'a');
    preparations.prepare(200, 'b');
    take();
    preparations.releaseLeftOver(9_999, undefined);
    expect(take()).toEqual([]);
  });
});
