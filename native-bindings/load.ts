import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeAead } from './aead.ts';
import type { NativeUdp } from './udp.ts';

/** Everything the addon offers. */
export interface NativeBindings extends NativeUdp, NativeAead {
  readonly version: number;
}

/**
 * What became of loading the addon.
 *
 * - `loaded`: it is in use.
 * - `off`: `KCPGATE_NATIVE=off`.
 * - `missing`: it was not built for this machine. JavaScript does the work; nobody needs to be told.
 * - `broken`: it is there but cannot be used. Worth one warning.
 */
export type NativeLoad =
  | { readonly status: 'loaded'; readonly bindings: NativeBindings; readonly file: string }
  | { readonly status: 'off' | 'missing' | 'broken'; readonly reason: string };

/** The shape this code knows; the addon says which one it has. */
const ADDON_VERSION = 1;

/**
 * Loads the addon: the one built here, or else a prebuilt one for this platform. Node keeps a loaded addon, so calling this
 * again is cheap.
 * @param mode Default: the environment variable `KCPGATE_NATIVE`, which turns it off by `off`.
 */
export function loadNativeBindings(mode = process.env['KCPGATE_NATIVE']): NativeLoad {
  if (mode === 'off') return { status: 'off', reason: 'KCPGATE_NATIVE=off' };
  const file = candidates().find((path) => existsSync(path));
  if (file === undefined) return { status: 'missing', reason: 'not built for this platform' };
  try {
    const bindings = createRequire(import.meta.url)(file) as NativeBindings;
    if (bindings.version === ADDON_VERSION) return { status: 'loaded', bindings, file };
    return { status: 'broken', reason: `${file} has version ${bindings.version}, not ${ADDON_VERSION}` };
  } catch (error) {
    return { status: 'broken', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What to warn of, once, when the addon is there but cannot be used; undefined when there is nothing to say. */
export function nativeLoadWarning(load: NativeLoad): string | undefined {
  if (load.status !== 'broken') return undefined;
  return `the native addon cannot be used, so JavaScript does its work: ${load.reason}`;
}

/** Where the addon may be, best first: this file lies in native-bindings/ itself or in dist/native-bindings/. */
function candidates(): string[] {
  const platform = `${process.platform}-${process.arch}`;
  return ['./', '../../native-bindings/'].flatMap((folder) =>
    [`build/Release/kcpgate.node`, `prebuilds/${platform}/kcpgate.node`].map((path) =>
      fileURLToPath(new URL(folder + path, import.meta.url)),
    ),
  );
}
