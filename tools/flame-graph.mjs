// Draws a flame graph of a profile as one SVG file that needs nothing else.
//
//   node tools/flame-graph.mjs <profile> [<output.svg>] [--title <text>]
//
// The profile is what `perf script` printed, or a .cpuprofile of V8. Width is time; callees stand above callers; neighbours
// are sorted by name, not by time. Every box tells its name and share when the pointer rests on it.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';

const WIDTH = 1200;
const ROW_HEIGHT = 17;
const MARGIN = 10;
const HEADER_HEIGHT = 52;
/** Narrower boxes are left out, in pixels. */
const MIN_BOX_WIDTH = 0.4;
const CHARACTER_WIDTH = 6.6;

/** Who a frame belongs to. */
const COLORS = {
  kernel: '#e8a060',
  native: '#e3cf6a',
  v8: '#b9c77a',
  javascript: '#7fb3d5',
  addon: '#84c79b',
};
const LEGEND = {
  kernel: 'kernel',
  native: 'Node and C library',
  v8: 'V8: built-ins, compiler, collector',
  javascript: 'JavaScript',
  addon: 'the addon',
};

const { values, positionals } = parseArgs({
  options: { title: { type: 'string' } },
  allowPositionals: true,
});
const [input, output = `${input}.svg`] = positionals;
if (input === undefined) {
  console.error('usage: node tools/flame-graph.mjs <profile> [<output.svg>] [--title <text>]');
  process.exit(2);
}
const text = readFileSync(input, 'utf8');
const root = text.trimStart().startsWith('{') ? treeOfV8Profile(JSON.parse(text)) : treeOfPerfScript(text);
if (root.time === 0) {
  console.error(`${input}: no samples in it`);
  process.exit(1);
}
writeFileSync(output, draw(root, values.title ?? basename(input)));

/** @returns {{ name: string, kind: keyof typeof COLORS, time: number, children: Map<string, any> }} */
function frame(name, kind) {
  return { name, kind, time: 0, children: new Map() };
}

/** Adds one sample: its frames from the outermost to the innermost. */
function addSample(tree, stack, time) {
  tree.time += time;
  let at = tree;
  for (const { name, kind } of stack) {
    const key = `${kind} ${name}`;
    let next = at.children.get(key);
    if (next === undefined) at.children.set(key, (next = frame(name, kind)));
    next.time += time;
    at = next;
  }
}

/** Samples are paragraphs: a line about the thread, then the frames, innermost first. */
function treeOfPerfScript(script) {
  const tree = frame('all', 'native');
  for (const sample of script.split(/\n\s*\n/)) {
    const [head, ...lines] = sample.split('\n').filter((line) => line.trim() !== '');
    if (head === undefined) continue;
    const stack = lines.map(frameOfPerfLine).filter((found) => found !== undefined);
    const [, command = 'unknown'] = /^\s*(.+?)\s+\d/.exec(head) ?? [];
    addSample(tree, [{ name: command, kind: 'native' }, ...stack.reverse()], 1);
  }
  return tree;
}

/** `ffff81 udp_sendmsg ([kernel.kallsyms])`, `7f00 JS:*drain file:///x/dist/src/session.js:10:5 (/tmp/perf-1.map)`. */
function frameOfPerfLine(line) {
  const [, symbol, object] = /^\s*[0-9a-f]+\s+(.*?)\s+\(([^()]*)\)$/.exec(line) ?? [];
  if (symbol === undefined) return undefined;
  if (object.startsWith('[kernel') || object.endsWith('.ko')) return { name: symbol, kind: 'kernel' };
  const script = /^(?:JS|LazyCompile|Function|Eval|Script):[*~^+]?\s*(.*)$/.exec(symbol)?.[1];
  if (script !== undefined) return { name: shortScriptName(script), kind: 'javascript' };
  if (object.endsWith('.node')) return { name: symbol, kind: 'addon' };
  const name = symbol === '[unknown]' ? `[${basename(object)}]` : symbol.replace(/\(.*$/, '');
  return { name, kind: /^v8::|^Builtins_/.test(symbol) ? 'v8' : 'native' };
}

/** A tree of nodes, and for each sample the node it was in and how long after the one before. */
function treeOfV8Profile({ nodes, samples, timeDeltas }) {
  const tree = frame('all', 'native');
  const stacks = new Map();
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stackOf = (id) => {
    if (id === undefined) return [];
    let stack = stacks.get(id);
    if (stack === undefined) {
      const own = frameOfCall(byId.get(id).callFrame);
      stacks.set(id, (stack = own === undefined ? [] : [...stackOf(parents.get(id)), own]));
    }
    return stack;
  };
  for (const [index, id] of samples.entries()) {
    if (byId.get(id).callFrame.functionName === '(idle)') continue;
    addSample(tree, stackOf(id), Math.max(0, timeDeltas[index]) / 1000);
  }
  return tree;
}

function frameOfCall({ functionName, url, lineNumber }) {
  if (functionName === '(root)') return undefined;
  if (functionName === '(garbage collector)') return { name: functionName, kind: 'v8' };
  if (url === '') return { name: functionName || '(anonymous)', kind: 'native' };
  const place = `${functionName || '(anonymous)'} ${url}:${lineNumber + 1}`;
  return { name: shortScriptName(place), kind: 'javascript' };
}

/** `drain file:///somewhere/dist/src/session/session.js:10:5` becomes `drain src/session/session.js:10`. */
function shortScriptName(place) {
  return place
    .replace(/(?:file:\/\/)?\/\S*?\/(?:dist\/)?(?=(?:src|tools|native-bindings|node_modules)\/)/, '')
    .replace(/(:\d+):\d+$/, '$1');
}

function draw(tree, title) {
  const boxes = [];
  const depth = placeChildren(tree, 0, 0, boxes);
  const height = HEADER_HEIGHT + (depth + 1) * ROW_HEIGHT + MARGIN;
  const kinds = Object.keys(COLORS).filter((kind) => boxes.some(({ node }) => node.kind === kind));
  let x = MARGIN;
  const legend = kinds.map((kind) => {
    const label = `${LEGEND[kind]} ${percent(selfTime(tree, kind), tree)}`;
    const at = x;
    x += label.length * CHARACTER_WIDTH + 40;
    return (
      `<rect x="${at}" y="30" width="12" height="12" fill="${COLORS[kind]}"/>` +
      `<text x="${at + 17}" y="40">${label}</text>`
    );
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fdfdfb"/>`,
    `<text x="${MARGIN}" y="18" font-size="14">${escapeText(title)}</text>`,
    ...legend,
    ...boxes.map((box) => drawBox(box, tree, height)),
    '</svg>',
  ].join('\n')}\n`;
}

/** Places what a frame called, from its left edge on. @returns the number of rows above it. */
function placeChildren(parent, start, row, boxes) {
  let at = start;
  let depth = row;
  const sorted = [...parent.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const node of sorted) {
    boxes.push({ node, start: at, row });
    depth = Math.max(depth, placeChildren(node, at, row + 1, boxes));
    at += node.time;
  }
  return depth;
}

function drawBox({ node, start, row }, tree, height) {
  const scale = (WIDTH - 2 * MARGIN) / tree.time;
  const width = node.time * scale;
  if (width < MIN_BOX_WIDTH) return '';
  const x = (MARGIN + start * scale).toFixed(1);
  const y = height - MARGIN - (row + 1) * ROW_HEIGHT;
  const fitting = Math.floor((width - 4) / CHARACTER_WIDTH);
  const label =
    fitting < 3 ? '' : node.name.length <= fitting ? node.name : `${node.name.slice(0, fitting - 1)}…`;
  return (
    `<g><title>${escapeText(node.name)}: ${percent(node.time, tree)}</title>` +
    `<rect x="${x}" y="${y}" width="${Math.max(0.3, width - 0.5).toFixed(1)}" height="${ROW_HEIGHT - 1}" fill="${COLORS[node.kind]}" rx="1"/>` +
    (label === ''
      ? ''
      : `<text x="${(Number(x) + 3).toFixed(1)}" y="${y + 12}">${escapeText(label)}</text>`) +
    '</g>'
  );
}

/** Time in frames of a kind, without what they called. */
function selfTime(node, kind) {
  let called = 0;
  let sum = 0;
  for (const child of node.children.values()) {
    called += child.time;
    sum += selfTime(child, kind);
  }
  return sum + (node.kind === kind ? node.time - called : 0);
}

function percent(time, tree) {
  return `${((100 * time) / tree.time).toFixed(1)} %`;
}

function escapeText(text_) {
  return text_.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
