import { MAX_FRAMED_BYTES } from '../../../../src/wire/frame.ts';
import type { DatagramOutlet } from './datagram-outlet.ts';
import { reverseKey, takePorts, type FlowKey } from './flow-key.ts';
import { FlowTable } from './flow-table.ts';
import { FrameFinder } from './frame-search.ts';
import type { IpPayload } from './ip-layer.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Notices } from './notices.ts';
import type { TcpShared } from './stream-owner.ts';
import { TcpConnection } from './tcp-connection.ts';
import { TCP_FLAG } from './tcp-frame.ts';

/** Finds the connection of a TCP packet and hands it the segment. */
export class TcpLayer {
  readonly #shared: TcpShared;
  readonly #connections = new FlowTable<TcpConnection>(MAX_CONNECTIONS, (forgotten) => forgotten.giveUp());

  constructor(outlet: DatagramOutlet, budget: MemoryBudget, notices: Notices) {
    const finder = new FrameFinder();
    this.#shared = { outlet, budget, notices, finder, scratch: new Uint8Array(MAX_FRAMED_BYTES) };
  }

  take(payload: IpPayload): void {
    const { key, bytes, view, at, end, missing, timeUs } = payload;
    if (end - at < TCP_HEADER_BYTES) return this.#refuse();
    const headerBytes = (view.getUint8(at + 12) >>> 4) * 4;
    const length = end + missing - at - headerBytes;
    if (headerBytes < TCP_HEADER_BYTES || length < 0) return this.#refuse();
    takePorts(key, view, at);
    const flags = view.getUint8(at + 13);
    const sequence = view.getInt32(at + 4);
    const connection = this.#connectionOf(payload, flags, sequence, length);
    if (connection === undefined) return;
    const isForward = this.#connections.isForward;
    const side = isForward ? connection.forward : connection.backward;
    const other = isForward ? connection.backward : connection.forward;
    const isFirst = (flags & TCP_FLAG.syn) !== 0;
    if (isFirst) {
      connection.connectedFrom(isForward === ((flags & TCP_FLAG.ack) === 0));
      side.begin(sequence);
    }
    const dataSequence = isFirst ? (sequence + 1) | 0 : sequence;
    if (length > 0) {
      const dataAt = at + headerBytes;
      const kept = Math.max(0, end - dataAt);
      side.receive(dataSequence, bytes, dataAt, kept, length - kept, timeUs);
    }
    if ((flags & TCP_FLAG.ack) !== 0) other.acknowledge(view.getInt32(at + 8), timeUs);
    if ((flags & TCP_FLAG.fin) !== 0) side.finish((dataSequence + length) | 0);
    if ((flags & TCP_FLAG.rst) !== 0) connection.flush();
  }

  /** The capture has ended. */
  finish(): void {
    this.#connections.forEach((connection) => connection.flush(true));
  }

  /** Undefined when there is none, and nothing that would begin one. */
  #connectionOf(
    { key }: IpPayload,
    flags: number,
    sequence: number,
    length: number,
  ): TcpConnection | undefined {
    const known = this.#connections.find(key);
    const isSyn = (flags & TCP_FLAG.syn) !== 0;
    if (known === undefined) {
      if (!isSyn && length === 0) return undefined;
      const connection = new TcpConnection(this.#shared, key);
      this.#connections.add(key, connection);
      return connection;
    }
    if (!isSyn) return known;
    const side = this.#connections.isForward ? known.forward : known.backward;
    if (!side.isOther(sequence)) return known;
    // The port is used again.
    known.flush();
    return this.#connectAgain(key);
  }

  #connectAgain(key: FlowKey): TcpConnection {
    const forwardKey = key.slice();
    if (!this.#connections.isForward) reverseKey(key, forwardKey);
    const connection = new TcpConnection(this.#shared, forwardKey);
    this.#connections.replace(key, connection);
    return connection;
  }

  #refuse(): void {
    this.#shared.notices.tell('header_damaged', 'the lengths of a TCP packet do not fit');
  }
}

const TCP_HEADER_BYTES = 20;
/** Remembered in either direction; of one that was forgotten the rest counts as the middle of another. */
const MAX_CONNECTIONS = 4096;
