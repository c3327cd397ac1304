import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { privateNames } from './private-names.mjs';

const ROOT = join(import.meta.dirname, '..');
const ENTRY = join(ROOT, 'src/client/browser/client.ts');

/**
 * The client for browsers as one minified ES module.
 * @returns the module and its source map as bytes, what it is made of (esbuild's metafile), and its sizes.
 */
export async function bundleClient() {
  const shared = {
    absWorkingDir: ROOT,
    entryPoints: [ENTRY],
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    outfile: 'dist/browser/kcpgate.js',
    metafile: true,
    write: false,
    logLevel: 'silent',
  };
  const { metafile: draft } = await build(shared);
  const names = privateNames(Object.keys(draft.inputs).map((file) => join(ROOT, file)));
  const { outputFiles, metafile } = await build({
    ...shared,
    sourcemap: 'linked',
    mangleProps: new RegExp(`^(?:${names.join('|')})$`),
  });
  const bytesOf = (suffix) => Buffer.from(outputFiles.find(({ path }) => path.endsWith(suffix)).contents);
  const code = bytesOf('.js');
  return { code, map: bytesOf('.js.map'), metafile, sizes: sizesOf(code) };
}

/** In bytes: as it is, and as servers send it. */
function sizesOf(code) {
  return {
    raw: code.length,
    gzip: gzipSync(code, { level: 9 }).length,
    brotli: brotliCompressSync(code).length,
  };
}
