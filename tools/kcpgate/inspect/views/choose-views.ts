import { GatewayError } from '../../../../src/base/errors.ts';
import { loadPngPainter } from '../timeline/png-painter.ts';
import { TimelineView } from '../timeline/timeline-view.ts';
import { CountView } from './count-view.ts';
import { FollowView } from './follow-view.ts';
import { JsonView } from './json-view.ts';
import { LineView } from './line-view.ts';
import { NotesView } from './notes-view.ts';
import type { Palette } from './palette.ts';
import { StatsView } from './stats-view.ts';
import type { ByteSink, TextOutput } from './text-output.ts';
import { TreeView } from './tree-view.ts';
import type { ViewOptions } from './view-options.ts';
import type { View } from './view.ts';
import { WriteView } from './write-view.ts';

/** Where views leave what they make. */
export interface ViewPlaces {
  readonly output: TextOutput;
  readonly palette: Palette;
  readonly isTerminal: boolean;
  readonly columns: number;
  /** Takes what people should know, beside the output. */
  readonly warn: (text: string) => void;
  /** Opens a file for writing. */
  readonly openFile: (file: string) => ByteSink;
}

/**
 * The views that were asked for: one of those that write to standard output, beside it a picture and a capture.
 * @throws GatewayError `config_invalid` when options do not go together, or a package for them is missing.
 */
export async function chooseViews(options: ViewOptions, places: ViewPlaces): Promise<View[]> {
  const main = mainView(options, places);
  const views = main === null ? [] : [main];
  const { timeline, write } = options;
  if (timeline !== undefined) views.push(await timelineView(timeline, options, places));
  if (write !== undefined) views.push(writeView(write, places));
  return views;
}

function mainView(options: ViewOptions, places: ViewPlaces): View | null {
  checkMain(options);
  const { output, palette, columns } = places;
  const { tree, hexDump, time } = options;
  if (isFollowing(options)) return followView(options, places);
  if (options.json) {
    const isWhole = options.stats || options.notes;
    return new JsonView(output, { segments: !isWhole, notes: isWhole, reports: options.stats });
  }
  if (options.count) return new CountView(output);
  if (options.stats) return new StatsView(output, palette, columns);
  if (options.notes) return new NotesView(output, palette, columns);
  if (tree || hexDump) return new TreeView(output, palette, { time, tree, hexDump });
  const hasOther = options.timeline !== undefined || options.write !== undefined;
  return hasOther ? null : new LineView(output, palette, { time, withBytes: options.bytes });
}

const isFollowing = ({ follow, followSession }: ViewOptions): boolean =>
  follow !== undefined || followSession !== undefined;

function checkMain(options: ViewOptions): void {
  const { tree, hexDump, stats, notes, json, count, bytes } = options;
  const follows = isFollowing(options);
  const views: [boolean, string][] = [
    [follows, '--follow'],
    [count, '--count'],
    [stats, '--stats'],
    [notes, '--notes'],
    [tree || hexDump, tree ? '--tree' : '--hex-dump'],
  ];
  const wanted = views.filter(([isWanted]) => isWanted).map(([, name]) => name);
  if (wanted.length > 1) throw wrong(`${wanted.join(' and ')} do not go together`);
  const [view] = wanted;
  if (json && view !== undefined && view !== '--stats' && view !== '--notes') {
    throw wrong(`--json and ${view} do not go together`);
  }
  if (bytes && (json || view !== undefined)) throw wrong('--bytes goes with lines only');
  if (options.direction !== undefined && !follows) throw wrong('--direction goes with --follow');
  if (options.conv !== undefined && options.timeline === undefined) {
    throw wrong('--conv goes with --timeline; elsewhere write --filter "conv == ..."');
  }
}

function followView(options: ViewOptions, places: ViewPlaces): View {
  const { follow, followSession, direction } = options;
  if (follow !== undefined && followSession !== undefined) {
    throw wrong('--follow and --follow-session do not go together');
  }
  return new FollowView(places.output, places.palette, {
    ...(followSession === undefined ? {} : { session: followSession }),
    ...(follow === undefined ? {} : { conv: follow }),
    ...(direction === undefined ? {} : { direction }),
    raw: direction !== undefined && !places.isTerminal,
    warn: places.warn,
  });
}

async function timelineView(
  file: string,
  { conv }: ViewOptions,
  { openFile, warn }: ViewPlaces,
): Promise<View> {
  const [extension] = /\.(svg|png)$/i.exec(file) ?? [];
  if (extension === undefined)
    throw wrong(`${file}: a timeline is SVG or PNG; end its name with .svg or .png`);
  const paint = extension.toLowerCase() === '.png' ? await loadPngPainter() : undefined;
  return new TimelineView({
    ...(conv === undefined ? {} : { conv }),
    write: (svg) => openFile(file)(paint === undefined ? Buffer.from(svg) : paint(svg)),
    warn,
  });
}

function writeView(file: string, { openFile, warn }: ViewPlaces): View {
  const view = new WriteView(openFile(file));
  return {
    show: (subject) => {
      view.show(subject);
    },
    finish: () => {
      view.finish();
      const tooLong = view.tooLong === 0 ? '' : `; ${view.tooLong} are too long for UDP and were left out`;
      warn(`${file}: ${view.written} datagrams${tooLong}`);
    },
  };
}

const wrong = (message: string): GatewayError => new GatewayError('config_invalid', `kcpgate: ${message}`);
