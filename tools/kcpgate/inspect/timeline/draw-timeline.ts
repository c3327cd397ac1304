import { closeCodeName } from '../../../../src/base/close-code.ts';
import { hex32 } from '../../../../src/wire/printable.ts';
import type { SessionReport } from '../examine/session-report.ts';
import { endText } from '../views/end-text.ts';
import { type Axis, axisTo } from './axis.ts';
import { LEGEND, STYLE } from './timeline-style.ts';
import { MARK_SHAPES, panelSvg, RING_SHAPE, type PanelPlace, type TimeScale } from './panel.ts';
import type { DirectionPoints, SessionPoints } from './session-points.ts';
import { place, svgText } from './svg-text.ts';

/**
 * A session as a picture: time to the right, `sn` upwards, one panel a direction. Of what happened to the whole session,
 * bands go through both.
 * @param report null when the session was forgotten: then there are no bands.
 */
export function drawTimeline(points: SessionPoints, report: SessionReport | null): string {
  const time: TimeScale = { startUs: points.firstUs, spanUs: Math.max(points.lastUs - points.firstUs, 1) };
  const upper = placeOf(points.fromClient, MARGIN.top);
  const lower = placeOf(points.fromGateway, upper.y + upper.height + BETWEEN);
  const height = lower.y + lower.height + MARGIN.bottom;
  const title = `Session ${points.session}, conv ${hex32(points.conv)}`;
  const ends = report === null ? '' : `${endText(report.client)} and ${endText(report.gateway)}`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${place(height)}" width="${WIDTH}" height="${place(height)}" role="img" aria-labelledby="t">`,
    `<title id="t">${svgText(`${title}: sequence numbers against time, both directions`)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${place(height)}" rx="6"/>`,
    `<text class="heading" x="${MARGIN.left}" y="28">${svgText(title)}<tspan class="faint" dx="12">${svgText(ends)}</tspan></text>`,
    legend(),
    timeAxis(time, upper.y, lower.y + lower.height),
    bands(report, time, upper.y, lower.y + lower.height),
    panelSvg('Client to gateway', 'client', points.fromClient, upper, time),
    panelSvg('Gateway to client', 'gateway', points.fromGateway, lower, time),
    '</svg>',
  ].join('\n')}\n`;
}

const WIDTH = 1000;
const MARGIN = { left: 64, right: 20, top: 112, bottom: 44 };
const PLOT_WIDTH = WIDTH - MARGIN.left - MARGIN.right;
/** Room between the panels, for a title. */
const BETWEEN = 44;

/** A direction without data gets little room. */
function placeOf({ highestSn }: DirectionPoints, y: number): PanelPlace {
  const height = Number.isNaN(highestSn) ? 40 : highestSn < 20 ? 110 : 280;
  return { x: MARGIN.left, y, width: PLOT_WIDTH, height };
}

function legend(): string {
  let x = MARGIN.left;
  const entries = LEGEND.map(({ shape, text, width }) => {
    const mark = SHAPES[shape].replaceAll('@', `${place(x + 7)} 52`);
    const label = `<text class="label" x="${place(x + 20)}" y="56">${svgText(text)}</text>`;
    x += width;
    return mark + label;
  });
  return entries.join('\n');
}

/** What each thing looks like; `@` is the place of its middle. */
const SHAPES: Readonly<Record<(typeof LEGEND)[number]['shape'], string>> = {
  sent: '<path class="sent" d="M@h0"/>',
  fast: `<path class="fast" d="M@${MARK_SHAPES.fast}"/>`,
  timeout: `<path class="timeout" d="M@${MARK_SHAPES.timeout}"/>`,
  lineChange: `<path class="lineChange" d="M@${MARK_SHAPES.lineChange}"/>`,
  spurious: `<path class="spurious" d="M@${RING_SHAPE}"/>`,
  una: '<path class="una" d="M@m-8 0h16"/>',
  edge: '<path class="edge" d="M@m-8 0h16"/>',
};

function timeAxis({ spanUs }: TimeScale, top: number, bottom: number): string {
  const isShort = spanUs < 2e6;
  const axis: Axis = axisTo(spanUs / (isShort ? 1e3 : 1e6), 10, false);
  const marks = axis.ticks.map((tick) => {
    const x = place(MARGIN.left + (tick / axis.to) * PLOT_WIDTH);
    return (
      `<path class="grid" d="M${x} ${place(top)}V${place(bottom)}"/>` +
      `<text class="tick" text-anchor="middle" x="${x}" y="${place(bottom + 16)}">${tick.toFixed(axis.digits)}</text>`
    );
  });
  const unit = isShort ? 'milliseconds' : 'seconds';
  const label = `<text class="tick" text-anchor="middle" x="${place(MARGIN.left + PLOT_WIDTH / 2)}" y="${place(bottom + 34)}">${unit} since the first packet of the session</text>`;
  return [...marks, label].join('\n');
}

interface Band {
  readonly shade: 'change' | 'close';
  readonly timeUs: number;
  readonly text: string;
}

function bandsOf({ lineChanges, close }: SessionReport): Band[] {
  const found: Band[] = lineChanges.map(({ timeUs, from, to, isRebinding }) => ({
    shade: 'change',
    timeUs,
    text: isRebinding ? 'new address of the client' : `${from.carrier} to ${to.carrier}`,
  }));
  if (close !== null) {
    const who = close.by === 'both' ? '' : ` by the ${close.by}`;
    found.push({ shade: 'close', timeUs: close.timeUs, text: `${closeCodeName(close.code)}${who}` });
  }
  return found;
}

/** Changes of line and the end: bands through both panels, with words above them where there is room. */
function bands(report: SessionReport | null, time: TimeScale, top: number, bottom: number): string {
  if (report === null) return '';
  /** How far each row of words is filled. */
  const filled = [0, 0];
  const drawn = bandsOf(report).map(({ shade, timeUs, text }) => {
    const x = MARGIN.left + ((timeUs - time.startUs) / time.spanUs) * PLOT_WIDTH;
    if (!(x >= MARGIN.left - 1 && x <= WIDTH)) return '';
    const band = `<rect class="${shade}" x="${place(x - 2)}" y="${place(top - 4)}" width="4" height="${place(bottom - top + 4)}"><title>${svgText(text)}</title></rect>`;
    const width = text.length * LETTER_WIDTH;
    const from = Math.min(x - 2, WIDTH - MARGIN.right - width);
    const row = filled.findIndex((until) => until <= from);
    if (row < 0) return band;
    filled[row] = from + width + 12;
    return `${band}<text class="${shade}-label" x="${place(from)}" y="${place(top - 26 - row * 13)}">${svgText(text)}</text>`;
  });
  return drawn.join('\n');
}

const LETTER_WIDTH = 6.2;
