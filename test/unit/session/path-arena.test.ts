import { describe, expect, it } from 'vitest';
import {
  CIPHER_KEY,
  CIPHER_RESULT,
  CIPHER_STRIDE,
  CipherResult,
  type PacketCipher,
} from '../../../src/base/packet-cipher.ts';
import { NodePacketCipher } from '../../../src/crypto/node-packet-cipher.ts';
import { openDatagram, Path, PathArena, Seal } from '../../../src/session/index.ts';
import { checkAddressBlock } from '../../../src/wire/address-block.ts';
import { packetNumberOf, pathIdOf } from '../../../src/wire/sealed-header.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';

const CONV = 0x01020304;
const pathOf = (state: { validated?: boolean; announcing?: boolean } = {}): Path =>
  new Path(0, 0, false, 3, { validated: state.validated ?? true, announcing: state.announcing ?? false });

/** An arena, a cipher with one key, and what was sent. */
class Bench {
  readonly cipher = new NodePacketCipher();
  readonly inner: DatagramArena;
  readonly arena: PathArena;
  readonly seal: Seal;

  constructor(bytes = 64 * 1024) {
    this.inner = new DatagramArena(bytes);
    this.arena = new PathArena(this.inner);
    const key = this.cipher.addKey(new Uint8Array(16).fill(5), new Uint8Array(12).fill(6));
    this.seal = new Seal(key, key);
  }

  /** Writes a datagram whose every byte is `value`. @returns whether there was room. */
  write(value: number, length = 24): boolean {
    const at = this.arena.reserve(length);
    if (at < 0) return false;
    this.arena.bytes.fill(value, at, at + length);
    this.arena.commit(length);
    return true;
  }

  /** Seals and takes out everything. */
  flush(cipher: PacketCipher = this.cipher): Uint8Array[] {
    this.arena.sealAll(cipher);
    const sent: Uint8Array[] = [];
    this.inner.drain((bytes, offset, length) => sent.push(bytes.slice(offset, offset + length)));
    return sent;
  }

  /** The text of a sealed datagram. */
  open(datagram: Uint8Array, header = 12): Uint8Array | undefined {
    const bytes = datagram.slice();
    const pn = packetNumberOf(wireMemory(bytes).view, 0);
    if (!openDatagram(this.cipher, bytes, 0, 12, header, bytes.length, this.seal.receiveKey, pn))
      return undefined;
    return bytes.subarray(header, bytes.length - 16);
  }
}

/** Seals nothing of one key. */
class LameCipher extends NodePacketCipher {
  lame = 0;
  override seal(bytes: Uint8Array, table: Int32Array, count: number): number {
    let done = 0;
    for (let row = 0; row < count; row++) {
      const one = table.subarray(row * CIPHER_STRIDE, (row + 1) * CIPHER_STRIDE);
      if (one[CIPHER_KEY] === this.lame) one[CIPHER_RESULT] = CipherResult.failed;
      else done += super.seal(bytes, one, 1);
    }
    return done;
  }
}

describe('datagrams of a sealed session', () => {
  it('get header and tag, each the next packet number, and are sealed all at once', () => {
    const bench = new Bench();
    bench.arena.select(CONV, bench.seal, pathOf());
    // More than the table has room for at first.
    for (let i = 0; i < 200; i++) expect(bench.write(i)).toBe(true);
    const sent = bench.flush();
    expect(sent).toHaveLength(200);
    for (const [pn, datagram] of sent.entries()) {
      const { view } = wireMemory(datagram);
      expect([view.getUint32(0, true), datagram[4], pathIdOf(view, 0), packetNumberOf(view, 0)]).toEqual([
        CONV,
        0xa0,
        3,
        pn,
      ]);
      expect(datagram).toHaveLength(24 + 28);
      expect(bench.open(datagram)).toEqual(new Uint8Array(24).fill(pn));
    }
    expect(bench.seal.nextPn).toBe(200);
  });

  it('have an address block that is not filled and not sealed while the path is announced', () => {
    const bench = new Bench();
    bench.arena.select(CONV, bench.seal, pathOf({ announcing: true }));
    bench.write(1);
    const [datagram] = bench.flush();
    expect(datagram).toHaveLength(24 + 48);
    expect(datagram?.[4]).toBe(0xa4);
    expect(checkAddressBlock(wireMemory(datagram!).view, 12, 32)).toBe('not_filled');
    datagram!.fill(9, 14, 32);
    expect(bench.open(datagram!, 32)).toEqual(new Uint8Array(24).fill(1));
  });

  it('of a clear one are as they were written, and so is what belongs to no session', () => {
    const bench = new Bench();
    bench.arena.select(CONV, undefined, pathOf());
    bench.write(7);
    bench.arena.selectNone();
    const at = bench.arena.reserveWhole(40);
    bench.arena.bytes.fill(8, at, at + 40);
    bench.arena.commitWhole(40, 0, 0, 0, 0);
    expect(bench.flush()).toEqual([new Uint8Array(24).fill(7), new Uint8Array(40).fill(8)]);
  });

  it('use up no packet number when the arena is full', () => {
    const bench = new Bench(100);
    bench.arena.select(CONV, bench.seal, pathOf());
    expect(bench.write(1)).toBe(true);
    expect(bench.write(2)).toBe(false);
    expect(bench.arena.isOverBudget).toBe(false);
    expect(bench.seal.nextPn).toBe(1);
    bench.flush();
    expect(bench.write(2)).toBe(true);
    expect(bench.open(bench.flush()[0]!)).toEqual(new Uint8Array(24).fill(2));
  });
});

describe('what cannot be sealed', () => {
  it('leaves as noise and is counted; all the others leave sealed', () => {
    const bench = new Bench();
    const cipher = new LameCipher();
    const good = cipher.addKey(new Uint8Array(16).fill(5), new Uint8Array(12).fill(6));
    cipher.lame = cipher.addKey(new Uint8Array(16), new Uint8Array(12));
    const [sound, lame] = [new Seal(good, good), new Seal(cipher.lame, cipher.lame)];
    for (const seal of [sound, lame, sound]) {
      bench.arena.select(CONV, seal, pathOf());
      bench.write(0x5a);
    }
    const sent = bench.flush(cipher);
    expect(sent).toHaveLength(3);
    expect(sent[1]!.subarray(12)).toEqual(new Uint8Array(40));
    expect(Buffer.concat(sent).includes(Buffer.alloc(8, 0x5a))).toBe(false);
    expect(bench.arena.sealFailures).toBe(1);
  });

  it('is noise, too, when its key is gone', () => {
    const bench = new Bench();
    bench.arena.select(CONV, bench.seal, pathOf());
    bench.write(0x5a);
    bench.cipher.removeKey(bench.seal.sendKey);
    expect(bench.flush()[0]!.subarray(12)).toEqual(new Uint8Array(40));
    expect(bench.arena.sealFailures).toBe(1);
  });

  it('is not tried again with the next', () => {
    const bench = new Bench();
    bench.arena.select(CONV, bench.seal, pathOf());
    bench.write(1);
    bench.flush();
    expect(bench.flush()).toEqual([]);
    expect(bench.arena.sealFailures).toBe(0);
    bench.write(2);
    expect(bench.open(bench.flush()[0]!)).toEqual(new Uint8Array(24).fill(2));
  });
});

describe('the budget of a path that is not validated', () => {
  it('is three times what came, everything in a datagram counted', () => {
    const bench = new Bench();
    const path = pathOf({ validated: false });
    path.receivedBytes = 100;
    bench.arena.select(CONV, bench.seal, path);
    expect(bench.arena.budgetOf(path)).toBe(300 - 28);
    expect(bench.write(1, 200)).toBe(true);
    expect(bench.arena.budgetOf(path)).toBe(300 - 228 - 28);
    expect(bench.write(1, 45)).toBe(false);
    expect(bench.arena.isOverBudget).toBe(true);
    expect(bench.write(1, 44)).toBe(true);
    expect([path.sentBytes, path.budget]).toEqual([300, 0]);
    path.receivedBytes += 1;
    expect(path.budget).toBe(3);
  });

  it('is told apart from a full arena, and forgotten with the next selection', () => {
    const bench = new Bench(60);
    const path = pathOf({ validated: false });
    bench.arena.select(CONV, bench.seal, path);
    expect([bench.write(1), bench.arena.isOverBudget]).toEqual([false, true]);
    path.receivedBytes = 1000;
    bench.arena.select(CONV, bench.seal, path);
    expect(bench.arena.isOverBudget).toBe(false);
    expect(bench.write(1)).toBe(true);
    expect([bench.write(1), bench.arena.isOverBudget]).toEqual([false, false]);
  });

  it('is none once it is validated', () => {
    const bench = new Bench();
    const path = pathOf({ validated: false });
    path.isValidated = true;
    bench.arena.select(CONV, bench.seal, path);
    expect(bench.write(1, 1000)).toBe(true);
    expect(path.sentBytes).toBe(0);
  });

  it('is charged for what brings its own header, too', () => {
    const bench = new Bench();
    const path = pathOf({ validated: false });
    path.receivedBytes = 100;
    bench.arena.select(CONV, undefined, path);
    bench.arena.reserveWhole(50);
    bench.arena.commitWhole(50, 0, 0, 0, 0);
    expect(path.sentBytes).toBe(50);
  });
});
