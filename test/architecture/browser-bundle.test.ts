import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleClient, type ClientBundle } from '../../tools/browser-bundle.mjs';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'src/client/browser/index.ts');

describe('the browser entry', () => {
  test('bundles without a Node module', async () => {
    const { nodeModules, output } = await bundle({ entryPoints: [ENTRY] });

    expect(nodeModules).toEqual([]);
    expect(output).not.toContain('node:');
    expect(output.length).toBeGreaterThan(0);
  });

  test('would not hide one', async () => {
    const contents = "import { createSocket } from 'node:dgram'; export const socket = createSocket('udp4');";
    const { nodeModules } = await bundle({ stdin: { contents, resolveDir: ROOT } });

    expect(nodeModules).toEqual(['node:dgram']);
  });
});

describe('the bundle of the client', () => {
  let bundled: ClientBundle;
  beforeAll(async () => {
    bundled = await bundleClient();
  });

  test('is not larger than it was, and says so', () => {
    const { sizes } = bundled;
    console.log(
      `browser client: ${String(sizes.raw)} bytes, gzip ${String(sizes.gzip)}, brotli ${String(sizes.brotli)}`,
    );
    expect(sizes.gzip).toBeLessThanOrEqual(MAX_GZIP_BYTES);
  });

  test('is one module of client code: without Node, dissectors, proxies, tickets and ciphers', () => {
    const { code, metafile } = bundled;
    expect(code.toString()).not.toMatch(/\bimport\b(?!\.meta)|\brequire\b|node:|\bprocess\.|\bBuffer\b/);
    const sources = Object.keys(metafile.outputs['dist/browser/kcpgate.js']?.inputs ?? {});
    expect(sources.length).toBeGreaterThan(50);
    const unwanted =
      /dissect|print|proxy|spp|\/node\/|src\/(?:endpoint|gateway|crypto|upstream|telemetry|qlog)\//;
    expect(sources.filter((source) => unwanted.test(source))).toEqual([]);
  });

  test('has the same exports as the entry for bundlers, with the names of what users touch', async () => {
    const { code } = bundled;
    const bundle = (await import(
      `data:text/javascript;base64,${code.toString('base64')}`
    )) as typeof import('../../src/client/browser/client.ts');
    const entry = await import('../../src/client/browser/client.ts');
    expect(Object.keys(bundle).sort()).toEqual(Object.keys(entry).sort());
    expect(bundle.CloseCode).toEqual(entry.CloseCode);
    const options = { loginUrl: 'http://127.0.0.1:9/api/login' };
    expect(membersOf(bundle.createClient(options))).toEqual(membersOf(entry.createClient(options)));
    const wrong = { ...options, rounds: -1 };
    expect(() => bundle.createClient(wrong)).toThrow(/^rounds must be/);
  });
});

/** Names of the public methods and fields. */
function membersOf(object: object): string[] {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(object)).sort();
}

/** What was measured when this was last set, and some room; how it comes about: `npm run build:browser -- --report`. */
const MAX_GZIP_BYTES = 72 * 1024;

/** Bundles as for a browser. Modules named `node:*` are listed instead of failing the build; `fs` and the like fail it. */
async function bundle(
  input: { entryPoints: string[] } | { stdin: { contents: string; resolveDir: string } },
): Promise<{ nodeModules: string[]; output: string }> {
  const nodeModules: string[] = [];
  const recordNodeModules: Plugin = {
    name: 'record-node-modules',
    setup(pluginBuild) {
      pluginBuild.onResolve({ filter: /^node:/ }, ({ path }) => {
        nodeModules.push(path);
        return { path, external: true };
      });
    },
  };
  const { outputFiles } = await build({
    ...input,
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    logLevel: 'silent',
    plugins: [recordNodeModules],
  });
  return { nodeModules, output: outputFiles.map((file) => file.text).join('') };
}
