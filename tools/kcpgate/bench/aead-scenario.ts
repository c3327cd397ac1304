import { hrtime } from 'node:process';
import { CIPHER_STRIDE, describeDatagram, type PacketCipher } from '../../../src/base/packet-cipher.ts';
import { createPacketCipher } from '../../../src/crypto/create-packet-cipher.ts';
import { NodePacketCipher } from '../../../src/crypto/node-packet-cipher.ts';
import { median } from './percentile.ts';

/** One size of datagrams, batches and key tables. */
export interface AeadFigure {
  readonly implementation: PacketCipher['implementation'];
  /** Bytes of a sealed datagram: header, text and tag. */
  readonly datagramBytes: number;
  /** Datagrams a call. */
  readonly batch: number;
  /** Keys in rotation: neighbours in a batch never share one, unless there is only one. */
  readonly keys: number;
  /** Medians of several rounds. */
  readonly sealMicroseconds: number;
  readonly openMicroseconds: number;
}

export interface AeadResult {
  /** Every datagram came back authentic. */
  readonly complete: boolean;
  readonly figures: readonly AeadFigure[];
}

/**
 * What sealing and opening cost a datagram, in microseconds, with both implementations where the native one is available.
 * The memory is warm: in a gateway, the datagram was just written by the engine or by the kernel.
 * @param datagrams sealed and opened for each figure. Default 100,000 for native; a fifth of it for the slower one.
 */
export function runAead(datagrams = 100_000): AeadResult {
  const ciphers = [createPacketCipher(), new NodePacketCipher()];
  if (ciphers[0]?.implementation === 'node') ciphers.shift()?.close();
  const runs = ciphers.flatMap((cipher) =>
    SHAPES.map((shape) =>
      measure(cipher, shape, cipher.implementation === 'node' ? datagrams / 5 : datagrams),
    ),
  );
  for (const cipher of ciphers) cipher.close();
  return { complete: runs.every(({ complete }) => complete), figures: runs.map(({ figure }) => figure) };
}

interface Shape {
  readonly datagramBytes: number;
  readonly batch: number;
  readonly keys: number;
}

function measure(
  cipher: PacketCipher,
  shape: Shape,
  datagrams: number,
): { readonly complete: boolean; readonly figure: AeadFigure } {
  const { datagramBytes, batch } = shape;
  const keys = Array.from({ length: shape.keys }, (_, index) => addKey(cipher, index));
  const bytes = new Uint8Array(batch * datagramBytes);
  const table = new Int32Array(batch * CIPHER_STRIDE);
  const callsPerRound = Math.max(1, Math.ceil(datagrams / batch / ROUNDS));
  const sealTimes: number[] = [];
  const openTimes: number[] = [];
  let complete = true;
  let pn = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    let sealNs = 0;
    let openNs = 0;
    for (let call = 0; call < callsPerRound; call++) {
      for (let row = 0; row < batch; row++, pn++) {
        const key = keys[pn % keys.length] ?? 0;
        describeDatagram(table, row, row * datagramBytes, HEADER_BYTES, HEADER_BYTES, datagramBytes, key, pn);
      }
      const start = hrtime.bigint();
      const sealed = cipher.seal(bytes, table, batch);
      const between = hrtime.bigint();
      const opened = cipher.open(bytes, table, batch);
      openNs += Number(hrtime.bigint() - between);
      sealNs += Number(between - start);
      complete &&= sealed === batch && opened === batch;
    }
    // The first round only warms up.
    if (round === 0) continue;
    sealTimes.push(sealNs / 1000 / callsPerRound / batch);
    openTimes.push(openNs / 1000 / callsPerRound / batch);
  }
  for (const key of keys) cipher.removeKey(key);
  const { implementation } = cipher;
  return {
    complete,
    figure: {
      implementation,
      ...shape,
      sealMicroseconds: median(sealTimes),
      openMicroseconds: median(openTimes),
    },
  };
}

/** Keys for measuring: different, and no secret. */
function addKey(cipher: PacketCipher, index: number): number {
  const key = new Uint8Array(16);
  new DataView(key.buffer).setUint32(0, index);
  return cipher.addKey(key, key.subarray(0, 12));
}

const HEADER_BYTES = 12;
const ROUNDS = 10;
const SHAPES: readonly Shape[] = [
  { datagramBytes: 1400, batch: 32, keys: 1 },
  { datagramBytes: 1400, batch: 32, keys: 1000 },
  { datagramBytes: 1400, batch: 1, keys: 1 },
  { datagramBytes: 64, batch: 32, keys: 1 },
  { datagramBytes: 64, batch: 1, keys: 1 },
];
