import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The text of a file, or why there is none. */
export type TextFile =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: string };

/** Reads a UTF-8 file of at most `maxBytes` (a larger one is an error); a byte order mark is left out. */
export function readTextFile(path: string, maxBytes: number): TextFile {
  try {
    const fd = openSync(path, 'r');
    try {
      if (fstatSync(fd).isDirectory()) return { ok: false, error: 'is a directory' };
      const bytes = Buffer.alloc(maxBytes + 1);
      let length = 0;
      for (;;) {
        const count = readSync(fd, bytes, length, bytes.length - length, null);
        length += count;
        if (count === 0 || length > maxBytes) break;
      }
      if (length > maxBytes) return { ok: false, error: `is larger than ${String(maxBytes)} bytes` };
      return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length)) };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return { ok: false, error: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return error instanceof Error ? error.message : String(error);
}
