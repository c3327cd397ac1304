import { readFileSync } from 'node:fs';
import type { SocketAddress } from '../../../src/base/address.ts';
import type { AnySegment } from '../../../src/wire/any-segment.ts';

/** A segment as test/vectors/wire.json has it: bytes are hexadecimal. */
export type JsonSegment = Readonly<Record<string, unknown>>;

interface WireVectors {
  readonly addressBlocks: readonly { name: string; address: SocketAddress | null; hex: string }[];
  readonly badAddressBlocks: readonly { name: string; hex: string; state: string }[];
  /** Decode and encode. */
  readonly segments: readonly { name: string; segment: JsonSegment; hex: string }[];
  /** Decode only: the encoder writes them in another way. */
  readonly lenientSegments: readonly { name: string; segment: JsonSegment; hex: string }[];
  readonly badSegments: readonly { name: string; hex: string; fault: string }[];
  readonly datagramKinds: readonly { name: string; hex: string; kind: string }[];
  readonly fecPackets: readonly {
    name: string;
    fec: { seqid: number; type: number; size?: number };
    payload: string | null;
    hex: string;
  }[];
  readonly datagrams: readonly { name: string; hex: string; units: string[]; problems: string[] }[];
}

/** What test/vectors/`name` holds; its shape is for the caller to know. */
export const loadVectors = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8'));

export const vectors = loadVectors('wire.json') as WireVectors;

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Names of segment fields that are bytes. */
const BYTE_FIELDS = new Set(['payload', 'token', 'data']);

export function toSegment(json: JsonSegment): AnySegment {
  const entries = Object.entries(json).map(([name, value]) => [
    name,
    BYTE_FIELDS.has(name) ? fromHex(value as string) : value,
  ]);
  return Object.fromEntries(entries) as AnySegment;
}
