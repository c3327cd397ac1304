import { readFileSync } from 'node:fs';
import type { RandomSource } from '../../../src/base/random-source.ts';
import { CaptureReader } from '../../../tools/kcpgate/inspect/capture/read-capture.ts';
import { CaptureRecorder } from './capture-recorder.ts';

/**
 * A capture with the UDP datagrams of other captures, of which most are damaged: bits turned, cut off, made longer, joined
 * with others.
 */
export function damagedCapture(files: readonly string[], count: number, random: RandomSource): Uint8Array {
  let nowUs = 1e15;
  const recorder = new CaptureRecorder(() => (nowUs += 100));
  const datagrams = files.flatMap(datagramsOf);
  for (let i = 0; i < count; i++) {
    const chosen = datagrams[random.nextUint32() % datagrams.length];
    const other = datagrams[random.nextUint32() % datagrams.length];
    if (chosen === undefined || other === undefined) break;
    const bytes = damage(wholeOf(datagrams, chosen, random), other.bytes, random);
    if (bytes.length > 0) recorder.udp(chosen.from, chosen.to, bytes);
  }
  return recorder.bytes();
}

/** Now and then with those that follow it on its way, as one that was glued together. */
function wholeOf(datagrams: readonly Datagram[], chosen: Datagram, random: RandomSource): Uint8Array {
  if (random.nextUint32() % 4 > 0) return chosen.bytes;
  const at = datagrams.indexOf(chosen);
  const run = datagrams
    .slice(at, at + 12)
    .filter(({ from, to }) => from.port === chosen.from.port && to.port === chosen.to.port);
  return Buffer.concat(run.map(({ bytes }) => bytes));
}

interface Datagram {
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
  readonly bytes: Uint8Array;
}

/** Those of connections as if they had come over UDP. */
function datagramsOf(file: string): Datagram[] {
  const all: Datagram[] = [];
  const reader = new CaptureReader({
    sink: ({ flow: { a, b }, isFromA, bytes, offset, length }) => {
      const [from, to] = isFromA ? [a, b] : [b, a];
      const gateway = { address: (isFromA ? to : from).address, port: 4000 };
      const ends = isFromA ? { from, to: gateway } : { from: gateway, to };
      all.push({ ...ends, bytes: bytes.slice(offset, offset + length) });
    },
  });
  reader.push(readFileSync(file));
  reader.finish();
  return all;
}

function damage(whole: Uint8Array, other: Uint8Array, random: RandomSource): Uint8Array {
  const bytes = Uint8Array.from(whole);
  const at = random.nextUint32() % Math.max(1, bytes.length);
  switch (random.nextUint32() % 8) {
    case 0:
    case 1:
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3: {
      const tail = other.subarray(1 + (random.nextUint32() % Math.max(1, other.length)));
      return Buffer.concat([bytes.subarray(0, at), tail]).subarray(0, MAX_BYTES);
    }
    case 4:
      return Buffer.concat([
        bytes,
        Uint8Array.from({ length: random.nextUint32() % 40 }, () => random.nextUint32()),
      ]);
    case 5:
      // Headers are where it matters.
      bytes[at % Math.min(bytes.length, 64)] = random.nextUint32();
      return bytes;
    default:
      for (let i = random.nextUint32() % 4; i >= 0; i--) {
        const place = random.nextUint32() % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ (1 << (random.nextUint32() % 8));
      }
      return bytes;
  }
}

const MAX_BYTES = 20_000;
