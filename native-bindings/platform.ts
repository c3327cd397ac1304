import { closeSync, openSync, readSync } from 'node:fs';

/** The name of this machine's kind, as a folder of prebuilt addons has it: `linux-x64`, `linux-arm64-musl`, ... */
export function platformName(): string {
  return `${process.platform}-${process.arch}${usesMusl() ? '-musl' : ''}`;
}

/** Whether this Node runs on musl: the name of its dynamic loader, at the beginning of the program file, says so. */
function usesMusl(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const file = openSync(process.execPath, 'r');
    try {
      const beginning = Buffer.alloc(BEGINNING_BYTES);
      readSync(file, beginning);
      return beginning.includes('/ld-musl-');
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/** The loader's name follows the program headers; those of any Node end far before this. */
const BEGINNING_BYTES = 8192;
