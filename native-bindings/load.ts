import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeAead } from './aead.ts';
import { platformName } from './platform.ts';
import type { NativeUdp } from './udp.ts';

/** Everything the addon offers. */
export interface NativeBindings extends NativeUdp, NativeAead {
  readonly version: number;
}

/**
 * What became of loading the addon.
 *
 * - `loaded`: it is in use.
 * - `off`: the environment says so.
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
 * @param mode Default: the environment variable `KCPGATE_NATIVE`. `off`, `0` and `false` turn the addon off.
 * @param folder Where to look. Default: `native-bindings` of this package.
 */
export function loadNativeBindings(
  mode = process.env.KCPGATE_NATIVE,
  folder: string = nativeFolder(),
): NativeLoad {
  if (mode !== undefined && OFF.has(mode.toLowerCase())) {
    return { status: 'off', reason: `KCPGATE_NATIVE=${mode}` };
  }
  let broken: NativeLoad | undefined;
  for (const file of candidates(folder)) {
    if (!existsSync(file)) continue;
    const load = loadFile(file);
    if (load.status === 'loaded') return load;
    broken ??= load;
  }
  return broken ?? { status: 'missing', reason: missingReason(folder) };
}

/** What to warn of, once, when the addon is there but cannot be used; undefined when there is nothing to say. */
export function nativeLoadWarning(load: NativeLoad): string | undefined {
  if (load.status !== 'broken') return undefined;
  return `the native addon cannot be used, so JavaScript does its work: ${load.reason}`;
}

/** The folder `native-bindings` of this package; it has the sources of the addon and what was built of them. */
export function nativeFolder(): string {
  // This file lies there, or compiled in dist/native-bindings.
  const here = fileURLToPath(new URL('.', import.meta.url));
  return basename(dirname(here)) === 'dist' ? join(here, '../../native-bindings') : here;
}

const OFF = new Set(['off', '0', 'false']);

function candidates(folder: string): string[] {
  return [join(folder, 'build/Release', ADDON), join(folder, 'prebuilds', platformName(), ADDON)];
}

const ADDON = 'kcpgate.node';

function loadFile(file: string): NativeLoad {
  try {
    const bindings = createRequire(import.meta.url)(file) as NativeBindings;
    if (bindings.version === ADDON_VERSION) return { status: 'loaded', bindings, file };
    return { status: 'broken', reason: `${file} has version ${bindings.version}, not ${ADDON_VERSION}` };
  } catch (error) {
    // The system's message names the file.
    return { status: 'broken', reason: error instanceof Error ? error.message : String(error) };
  }
}

function missingReason(folder: string): string {
  if (process.platform !== 'linux') return `there is none for ${process.platform}`;
  return buildError(folder) ?? `none was built for ${platformName()}`;
}

/** The first line of what a build left behind that failed. */
function buildError(folder: string): string | undefined {
  try {
    const [reason = ''] = readFileSync(join(folder, 'build-error.log'), 'utf8').split('\n');
    return reason === '' ? undefined : reason;
  } catch {
    return undefined;
  }
}
