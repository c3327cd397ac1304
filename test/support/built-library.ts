import { fileURLToPath } from 'node:url';
import { buildIfStale } from './kcpgate-command.ts';

/** The library as it is built, for what cannot run from the sources: worker threads load compiled modules only. */
export async function builtLibrary(): Promise<typeof import('../../src/index.ts')> {
  await buildIfStale();
  const file: string = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url));
  return (await import(file)) as typeof import('../../src/index.ts');
}
