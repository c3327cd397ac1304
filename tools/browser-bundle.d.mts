import type { Metafile } from 'esbuild';

/** The client for browsers as one minified ES module. */
export interface ClientBundle {
  readonly code: Buffer;
  readonly map: Buffer;
  readonly metafile: Metafile;
  /** In bytes: as it is, and as servers send it. */
  readonly sizes: { readonly raw: number; readonly gzip: number; readonly brotli: number };
}

export function bundleClient(): Promise<ClientBundle>;
