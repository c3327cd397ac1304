import type { WebSocketLike } from '../../../../src/client/browser/web-socket.ts';

/** A WebSocket without network: a test plays the browser and the peer. */
export class FakeWebSocket implements WebSocketLike {
  binaryType: 'arraybuffer' | 'blob' = 'blob';
  protocol = 'kcpgate.v1';
  readyState = 0;
  bufferedAmount = 0;
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: Uint8Array[] = [];
  readonly closes: { code: number | undefined; reason: string | undefined }[] = [];
  readonly #listeners = new Map<string, ((event: { data: unknown }) => void)[]>();

  constructor(url: string, protocols: readonly string[] = []) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: string, listener: (event: { data: unknown }) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes.slice());
    this.bufferedAmount += bytes.length;
  }

  close(code?: number, reason?: string): void {
    // As browsers do, https://websockets.spec.whatwg.org/#dom-websocket-close.
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) throw new Error('InvalidAccess');
    if (new TextEncoder().encode(reason).length > 123) throw new Error('SyntaxError');
    this.closes.push({ code, reason });
    this.readyState = 2;
  }

  open(): void {
    this.readyState = 1;
    this.#tell('open');
  }

  receive(data: unknown): void {
    this.#tell('message', data);
  }

  break(): void {
    this.readyState = 3;
    this.#tell('error');
    this.#tell('close');
  }

  end(): void {
    this.readyState = 3;
    this.#tell('close');
  }

  #tell(type: string, data?: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ data });
  }
}
