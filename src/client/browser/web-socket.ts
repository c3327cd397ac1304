/** What is used of a WebSocket: the browser's own, or one that behaves like it. */
export interface WebSocketLike {
  binaryType: 'arraybuffer' | 'blob';
  readonly protocol: string;
  readonly readyState: number;
  /** Bytes given to `send` that did not leave yet. */
  readonly bufferedAmount: number;
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  /** Takes a copy. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** Begins to connect. Throws when the address is none, or the page may not go there. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** {@link WebSocketLike.readyState} of one that is connected. */
export const WEB_SOCKET_OPEN = 1;

/** The subprotocol of version 1: each binary message is a datagram. */
export const WEB_SOCKET_PROTOCOL = 'kcpgate.v1';

/** As much of a reason as a close frame has room for (RFC 6455, 5.5), whole characters. */
export function closeReason(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_REASON_BYTES));
  return text.slice(0, read);
}

const MAX_REASON_BYTES = 123;
