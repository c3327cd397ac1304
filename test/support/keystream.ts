import { createCipheriv, createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';

const CHUNK_BYTES = 64 * 1024;
const ZEROS = new Uint8Array(CHUNK_BYTES);

/**
 * Reproducible bytes that do not repeat: the AES-CTR key stream of a seed, in chunks made as they are read.
 * @param chunkBytes 65,536 at most.
 */
export function keystream(seed: number, bytes: number, chunkBytes = CHUNK_BYTES): Readable {
  return Readable.from(chunks(seed, bytes, chunkBytes), { objectMode: false, highWaterMark: chunkBytes });
}

/** The SHA-256 of {@link keystream}, in hexadecimal. */
export function keystreamHash(seed: number, bytes: number): string {
  const hash = createHash('sha256');
  for (const chunk of chunks(seed, bytes, CHUNK_BYTES)) hash.update(chunk);
  return hash.digest('hex');
}

/** Counts and hashes everything that is read from a stream, to its end. */
export async function digest(stream: Readable): Promise<{ bytes: number; sha256: string }> {
  const counter = new DigestCounter();
  stream.on('data', (chunk: Uint8Array) => {
    counter.add(chunk);
  });
  // Not by iteration: that would destroy a socket whose other direction is still open.
  await once(stream, 'end');
  return counter.result();
}

/** Count and hash of bytes so far. */
export class DigestCounter {
  bytes = 0;
  readonly #hash: Hash = createHash('sha256');

  add(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
  }

  result(): { bytes: number; sha256: string } {
    return { bytes: this.bytes, sha256: this.#hash.copy().digest('hex') };
  }
}

function* chunks(seed: number, bytes: number, chunkBytes: number): Generator<Uint8Array> {
  const key = createHash('sha256').update(String(seed)).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, ZEROS.subarray(0, 16));
  for (let left = bytes; left > 0; left -= chunkBytes) {
    yield cipher.update(ZEROS.subarray(0, Math.min(left, chunkBytes)));
  }
}
