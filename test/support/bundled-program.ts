import { build } from 'esbuild';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildIfStale } from './kcpgate-command.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A program of the tests, written in TypeScript, that a process of its own can run. */
export interface BundledProgram {
  readonly file: string;
  remove(): void;
}

/**
 * Makes one file of a program of this folder. What it imports from `src` is the built library, never a copy of it.
 * @param name as in `talking-client.ts`.
 */
export async function bundleProgram(name: string): Promise<BundledProgram> {
  await buildIfStale();
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-program-'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
  const file = join(folder, name.replace(/\.ts$/u, '.mjs'));
  await build({
    entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: [
      {
        name: 'built library',
        setup({ onResolve }) {
          onResolve({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
            const built = path.replace(/^.*\/src\//u, 'dist/src/').replace(/\.ts$/u, '.js');
            return { path: pathToFileURL(join(ROOT, built)).href, external: true };
          });
        },
      },
    ],
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
