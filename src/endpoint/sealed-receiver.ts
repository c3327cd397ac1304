import {
  CIPHER_RESULT,
  CIPHER_STRIDE,
  CIPHER_TAG_BYTES,
  CipherResult,
  type PacketCipher,
} from '../base/packet-cipher.ts';
import type { ReceiveBatch } from '../carrier/carrier.ts';
import { openDatagram } from '../session/index.ts';
import { ADDRESS_BLOCK_BYTES } from '../wire/address-block.ts';
import {
  hasAddressBlock,
  isCopy,
  packetNumberOf,
  pathIdOf,
  SEALED_HEADER_BYTES,
} from '../wire/sealed-header.ts';
import { conversationOf } from '../wire/segment.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { LoginOpener } from './login-opener.ts';
import { isLongEnough, OpenQueue } from './open-queue.ts';
import type { SessionRegistry } from './session-registry.ts';
import { LOGIN_KEY } from './session-table.ts';
import type { Strangers } from './strangers.ts';

/** Takes sealed datagrams: finds their sessions, opens those of a batch in one call, and hands them on. */
export class SealedReceiver {
  private readonly registry: SessionRegistry;
  private readonly strangers: Strangers;
  private readonly cipher: PacketCipher;
  private readonly opener: LoginOpener | undefined;
  private readonly queue = new OpenQueue();

  /** @param opener gateway: opens sessions whose handshake ends with a datagram. */
  constructor(
    registry: SessionRegistry,
    strangers: Strangers,
    cipher: PacketCipher,
    opener: LoginOpener | undefined,
  ) {
    this.registry = registry;
    this.strangers = strangers;
    this.cipher = cipher;
    this.opener = opener;
  }

  /** The batch ends, or what comes next in it is not to overtake: opens what is in line. */
  flush(now: number, port: EndpointPort, batch: ReceiveBatch): void {
    if (this.queue.count > 0) this.openQueued(now, port, batch);
  }

  /** Puts a sealed datagram in line to be opened with the rest of its batch. */
  handleDatagram(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
  ): void {
    const { view } = batch;
    if (!isLongEnough(view, offset, length)) return port.drops.count('too_short');
    const conv = conversationOf(view, offset);
    if (port.isConnected && !this.mayUseConnection(port, slot, conv))
      return port.drops.count('connection_taken');
    if (this.opener !== undefined && this.opener.handshakes.halfOpen.size > 0) {
      if (this.finishSealed(now, port, batch, conv, offset, length, slot)) return;
    }
    const entry = this.registry.table.find(LOGIN_KEY, conv);
    if (entry === undefined) {
      // It is about to open; a RESET would give away what ends it.
      if (this.opener?.handshakes.isSealing(conv) === true) return port.drops.count('open_failed');
      return this.strangers.handleUnknown(now, port, batch, conv, offset, length, slot);
    }
    const { seal } = entry.session;
    if (seal === undefined) return port.drops.count('kind_not_accepted');
    const pn = packetNumberOf(view, offset);
    if (!seal.replay.mayAccept(pn)) return port.drops.count('replayed');
    this.queue.push(entry, seal.receiveKey, pn, view, offset, length, slot);
    if (this.queue.isFull) this.openQueued(now, port, batch);
  }

  /** Opens what is in line and hands it to its sessions. */
  private openQueued(now: number, port: EndpointPort, batch: ReceiveBatch): void {
    const queue = this.queue;
    const { count, table } = queue;
    queue.open(this.cipher, batch.bytes);
    queue.count = 0;
    for (let row = 0; row < count; row++) {
      const entry = queue.entries[row]!;
      queue.entries[row] = undefined;
      if (table[row * CIPHER_STRIDE + CIPHER_RESULT] !== CipherResult.done) {
        port.drops.count('open_failed');
        continue;
      }
      // A sink may have closed the endpoint, or ended this session, in an earlier row.
      if (this.registry.closed || this.registry.table.at(entry.index) !== entry) continue;
      const pn = queue.packetNumbers[row]!;
      const seal = entry.session.seal!;
      if (!seal.replay.accept(pn)) {
        port.drops.count('replayed');
        continue;
      }
      const isCopied = queue.copies[row] !== 0;
      const isNewest = !isCopied && seal.isNewest(pn);
      const offset = queue.offsets[row]!;
      const header = queue.headers[row]!;
      const length = queue.lengths[row]!;
      const slot = queue.slots[row]!;
      this.registry.deliver(
        now,
        port,
        batch,
        entry,
        offset,
        header,
        length,
        CIPHER_TAG_BYTES,
        slot,
        queue.pathIds[row]!,
        isNewest,
        length,
        isCopied,
      );
    }
  }

  /** Whether the datagram is the first one with the keys of a half-open handshake; then its session opens with it. */
  private finishSealed(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): boolean {
    // A copy opens nothing: it does not say where its client is.
    if (isCopy(batch.view, offset)) return false;
    for (const half of this.opener!.handshakes.halfOpen.of(conv)) {
      if (half.seal === undefined) continue;
      // Opening destroys what does not open, and it may yet be for another key.
      const copy = batch.bytes.slice(offset, offset + length);
      const view = new DataView(copy.buffer);
      const pn = packetNumberOf(view, 0);
      const header = SEALED_HEADER_BYTES + (hasAddressBlock(view, 0) ? ADDRESS_BLOCK_BYTES : 0);
      const { receiveKey } = half.seal;
      if (!openDatagram(this.cipher, copy, 0, SEALED_HEADER_BYTES, header, length, receiveKey, pn)) continue;
      half.seal.replay.accept(pn);
      half.seal.isNewest(pn);
      const pathId = pathIdOf(view, 0);
      const entry = this.opener!.establish(now, port, half, slot, pathId);
      if (entry !== undefined) {
        this.registry.deliver(
          now,
          port,
          { bytes: copy, view },
          entry,
          0,
          header,
          length,
          CIPHER_TAG_BYTES,
          slot,
          pathId,
          true,
        );
      }
      return true;
    }
    return false;
  }

  /** Whether the connection is free, or this conversation's already. */
  private mayUseConnection(port: EndpointPort, slot: number, conv: number): boolean {
    const bound = port.boundTo(slot);
    return bound === undefined || bound.conv === conv;
  }
}
