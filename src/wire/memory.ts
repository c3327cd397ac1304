/**
 * Bytes as every encoder and decoder takes them: one piece of memory, seen as bytes and as integers.
 * A send arena and a receive batch have this shape already.
 */
export interface WireMemory {
  readonly bytes: Uint8Array;
  /** The same memory as `bytes`, for integers. */
  readonly view: DataView;
}

/** Wraps `bytes` without copying. For tools and tests; a carrier keeps one for each slab. */
export function wireMemory(bytes: Uint8Array): WireMemory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}
