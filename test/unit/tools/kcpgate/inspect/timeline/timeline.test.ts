import { describe, expect, test } from 'vitest';
import { newCaptureCounters } from '../../../../../../tools/kcpgate/inspect/capture/capture-counters.ts';
import { SegmentMark } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import { axisTo } from '../../../../../../tools/kcpgate/inspect/timeline/axis.ts';
import { drawTimeline } from '../../../../../../tools/kcpgate/inspect/timeline/draw-timeline.ts';
import { PointSeries } from '../../../../../../tools/kcpgate/inspect/timeline/point-series.ts';
import { SessionPoints } from '../../../../../../tools/kcpgate/inspect/timeline/session-points.ts';
import { svgText } from '../../../../../../tools/kcpgate/inspect/timeline/svg-text.ts';
import { TimelineView } from '../../../../../../tools/kcpgate/inspect/timeline/timeline-view.ts';
import { handMade, NOTHING_LEFT, PUSH, START_US, subjectOf } from '../views/hand-made.ts';

describe('axes', () => {
  test.each([
    [7, [0, 1, 2, 3, 4, 5, 6, 7]],
    [10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [23, [0, 5, 10, 15, 20]],
    [980, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]],
    [0.3, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]],
  ])('to %d', (most, ticks) => {
    const axis = axisTo(most, 10, false);
    expect(axis.ticks.map((tick) => Number(tick.toFixed(6)))).toEqual(ticks);
    expect(axis.ticks.map((tick) => Number(tick.toFixed(axis.digits)))).toEqual(ticks);
  });

  test('of whole things have no halves; of nothing, or damaged, are one', () => {
    expect(axisTo(2, 6, true).ticks).toEqual([0, 1, 2]);
    expect(axisTo(0, 6, false).to).toBe(1);
    expect(axisTo(NaN, 6, false).to).toBe(1);
  });
});

describe('points', () => {
  test('that fall on each other are merged, others kept while there is room', () => {
    const series = new PointSeries(1000);
    for (let i = 0; i < 990; i++) series.add(0, 0);
    for (let i = 1; i <= 10; i++) series.add(i, i);
    expect(series.length).toBe(11);
    expect(series.added).toBe(1000);
  });

  test('are bounded, and go on to the end', () => {
    const series = new PointSeries(1000);
    for (let i = 0; i < 100_000; i++) series.add(i, (i * 7919) % 100_003);
    expect(series.length).toBeLessThanOrEqual(1000);
    expect(series.length).toBeGreaterThan(400);
    let last = 0;
    series.each((x) => {
      last = x;
    });
    expect(last).toBeGreaterThan(99_000);
  });
});

/** A session with so many segments, of which the last was sent again. */
function sessionOf(segments: number): SessionPoints {
  const points = new SessionPoints(3, PUSH.conv);
  for (let sn = 0; sn < segments; sn++) {
    points.take(START_US + sn * 1000, sn, true, handMade([{ ...PUSH, sn }]).segments);
  }
  const again = handMade([{ ...PUSH, sn: segments - 1 }], {
    segments: [{ marks: SegmentMark.retransmission | SegmentMark.timeout }],
  });
  points.take(START_US + segments * 1000, segments, true, again.segments);
  points.fromClient.notNeeded(segments, segments - 1);
  points.fromClient.notNeeded(1, 5);
  points.take(
    START_US + segments * 1100,
    segments + 1,
    false,
    handMade([{ ...PUSH, sn: 0, una: segments, wnd: 32 }]).segments,
  );
  return points;
}

describe('pictures', () => {
  test('are well-formed, with both directions, a legend and axes', () => {
    const svg = drawTimeline(sessionOf(40), null);
    expect(unclosedTags(svg)).toEqual([]);
    expect(svg).toContain(
      'Client to gateway<tspan class="faint" dx="10">40 segments, 1 sent again (1 timed out; 1 not needed)',
    );
    expect(svg).toContain('Gateway to client<tspan class="faint" dx="10">1 segment, 0 sent again');
    for (const word of ['again: overtaken', 'acknowledged (una)', 'milliseconds since the first packet']) {
      expect(svg).toContain(word);
    }
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).toContain('prefers-color-scheme:dark');
  });

  test('of large sessions stay small', () => {
    expect(drawTimeline(sessionOf(200_000), null).length).toBeLessThan(1_000_000);
  });

  test('cannot be broken by what is in the capture', () => {
    expect(svgText('<a href="x">&\u001b\'')).toBe('&lt;a href=&quot;x&quot;&gt;&amp; &#39;');
  });

  test('numbers that wrap go on above; a damaged one moves nothing', () => {
    const points = new SessionPoints(0, PUSH.conv);
    for (const sn of [0xffff_fffe, 0xffff_ffff, 0x7000_0000, 0, 1]) {
      points.take(START_US, 1, true, handMade([{ ...PUSH, sn }]).segments);
    }
    const heights: number[] = [];
    points.fromClient.sent.each((_, height) => heights.push(height));
    expect(heights.slice(-2)).toEqual([2 ** 32, 2 ** 32 + 1]);
  });
});

describe('choosing the session', () => {
  function drawn(options: { conv?: number }): { svg: string; warnings: string[] } {
    let svg = '';
    const warnings: string[] = [];
    const view = new TimelineView({
      ...options,
      write: (text) => {
        svg = text;
      },
      warn: (text) => warnings.push(text),
    });
    for (let i = 0; i < 30; i++) {
      const session = i % 10 === 0 ? 5 : i;
      const datagram = handMade([{ ...PUSH, sn: i, conv: 100 + session }], { session, afterUs: i });
      view.show(subjectOf(datagram), datagram.segments);
    }
    view.finish({
      capture: newCaptureCounters(),
      flows: [],
      sessions: [],
      notes: [],
      left: NOTHING_LEFT,
      startUs: START_US,
    });
    return { svg, warnings };
  }

  test('the one that has most, or the one with a conv', () => {
    expect(drawn({}).svg).toContain('Session 5, conv 0x00000069');
    expect(drawn({ conv: 129 }).svg).toContain('Session 29, conv 0x00000081');
    expect(drawn({ conv: 1 })).toEqual({ svg: '', warnings: [expect.stringContaining('no timeline')] });
  });
});

/** Tags that are opened and not closed, or closed and not open. */
function unclosedTags(svg: string): string[] {
  const open: string[] = [];
  for (const [, close, name, selfClosing] of svg.matchAll(/<(\/?)([a-zA-Z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (selfClosing === '/') continue;
    if (close === '') open.push(name!);
    else if (open.at(-1) === name) open.pop();
    else return [...open, `/${name!}`];
  }
  return open;
}
