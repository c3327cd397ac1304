import { datagramKind } from '../../../../src/wire/datagram-kind.ts';
import { conversationOf } from '../../../../src/wire/segment.ts';
import type { Flow } from '../found-datagram.ts';
import { destinationOf, sourceOf, type FlowKey } from './flow-key.ts';
import type { StreamCarrier } from './frame-search.ts';
import type { StreamOwner, TcpShared } from './stream-owner.ts';
import { TcpSide } from './tcp-side.ts';

/** A TCP connection: both its directions and what they have in common. */
export class TcpConnection implements StreamOwner {
  readonly shared: TcpShared;
  /** From whoever was seen first, and back. */
  readonly forward: TcpSide;
  readonly backward: TcpSide;
  carrier: StreamCarrier | undefined = undefined;
  conv = -1;
  heldBytes = 0;
  readonly #key: FlowKey;
  /** Whether whoever was seen first connected. */
  #isConnectedForward: boolean | undefined = undefined;
  #proxyHeader: Uint8Array | undefined;
  #isProxyHeaderForward = true;
  #flow: Flow | undefined;

  constructor(shared: TcpShared, key: FlowKey) {
    this.shared = shared;
    this.#key = key.slice();
    this.forward = new TcpSide(this, true);
    this.backward = new TcpSide(this, false);
  }

  connectedFrom(isForward: boolean): void {
    this.#isConnectedForward ??= isForward;
  }

  carries(carrier: StreamCarrier): void {
    this.carrier ??= carrier;
  }

  takeProxyHeader(isForward: boolean, bytes: Uint8Array): void {
    this.connectedFrom(isForward);
    this.#isProxyHeaderForward = isForward;
    this.#proxyHeader = bytes;
  }

  flushProxyHeader(): void {
    const header = this.#proxyHeader;
    if (header === undefined) return;
    this.#proxyHeader = undefined;
    this.#hand(this.#isProxyHeaderForward, header, 0, header.length, 0, true);
  }

  hand(isForward: boolean, bytes: Uint8Array, at: number, length: number, missing: number): void {
    if (this.conv < 0) this.#learnConv(bytes, at, length);
    this.#hand(isForward, bytes, at, length, missing, false);
  }

  giveUp(): void {
    this.forward.forget();
    this.backward.forget();
  }

  /** No more will come: hands over what waited. @param isEndOfCapture that is all that ended. */
  flush(isEndOfCapture = false): void {
    this.forward.flush(isEndOfCapture);
    this.backward.flush(isEndOfCapture);
  }

  #learnConv(bytes: Uint8Array, at: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
    const kind = datagramKind(view, 0, length);
    if (kind === 'clear' || kind === 'sealed' || kind === 'handshake') this.conv = conversationOf(view, 0);
  }

  #hand(
    isForward: boolean,
    bytes: Uint8Array,
    at: number,
    length: number,
    missing: number,
    isProxyHeader: boolean,
  ): void {
    const isConnectedForward = this.#isConnectedForward ?? true;
    this.#flow ??= this.#newFlow(isConnectedForward);
    const isFromA = isForward === isConnectedForward;
    this.shared.outlet.hand(this.#flow, isFromA, bytes, at, length, missing, isProxyHeader);
  }

  #newFlow(isConnectedForward: boolean): Flow {
    // From now on that is so, whoever says otherwise later.
    this.#isConnectedForward = isConnectedForward;
    const [source, destination] = [sourceOf(this.#key), destinationOf(this.#key)];
    const [a, b] = isConnectedForward ? [source, destination] : [destination, source];
    return this.shared.outlet.newFlow(this.carrier ?? 'tcp', a, b);
  }
}
