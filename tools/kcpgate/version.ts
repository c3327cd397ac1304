import { createRequire } from 'node:module';

/** The version of this package, as in its package.json. */
export function packageVersion(): string {
  // By the package's own name, so that it is found from the sources as well as from the build.
  const manifest = createRequire(import.meta.url)('kcpgate/package.json') as { readonly version: string };
  return manifest.version;
}
