import { describe, expect, it } from 'vitest';
import { closest } from '../../../../src/gateway/config/suggestion.ts';

const KEYS = ['idle_timeout', 'send_window', 'receive_window', 'mtu', 'bind'];

describe('closest', () => {
  it.each([
    ['idle_timout', 'idle_timeout'],
    ['idleTimeout', 'idle_timeout'],
    ['IDLE-TIMEOUT', 'idle_timeout'],
    ['recieve_window', 'receive_window'],
    ['mut', 'mtu'],
    ['bnid', 'bind'],
  ])('%s is %s', (word, expected) => {
    expect(closest(word, KEYS)).toBe(expected);
  });

  it.each(['xyz', 'window_of_opportunity', '', 'a'.repeat(1_000_000)])('%.30s is nothing', (word) => {
    expect(closest(word, KEYS)).toBeUndefined();
  });
});
