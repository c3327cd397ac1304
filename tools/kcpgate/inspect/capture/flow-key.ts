import { formatIp, IP_BYTES } from '../../../../src/base/address.ts';
import type { FlowEnd } from '../found-datagram.ts';

/** Who sent a packet to whom, as integers: 4 words of source address, 4 of destination, and both ports in one. */
export type FlowKey = Int32Array;

export const FLOW_KEY_WORDS = 9;
const DESTINATION_WORD = 4;
const PORTS_WORD = 8;

/** Takes the addresses of an IPv4 header at `at`; they count as IPv4-mapped. */
export function takeIpv4Addresses(key: FlowKey, view: DataView, at: number): void {
  key[0] = key[1] = key[4] = key[5] = 0;
  key[2] = key[6] = 0xffff;
  key[3] = view.getInt32(at + 12);
  key[7] = view.getInt32(at + 16);
}

/** Takes the addresses of an IPv6 header at `at`. */
export function takeIpv6Addresses(key: FlowKey, view: DataView, at: number): void {
  for (let word = 0; word < PORTS_WORD; word++) key[word] = view.getInt32(at + 8 + word * 4);
}

/** Takes source and destination port from where UDP and TCP have them. */
export function takePorts(key: FlowKey, view: DataView, at: number): void {
  key[PORTS_WORD] = view.getInt32(at);
}

/** The same with both ends exchanged. */
export function reverseKey(key: FlowKey, into: FlowKey): void {
  for (let word = 0; word < DESTINATION_WORD; word++) {
    into[word] = key[word + DESTINATION_WORD]!;
    into[word + DESTINATION_WORD] = key[word]!;
  }
  const ports = key[PORTS_WORD]!;
  into[PORTS_WORD] = (ports << 16) | (ports >>> 16);
}

export function sourceOf(key: FlowKey): FlowEnd {
  return endAt(key, 0, key[PORTS_WORD]! >>> 16);
}

export function destinationOf(key: FlowKey): FlowEnd {
  return endAt(key, DESTINATION_WORD, key[PORTS_WORD]! & 0xffff);
}

function endAt(key: FlowKey, word: number, port: number): FlowEnd {
  const bytes = new Uint8Array(IP_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < DESTINATION_WORD; i++) view.setInt32(i * 4, key[word + i]!);
  return { address: formatIp(bytes), port };
}
