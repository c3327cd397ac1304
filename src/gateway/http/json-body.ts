import type { IncomingHttpHeaders } from 'node:http';
import { isShallowJson } from './json-depth.ts';

/** Whether a request says that its body is JSON in UTF-8, not compressed. */
export function isPlainJson(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['content-encoding'] ?? 'identity';
  const type = headers['content-type'] ?? '';
  return (
    encoding.toLowerCase() === 'identity' && /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)
  );
}

/**
 * Reads well-formed UTF-8 that is JSON of little depth.
 * @returns undefined when it is anything else; JSON itself has no undefined.
 */
export function parseJson(bytes: Uint8Array, maxDepth: number): unknown {
  if (!isShallowJson(bytes, maxDepth)) return undefined;
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });
