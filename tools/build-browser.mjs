/**
 * Makes dist/browser/kcpgate.js, the client for pages without a bundler: one minified ES module with its source map.
 *
 *     node tools/build-browser.mjs            prints its size
 *     node tools/build-browser.mjs --report   also what each source adds to it
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleClient } from './browser-bundle.mjs';

const { values: options } = parseArgs({ options: { report: { type: 'boolean', default: false } } });
const folder = join(import.meta.dirname, '../dist/browser');
const { code, map, metafile, sizes } = await bundleClient();
mkdirSync(folder, { recursive: true });
replaceFile('kcpgate.js', code);
replaceFile('kcpgate.js.map', map);
console.log(
  `browser client: ${kib(sizes.raw)} KiB, gzip ${kib(sizes.gzip)} KiB, brotli ${kib(sizes.brotli)} KiB`,
);
if (options.report) for (const line of sources()) console.log(line);

/** Whoever reads it meanwhile gets the old one or the new one, whole. */
function replaceFile(name, content) {
  const unfinished = join(folder, `.${name}.${String(process.pid)}`);
  writeFileSync(unfinished, content);
  renameSync(unfinished, join(folder, name));
}

/** What each source adds before compression, the most first. */
function sources() {
  const { inputs } = metafile.outputs['dist/browser/kcpgate.js'];
  return Object.entries(inputs)
    .sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)
    .map(([file, { bytesInOutput }]) => `${String(bytesInOutput).padStart(7)}  ${file}`);
}

function kib(bytes) {
  return (bytes / 1024).toFixed(1);
}
