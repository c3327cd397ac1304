import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { describe, expect, test } from 'vitest';

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
