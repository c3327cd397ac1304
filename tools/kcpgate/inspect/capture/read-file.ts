import { closeSync, openSync, read } from 'node:fs';
import { promisify } from 'node:util';

/** Who takes the bytes of a file: a `CaptureReader`, a `HexReader`. */
export interface ByteReader {
  push(chunk: Uint8Array): void;
  finish(): void;
}

/**
 * Reads a whole file into a reader, and finishes it. While one piece is looked at the next is read.
 * @param path `-` is standard input, where a reader gets what there is as soon as it arrives.
 * @throws what opening and reading throw.
 */
export async function readCaptureFile(path: string, reader: ByteReader): Promise<void> {
  if (path === '-') await readStandardInput(reader);
  else await readFile(path, reader);
  reader.finish();
}

async function readFile(path: string, reader: ByteReader): Promise<void> {
  const descriptor = openSync(path, 'r');
  let [current, other] = [Buffer.allocUnsafe(READ_BYTES), Buffer.allocUnsafe(READ_BYTES)];
  let reading = readInto(descriptor, current);
  try {
    for (;;) {
      const bytes = await reading;
      if (bytes === 0) return;
      reading = readInto(descriptor, other);
      reader.push(current.subarray(0, bytes));
      [current, other] = [other, current];
    }
  } finally {
    // Once it is closed its number is somebody else's, whose bytes a read under way would take.
    await reading.catch(() => undefined);
    closeSync(descriptor);
  }
}

async function readStandardInput(reader: ByteReader): Promise<void> {
  // Not by its descriptor: that may be one that says "not now" (EAGAIN).
  for await (const chunk of process.stdin) reader.push(chunk as Buffer);
}

const readBytes = promisify(read);

async function readInto(descriptor: number, buffer: Buffer): Promise<number> {
  const { bytesRead } = await readBytes(descriptor, buffer, 0, buffer.length, null);
  return bytesRead;
}

/** Large enough that a promise for each does not count, small enough for the second-level cache to help. */
const READ_BYTES = 1 << 20;
