import { expect, test } from 'vitest';
import { linkStatusText, stateAfter, type LinkSample } from '../../../../tools/kcpgate/link-status.ts';

const link = (changes: Partial<LinkSample> = {}): LinkSample => ({
  line: 'eu-udp',
  state: '',
  rttMs: 20,
  segments: 0,
  repeats: 0,
  ...changes,
});
const quiet = { sent: 0, received: 0 };

test('says lines, round trip, loss and rates since the sample before', () => {
  const before = {
    at: 1000,
    links: [link({ segments: 100, repeats: 50 })],
    traffic: { sent: 500, received: 0 },
  };
  const links = [link({ segments: 300, repeats: 53 }), link({ rttMs: 41 })];
  const traffic = { sent: 2500, received: 4_000_000 };
  expect(linkStatusText({ at: 3000, links, traffic }, before)).toBe(
    'eu-udp x2  rtt 31 ms  loss 1.5 %  up 1.0 kB/s  down 2.0 MB/s  ok',
  );
});

test('says what is out of the ordinary', () => {
  const links = [link({ line: undefined, state: 'connecting', rttMs: 0 })];
  const sample = { at: 0, links, traffic: quiet };
  expect(linkStatusText(sample, sample)).toBe('no line  loss -  up 0 B/s  down 0 B/s  connecting');
  expect(linkStatusText({ ...sample, links: [] }, sample)).toBe('no connection');
});

test('a session that went away takes its counts along', () => {
  const before = { at: 0, links: [link({ segments: 900 }), link({ segments: 10 })], traffic: quiet };
  const sample = { at: 1000, links: [link({ segments: 20, repeats: 1 })], traffic: quiet };
  expect(linkStatusText(sample, before)).toContain('loss -');
});

test('statuses as words', () => {
  const cause = { code: 3004, reason: '', unconfirmed: 0 } as const;
  expect(stateAfter({ type: 'reconnecting', attempt: 1, waitMs: 1250, ...cause })).toBe(
    'next attempt in 1.3 s',
  );
  expect(stateAfter({ type: 'moved', from: 'a', to: 'b' })).toBe('');
  expect(stateAfter({ type: 'close', mayReconnect: true, ...cause })).toBeUndefined();
});
