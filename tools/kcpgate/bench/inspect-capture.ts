import { closeSync, openSync, writeSync } from 'node:fs';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { Command } from '../../../src/wire/command.ts';
import { SEAL_TAG_BYTES, SEALED_HEADER_BYTES, writeSealedHeader } from '../../../src/wire/sealed-header.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../../src/wire/segment.ts';

/** What a capture was filled with. */
export interface MadeCapture {
  readonly bytes: number;
  readonly packets: number;
}

/**
 * Writes a capture as it would be taken in front of a gateway under load: transfers, with acknowledgements in the style of kcp-go or of
 * kcpgate, and conversations of small messages; a third of both sealed. 2 % of what is sent is lost behind the capture and sent again.
 * @param bytes of the file, at least.
 * @param seed the same one gives the same file.
 * @throws Error of the system when it cannot be written.
 */
export function makeCapture(path: string, bytes: number, seed: number): MadeCapture {
  const file = new CaptureFile(path, seed);
  try {
    const sessions = Array.from({ length: SESSIONS }, (_, index) => new MadeSession(file, index));
    while (file.bytes < bytes) sessions[file.random.nextUint32() % SESSIONS]?.talk();
    return { bytes: file.bytes, packets: file.packets };
  } finally {
    file.close();
  }
}

/** A pcap file of Ethernet packets that is being written. */
class CaptureFile {
  readonly random: SeededRandom;
  bytes = 0;
  packets = 0;
  /** Microseconds since the beginning; each packet takes its time. */
  timeUs = 0;
  readonly #file: number;
  readonly #pending = Buffer.alloc(PENDING_BYTES);
  readonly #view = new DataView(this.#pending.buffer, this.#pending.byteOffset, PENDING_BYTES);
  readonly #noise: Uint8Array;
  #pendingBytes = 0;

  constructor(path: string, seed: number) {
    this.random = new SeededRandom(seed);
    this.#noise = Uint8Array.from({ length: NOISE_BYTES }, () => this.random.nextUint32());
    this.#file = openSync(path, 'wx');
    for (const word of [0xa1b2c3d4, 0x0004_0002, 0, 0, 262_144, 1]) {
      this.#view.setUint32(this.#pendingBytes, word, true);
      this.#pendingBytes += 4;
    }
    this.bytes = this.#pendingBytes;
  }

  /** Milliseconds as the 32-bit clock of KCP has them. */
  get nowMs(): number {
    return Math.floor(this.timeUs / 1000) >>> 0;
  }

  /** Begins a packet with a datagram that `write` puts at the given place. */
  packet(session: number, isFromClient: boolean, write: (view: DataView, at: number) => number): void {
    if (this.#pendingBytes > PENDING_BYTES - MAX_PACKET_BYTES) this.#flush();
    this.timeUs += 8 + (this.random.nextUint32() & 7);
    const at = this.#pendingBytes;
    const datagramAt = at + RECORD_BYTES + HEADER_BYTES;
    const length = write(this.#view, datagramAt);
    this.#writeRecord(at, HEADER_BYTES + length);
    this.#writeHeaders(at + RECORD_BYTES, length, session, isFromClient);
    this.#pendingBytes = datagramAt + length;
    this.bytes += RECORD_BYTES + HEADER_BYTES + length;
    this.packets++;
  }

  /** Fills with what looks like anything. */
  fill(at: number, length: number): void {
    const from = this.random.nextUint32() % (NOISE_BYTES - length);
    this.#pending.set(this.#noise.subarray(from, from + length), at);
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #writeRecord(at: number, length: number): void {
    const view = this.#view;
    view.setUint32(at, BEGIN_S + Math.floor(this.timeUs / 1_000_000), true);
    view.setUint32(at + 4, this.timeUs % 1_000_000, true);
    view.setUint32(at + 8, length, true);
    view.setUint32(at + 12, length, true);
  }

  /** Ethernet, IPv4, UDP; without the checksums, which nobody has to have. */
  #writeHeaders(at: number, length: number, session: number, isFromClient: boolean): void {
    const view = this.#view;
    const client = 0x0a00_0000 + session + 1;
    this.#pending.fill(0, at, at + HEADER_BYTES);
    view.setUint16(at + 12, 0x0800);
    view.setUint16(at + 14, 0x4500);
    view.setUint16(at + 16, 28 + length);
    view.setUint16(at + 22, 0x4011);
    view.setUint32(at + 26, isFromClient ? client : GATEWAY);
    view.setUint32(at + 30, isFromClient ? GATEWAY : client);
    view.setUint16(at + 34, isFromClient ? 40_000 + session : GATEWAY_PORT);
    view.setUint16(at + 36, isFromClient ? GATEWAY_PORT : 40_000 + session);
    view.setUint16(at + 38, 8 + length);
  }

  #flush(): void {
    for (let at = 0; at < this.#pendingBytes;) {
      at += writeSync(this.#file, this.#pending, at, this.#pendingBytes - at);
    }
    this.#pendingBytes = 0;
  }
}

/** A segment under way. */
interface Sent {
  readonly sn: number;
  readonly length: number;
  ts: number;
}

/** One direction: what was sent and has to be acknowledged. */
class MadeDirection {
  next = 0;
  /** The other side's next in order. */
  expected = 0;
  packetNumber = 0;
  lost: Sent[] = [];
  /** What arrived since the last acknowledgement. */
  arrived: Sent[] = [];
}

/** A session that never ends. */
class MadeSession {
  readonly #file: CaptureFile;
  readonly #index: number;
  readonly #conv: number;
  readonly #isSealed: boolean;
  readonly #isTransfer: boolean;
  /** One ACK for each segment, as kcp-go does; else one for the newest. */
  readonly #hasEveryAck: boolean;
  readonly #up = new MadeDirection();
  readonly #down = new MadeDirection();

  constructor(file: CaptureFile, index: number) {
    this.#file = file;
    this.#index = index;
    this.#conv = (0x1000_0000 + file.random.nextUint32() / 2) >>> 0;
    this.#isSealed = index % 3 === 0;
    this.#isTransfer = index % 2 === 0;
    this.#hasEveryAck = index % 4 < 2;
  }

  /** A transfer sends a burst that is acknowledged; a conversation sends a message, and gets one with the acknowledgement. */
  talk(): void {
    const [up, down] = [this.#up, this.#down];
    if (up.next === 0) this.#send(up, down, true, REQUEST_BYTES);
    if (this.#isTransfer) {
      this.#sendAgain(down, false);
      for (let count = 0; count < BURST; count++) this.#send(down, up, false, 1376);
      this.#send(up, down, true, 0);
      return;
    }
    this.#sendAgain(up, true);
    this.#sendAgain(down, false);
    this.#send(up, down, true, 40 + (this.#file.random.nextUint32() & 127));
    this.#send(down, up, false, 40 + (this.#file.random.nextUint32() & 127));
  }

  /** A datagram with the acknowledgements that are due and, unless `length` is 0, one segment of data. */
  #send(own: MadeDirection, other: MadeDirection, isFromClient: boolean, length: number): void {
    const sent = length === 0 ? undefined : { sn: own.next++, length, ts: this.#file.nowMs };
    this.#write(own, other, isFromClient, sent);
  }

  /** Everything that was lost, each in a datagram of its own; what is lost again waits for the next time. */
  #sendAgain(own: MadeDirection, isFromClient: boolean): void {
    const { lost } = own;
    own.lost = [];
    for (const sent of lost) {
      sent.ts = this.#file.nowMs;
      this.#write(own, isFromClient ? this.#down : this.#up, isFromClient, sent);
    }
  }

  #write(own: MadeDirection, other: MadeDirection, isFromClient: boolean, sent: Sent | undefined): void {
    this.#file.packet(this.#index, isFromClient, (view, at) => {
      if (!this.#isSealed) return this.#writeSegments(view, at, other, sent);
      writeSealedHeader(view, at, this.#conv, 0, own.packetNumber++, false);
      const length = this.#writeSegments(view, at + SEALED_HEADER_BYTES, other, sent) + SEAL_TAG_BYTES;
      this.#file.fill(at + SEALED_HEADER_BYTES, length);
      return SEALED_HEADER_BYTES + length;
    });
    if (sent === undefined) return;
    if (this.#file.random.nextFloat() < LOSS_RATE) own.lost.push(sent);
    else own.arrived.push(sent);
  }

  #writeSegments(view: DataView, from: number, other: MadeDirection, sent: Sent | undefined): number {
    const { arrived } = other;
    if (other.lost.length === 0) other.expected = other.next;
    else other.expected = Math.min(...other.lost.map(({ sn }) => sn));
    let at = from;
    const acknowledged = this.#hasEveryAck ? arrived.slice(-MAX_ACKS) : arrived.slice(-1);
    for (const { sn, ts } of acknowledged) {
      writeSegmentHeader(view, at, this.#conv, Command.ack, 0, WINDOW, ts, sn, other.expected, 0);
      at += SEGMENT_HEADER_BYTES;
    }
    other.arrived = [];
    if (sent === undefined) return at - from || this.#writeWindow(view, at, other.expected);
    const { sn, ts, length } = sent;
    writeSegmentHeader(view, at, this.#conv, Command.push, 0, WINDOW, ts, sn, other.expected, length);
    this.#file.fill(at + SEGMENT_HEADER_BYTES, length);
    return at + SEGMENT_HEADER_BYTES + length - from;
  }

  #writeWindow(view: DataView, at: number, una: number): number {
    writeSegmentHeader(view, at, this.#conv, Command.windowTell, 0, WINDOW, 0, 0, una, 0);
    return SEGMENT_HEADER_BYTES;
  }
}

const SESSIONS = 300;
/** Of the segment a client begins with. */
const REQUEST_BYTES = 32;
const BURST = 4;
const MAX_ACKS = 8;
const LOSS_RATE = 0.02;
const WINDOW = 1024;
const GATEWAY = 0x0aff_0001;
const GATEWAY_PORT = 4000;
const BEGIN_S = 1_700_000_000;
const RECORD_BYTES = 16;
const HEADER_BYTES = 42;
const MAX_PACKET_BYTES = 4096;
const PENDING_BYTES = 4 << 20;
const NOISE_BYTES = 1 << 20;
