import type { SocketAddress } from '../../../src/base/address.ts';
import type { Carrier, ReceiveBatch } from '../../../src/carrier/carrier.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { writeProxyV2 } from '../../../src/wire/proxy-v2.ts';
import { writeSpp } from '../../../src/wire/spp.ts';
import { datagramsOf } from '../../contract/received.ts';

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const client = (number: number, port = 5000 + number): SocketAddress => ({
  address: `203.0.113.${number}`,
  family: 4,
  port,
});

export const client6 = (number: number): SocketAddress => ({
  address: `2001:db8::${number}`,
  family: 6,
  port: 6000 + number,
});

export const LINE: SocketAddress = { address: '198.51.100.7', family: 4, port: 4000 };

export function v1(source: SocketAddress, destination = LINE): Uint8Array {
  const { address, family, port } = source;
  return bytesOf(`PROXY TCP${family} ${address} ${destination.address} ${port} ${destination.port}\r\n`);
}

export function v2(
  source: SocketAddress,
  destination = LINE,
  transport: 'stream' | 'datagram' = 'datagram',
): Uint8Array {
  const memory = wireMemory(new Uint8Array(64));
  return memory.bytes.slice(0, writeProxyV2(memory, 0, { source, destination, transport }));
}

export function spp(source: SocketAddress, destination = LINE): Uint8Array {
  const memory = wireMemory(new Uint8Array(38));
  writeSpp(memory, 0, source, destination);
  return memory.bytes;
}

/** A received datagram as a test looks at it. */
export interface Seen {
  readonly text: string;
  readonly slot: number;
  readonly from: SocketAddress;
  readonly glued: boolean;
  readonly ecn: number;
}

/** Starts a carrier and keeps what it delivers. */
export function collect(carrier: Carrier, also: (batch: ReceiveBatch) => void = () => undefined): Seen[] {
  const seen: Seen[] = [];
  carrier.start((batch) => {
    for (const { bytes, slot, glued, ecn } of datagramsOf(batch)) {
      seen.push({ text: textOf(bytes), slot, from: carrier.addressOf(slot), glued, ecn });
    }
    also(batch);
  });
  return seen;
}

/** Writes a datagram to a slot. */
export function write(carrier: Carrier, slot: number, datagram: Uint8Array): void {
  carrier.arena.target = slot;
  const at = carrier.arena.reserve(datagram.length);
  if (at < 0) throw new Error('the arena is full');
  carrier.arena.bytes.set(datagram, at);
  carrier.arena.commit(datagram.length);
}
