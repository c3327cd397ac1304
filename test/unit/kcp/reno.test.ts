import { describe, expect, it } from 'vitest';
import { RenoCongestionControl } from '../../../src/kcp/reno.ts';

const SEGMENT_BYTES = 1000;

function renoAfter(progress: number, peerWindow = 1000): RenoCongestionControl {
  const reno = new RenoCongestionControl('reno', SEGMENT_BYTES);
  for (let datagram = 0; datagram < progress; datagram++) reno.onProgress(1, peerWindow);
  return reno;
}

describe('the reference congestion control', () => {
  it('starts at one segment with a threshold of two', () => {
    expect(renoAfter(0)).toMatchObject({ windowSegments: 1, thresholdSegments: 2 });
  });

  it('grows by one per datagram up to the threshold, then by about one per window', () => {
    const windows: number[] = [];
    const reno = renoAfter(0);
    for (let datagram = 0; datagram < 60; datagram++) {
      reno.onProgress(1, 1000);
      windows.push(reno.windowSegments);
    }
    expect(windows[0]).toBe(2);
    expect(windows.every((window, index) => window - (windows[index - 1] ?? 1) <= 2)).toBe(true);
    expect(windows.at(-1)).toBeGreaterThan(5);
    expect(windows.at(-1)).toBeLessThan(20);
  });

  it('counts the segments acknowledged in the abc variant, however few datagrams that took', () => {
    const one = new RenoCongestionControl('reno-abc', SEGMENT_BYTES);
    one.onProgress(30, 1000);
    expect(one.windowSegments).toBe(renoAfter(30).windowSegments);
    const reference = renoAfter(0);
    reference.onProgress(30, 1000);
    expect(reference.windowSegments).toBe(2);
  });

  it('never grows beyond the peer window', () => {
    expect(renoAfter(10_000, 7).windowSegments).toBe(7);
  });

  it('halves what was in flight on a fast retransmission', () => {
    const reno = renoAfter(0);
    reno.onFastRetransmit(40, 2);
    expect(reno).toMatchObject({ thresholdSegments: 20, windowSegments: 22 });
  });

  it('falls to one segment on a timeout, with a threshold that stays at two or more', () => {
    const reno = renoAfter(200);
    const before = reno.windowSegments;
    reno.onTimeout(1000);
    expect(reno).toMatchObject({ windowSegments: 1, thresholdSegments: before >> 1 });
    reno.onTimeout(1);
    expect(reno).toMatchObject({ windowSegments: 1, thresholdSegments: 2 });
    reno.onFastRetransmit(1, 0);
    expect(reno).toMatchObject({ windowSegments: 2, thresholdSegments: 2 });
  });
});
