import { axisTo } from './axis.ts';
import type { PointSeries } from './point-series.ts';
import { AGAIN_CAUSES, type AgainCause, type DirectionPoints } from './session-points.ts';
import { grouped, place, svgText } from './svg-text.ts';

/** Where a panel stands. Its plot is what is left without title and axes. */
export interface PanelPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The shared scale of time. */
export interface TimeScale {
  readonly startUs: number;
  readonly spanUs: number;
}

/** One direction of a session: its title, grid, axis of segments, and everything sent and said. */
export function panelSvg(
  title: string,
  id: string,
  points: DirectionPoints,
  at: PanelPlace,
  time: TimeScale,
): string {
  const top = Math.max(points.highestSn + 1, 1);
  const edge = highest(points.windowEdge);
  // Where the edge is far above, what was sent is what matters.
  const axis = axisTo((edge <= top * EDGE_ROOM ? Math.max(top, edge) : top) * 1.04, TICKS, true);
  const x = (us: number): number => at.x + ((us - time.startUs) / time.spanUs) * at.width;
  // What stands on the axis is seen whole.
  const base = at.height - BASE_ROOM;
  const y = (sn: number): number => at.y + base - (sn / axis.to) * base;
  const clip = `clip-${id}`;
  return [
    `<text class="title" x="${place(at.x)}" y="${place(at.y - 10)}">${svgText(title)}<tspan class="faint" dx="10">${svgText(summary(points))}</tspan></text>`,
    `<clipPath id="${clip}"><rect x="${place(at.x)}" y="${place(at.y)}" width="${place(at.width)}" height="${place(at.height)}"/></clipPath>`,
    ...axis.ticks.map((tick) => gridLine(at, y(tick), grouped(tick))),
    `<g clip-path="url(#${clip})">`,
    `<path class="edge" d="${stepPath(points.windowEdge, x, y, at.x + at.width)}"/>`,
    `<path class="una" d="${stepPath(points.acknowledged, x, y, at.x + at.width)}"/>`,
    `<path class="sent" d="${dotPath(points.sent, x, y)}"/>`,
    ...AGAIN_CAUSES.map(
      (cause) => `<path class="${cause}" d="${markPath(points.again[cause], x, y, cause)}"/>`,
    ),
    `<path class="spurious" d="${ringPath(points.spurious, x, y)}"/>`,
    '</g>',
    `<rect class="frame" x="${place(at.x)}" y="${place(at.y)}" width="${place(at.width)}" height="${place(at.height)}"/>`,
  ].join('\n');
}

const EDGE_ROOM = 1.5;
const TICKS = 6;
const BASE_ROOM = 5;

function summary({ sent, again, spurious }: DirectionPoints): string {
  const total = AGAIN_CAUSES.reduce((sum, cause) => sum + again[cause].added, 0);
  const causes = AGAIN_CAUSES.filter((cause) => again[cause].added > 0).map(
    (cause) => `${grouped(again[cause].added)} ${CAUSE_WORDS[cause]}`,
  );
  const wasted = spurious.added === 0 ? '' : `; ${grouped(spurious.added)} not needed`;
  const detail = total === 0 ? '' : ` (${causes.join(', ')}${wasted})`;
  return `${grouped(sent.added)} ${sent.added === 1 ? 'segment' : 'segments'}, ${grouped(total)} sent again${detail}`;
}

const CAUSE_WORDS: Readonly<Record<AgainCause, string>> = {
  fast: 'overtaken',
  timeout: 'timed out',
  lineChange: 'after a change of line',
};

function gridLine(at: PanelPlace, y: number, label: string): string {
  return (
    `<path class="grid" d="M${place(at.x)} ${place(y)}h${place(at.width)}"/>` +
    `<text class="tick" text-anchor="end" x="${place(at.x - 8)}" y="${place(y + 4)}">${label}</text>`
  );
}

type Scale = (value: number) => number;

/** Round dots: lines without length whose ends are round. */
function dotPath(series: PointSeries, x: Scale, y: Scale): string {
  return distinct(series, x, y, (px, py) => `M${px} ${py}h0`);
}

/** @param mark fast: a triangle; timeout: a cross; lineChange: a diamond. */
function markPath(series: PointSeries, x: Scale, y: Scale, mark: AgainCause): string {
  return distinct(series, x, y, (px, py) => `M${px} ${py}${MARK_SHAPES[mark]}`);
}

/** The shapes, drawn from their middle. */
export const MARK_SHAPES: Readonly<Record<AgainCause, string>> = {
  fast: 'm0-4.2l4 7h-8z',
  timeout: 'm-3-3l6 6m0-6l-6 6',
  lineChange: 'm0-3.8l3.8 3.8l-3.8 3.8l-3.8-3.8z',
};

/** A ring around a mark. */
export const RING_SHAPE = 'm-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0';

function ringPath(series: PointSeries, x: Scale, y: Scale): string {
  return distinct(series, x, y, (px, py) => `M${px} ${py}${RING_SHAPE}`);
}

/** What is drawn at every place once. */
function distinct(series: PointSeries, x: Scale, y: Scale, draw: (px: string, py: string) => string): string {
  const seen = new Set<string>();
  series.each((us, sn) => {
    seen.add(draw(place(x(us)), place(y(sn))));
  });
  return [...seen].join('');
}

/** A line that stays until it jumps; small steps that would fall on each other are one. */
function stepPath(series: PointSeries, x: Scale, y: Scale, end: number): string {
  const parts: string[] = [];
  let last = '';
  series.each((us, sn) => {
    const [px, py] = [place(x(us)), place(y(sn))];
    if (py === last) return;
    parts.push(parts.length === 0 ? `M${px} ${py}` : `H${px}V${py}`);
    last = py;
  });
  return parts.length === 0 ? '' : `${parts.join('')}H${place(end)}`;
}

function highest(series: PointSeries): number {
  let most = 0;
  series.each((_, height) => {
    most = Math.max(most, height);
  });
  return most;
}
