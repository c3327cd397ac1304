import {
  CIPHER_HEADER_LENGTH,
  CIPHER_LENGTH,
  CIPHER_OFFSET,
  CIPHER_RESULT,
  CIPHER_STRIDE,
  CipherResult,
  describeDatagram,
  type PacketCipher,
} from '../base/packet-cipher.ts';
import type { SendArena } from '../base/send-arena.ts';
import { ADDRESS_BLOCK_BYTES, writeAddressBlock } from '../wire/address-block.ts';
import { SEALED_HEADER_BYTES, SEAL_TAG_BYTES, writeSealedHeader } from '../wire/sealed-header.ts';
import type { Path } from './path.ts';
import type { Seal } from './seal.ts';

/** Whoever wants to know of each datagram that is written. */
export interface Follower {
  /** A datagram was committed to this arena, `length` bytes of segments at `at`; they are clear still. */
  follow(arena: PathArena, at: number, length: number): void;
}

/**
 * The arena of a carrier as sessions see it: each selects a path, then writes clear segments; here they get the sealed
 * header in front and room for the tag behind. {@link sealAll} seals everything written with one call, just before the
 * carrier sends it. A path that is not validated is refused what goes beyond its budget.
 */
export class PathArena implements SendArena {
  private readonly inner: SendArena;
  /** Rows of the cipher's table: datagrams written and not sealed yet. */
  private table = new Int32Array(FIRST_ROWS * CIPHER_STRIDE);
  private rows = 0;
  private conv = 0;
  private seal: Seal | undefined;
  private path: Path | undefined;
  private headerBytes = 0;
  private overhead = 0;
  /** Where the open reservation begins, header included. */
  private at = 0;
  private isCopy = false;
  private follower: Follower | undefined;
  /** Since {@link select} something was not written because the path had no budget left. */
  isOverBudget = false;
  /** Datagrams that could not be sealed; what was sent in their place is noise. */
  sealFailures = 0;

  /** @param inner takes the datagrams; the owner has pointed it at the path's peer before each {@link select}. */
  constructor(inner: SendArena) {
    this.inner = inner;
  }

  get bytes(): Uint8Array {
    return this.inner.bytes;
  }

  get view(): DataView {
    return this.inner.view;
  }

  /**
   * The datagrams that follow go out on this path.
   * @param seal undefined for a clear session: its datagrams stay as they are written.
   * @param follower is told of each.
   */
  select(conv: number, seal: Seal | undefined, path: Path, follower?: Follower): this {
    this.conv = conv;
    this.seal = seal;
    this.path = path;
    this.follower = follower;
    this.isCopy = this.isOverBudget = false;
    this.headerBytes = 0;
    this.overhead = 0;
    if (seal !== undefined) {
      this.headerBytes = SEALED_HEADER_BYTES + (path.isAnnouncing ? ADDRESS_BLOCK_BYTES : 0);
      this.overhead = this.headerBytes + SEAL_TAG_BYTES;
    }
    return this;
  }

  /** As {@link select}, for datagrams whose segments went out on another path, too. */
  selectCopies(conv: number, seal: Seal | undefined, path: Path): this {
    this.select(conv, seal, path);
    this.isCopy = true;
    return this;
  }

  /** What sealing adds to the segments of a datagram. */
  get overheadBytes(): number {
    return this.overhead;
  }

  /** What follows comes with headers of its own ({@link reserveWhole}) and belongs to no session. */
  selectNone(): this {
    this.path = this.seal = this.follower = undefined;
    this.isCopy = false;
    this.headerBytes = this.overhead = 0;
    return this;
  }

  /** Bytes of segments that one more datagram may hold on the selected path, if that is not validated. */
  budgetOf(path: Path): number {
    return path.budget - this.overhead;
  }

  reserve(length: number): number {
    const total = length + this.overhead;
    if (!this.path!.isValidated && total > this.path!.budget) {
      this.isOverBudget = true;
      return -1;
    }
    this.at = this.inner.reserve(total);
    return this.at < 0 ? -1 : this.at + this.headerBytes;
  }

  commit(length: number): void {
    const total = length + this.overhead;
    const { at, headerBytes, seal, path, follower } = this;
    if (seal !== undefined) {
      const pn = seal.nextPn++;
      const withBlock = headerBytes > SEALED_HEADER_BYTES;
      writeSealedHeader(this.inner.view, at, this.conv, path!.id, pn, withBlock, this.isCopy);
      if (withBlock) writeAddressBlock(this.inner, at + SEALED_HEADER_BYTES, null);
      this.describe(at, SEALED_HEADER_BYTES, headerBytes, total, seal.sendKey, pn);
    }
    this.inner.commit(total);
    this.count(path!, total);
    path!.trace?.sent(this.inner.view, at + headerBytes, length, total, path!, this.isCopy);
    if (follower !== undefined) follower.follow(this, at + headerBytes, length);
  }

  /** Reserves room for a datagram that brings its own header, tag included. @returns its offset or -1, as `reserve`. */
  reserveWhole(length: number): number {
    return (this.at = this.inner.reserve(length));
  }

  /**
   * Ends the reservation of {@link reserveWhole}; the last 16 bytes are left for the tag.
   * @param key slot of the key to seal with; 0 for a clear datagram.
   */
  commitWhole(length: number, additionalLength: number, headerLength: number, key: number, pn: number): void {
    if (key !== 0) this.describe(this.at, additionalLength, headerLength, length, key, pn);
    this.inner.commit(length);
    if (this.path === undefined) return;
    this.count(this.path, length);
    this.path.trace?.handshakeSent(length, this.path);
  }

  private count(path: Path, bytes: number): void {
    const { traffic } = path;
    traffic.sentBytes += bytes;
    if (this.isCopy) {
      traffic.copiesSent++;
      traffic.copyBytesSent += bytes;
    }
    if (!path.isValidated) path.sentBytes += bytes;
  }

  /** Seals what was written. To be called before every flush of the carrier: until then the texts are clear. */
  sealAll(cipher: PacketCipher): void {
    const { rows } = this;
    if (rows === 0) return;
    this.rows = 0;
    if (cipher.seal(this.inner.bytes, this.table, rows) === rows) return;
    this.spoilUnsealed(rows);
  }

  private describe(
    at: number,
    additionalLength: number,
    headerLength: number,
    length: number,
    key: number,
    pn: number,
  ): void {
    if ((this.rows + 1) * CIPHER_STRIDE > this.table.length) this.grow();
    describeDatagram(this.table, this.rows++, at, additionalLength, headerLength, length, key, pn);
  }

  private grow(): void {
    const larger = new Int32Array(this.table.length * 2);
    larger.set(this.table);
    this.table = larger;
  }

  /** What could not be sealed is still in the arena and must not leave clear. */
  private spoilUnsealed(rows: number): void {
    const { table } = this;
    for (let row = 0, at = 0; row < rows; row++, at += CIPHER_STRIDE) {
      if (table[at + CIPHER_RESULT] === CipherResult.done) continue;
      const offset = table[at + CIPHER_OFFSET]!;
      this.inner.bytes.fill(
        0,
        offset + table[at + CIPHER_HEADER_LENGTH]!,
        offset + table[at + CIPHER_LENGTH]!,
      );
      this.sealFailures++;
    }
  }
}

const FIRST_ROWS = 64;
