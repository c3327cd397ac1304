import { open } from 'node:fs/promises';
import { isLoopback } from '../../base/address.ts';
import { describeSystemError, type SystemErrorLike } from '../../base/node-error.ts';

/** Largest JSON Web Key Set that is read, in bytes. */
const MAX_KEY_SET_BYTES = 256 * 1024;

/**
 * Reads a JSON Web Key Set from a file.
 * @throws Error when it cannot be read, is too large or no JSON; the message may be logged.
 */
export async function readKeySet(file: string): Promise<unknown> {
  const handle = await open(file);
  try {
    const room = Buffer.alloc(MAX_KEY_SET_BYTES + 1);
    const { bytesRead } = await handle.read(room, 0, room.length, 0);
    if (bytesRead > MAX_KEY_SET_BYTES) throw tooLarge();
    return parse(room.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/**
 * Fetches a JSON Web Key Set. Redirects are not followed.
 * @param signal ends it early.
 * @throws Error when there is no answer in time, it is not 200, too large or no JSON; the message may be logged.
 */
export async function fetchKeySet(url: URL, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      redirect: 'error',
      signal: AbortSignal.any([timeout, signal]),
    });
    return parse(await bodyOf(response));
  } catch (error) {
    if (timeout.aborted) throw new Error('no answer in time', { cause: error });
    if (error instanceof KeySetError) throw error;
    // What fetch throws says little itself; its cause is of the system.
    const cause = error instanceof Error ? (error.cause as SystemErrorLike | undefined) : undefined;
    throw new Error(describeSystemError(cause ?? {}), { cause: error });
  }
}

/** Whether keys from there can be believed: nobody on the way can replace them. */
export function isTrustworthyUrl({ protocol, hostname, username, password }: URL): boolean {
  if (username !== '' || password !== '') return false;
  const host = hostname.replace(/^\[|\]$/g, '');
  return protocol === 'https:' || (protocol === 'http:' && (host === 'localhost' || isLoopback(host)));
}

class KeySetError extends Error {}

const tooLarge = (): KeySetError => new KeySetError('the key set is too large');

async function bodyOf({ status, body }: Response): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  if (status !== 200) {
    await body.cancel();
    throw new KeySetError(`the answer was HTTP status ${String(status)}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream: AsyncIterable<Uint8Array> = body;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > MAX_KEY_SET_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new KeySetError('the key set is not JSON');
  }
}
