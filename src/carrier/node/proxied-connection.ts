import type { Socket } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import { wireMemory } from '../../wire/memory.ts';
import { parseProxyHeader, ProxyHeader } from '../../wire/proxy-header.ts';
import type { RefusalReason } from '../connection-stats.ts';
import { remoteAddressOf } from './socket-address.ts';

export interface ProxyHeaderOptions {
  /** `proxy`: connections from trusted addresses may begin with a PROXY header, version 1 or 2. */
  readonly mode: 'off' | 'proxy';
  /** Whether the header of a peer at that address is believed. One that is not believed is not looked for. */
  isTrusted(address: string): boolean;
  /** How long the header may take, in ms. */
  readonly timeoutMs: number;
}

/** Who is at the other end of a connection. */
export type ProxiedConnection =
  | {
      readonly ok: true;
      /** The client: what the header says, or the peer of the socket where there is none, or it names nobody. */
      readonly address: SocketAddress;
    }
  /** The socket is destroyed. */
  | { readonly ok: false; readonly reason: RefusalReason };

/**
 * Reads the PROXY header of a fresh connection and hands the socket on as if it had never been there: what came behind
 * the header is the next to be read, by a TLS or HTTP server too.
 *
 * A trusted peer must be one that sends a header always: if it passes on connections as they come, the header of a client
 * is believed.
 * @param done called once; at once where there is nothing to wait for.
 */
export function takeProxyHeader(
  socket: Socket,
  options: ProxyHeaderOptions,
  done: (connection: ProxiedConnection) => void,
): void {
  const address = remoteAddressOf(socket);
  if (address === undefined) {
    socket.destroy();
    done({ ok: false, reason: 'peer_closed' });
  } else if (options.mode === 'off' || !options.isTrusted(address.address)) {
    done({ ok: true, address });
  } else {
    new HeaderReader(socket, address, done).start(options.timeoutMs);
  }
}

class HeaderReader {
  readonly #socket: Socket;
  readonly #address: SocketAddress;
  readonly #done: (connection: ProxiedConnection) => void;
  readonly #header = new ProxyHeader();
  /** What arrived; no longer than the longest header accepted, and one chunk. */
  #held: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, address: SocketAddress, done: (connection: ProxiedConnection) => void) {
    this.#socket = socket;
    this.#address = address;
    this.#done = done;
  }

  start(timeoutMs: number): void {
    this.#socket.on('readable', this.#onReadable);
    this.#socket.on('error', this.#onGone);
    this.#socket.on('close', this.#onGone);
    this.#socket.on('end', this.#onGone);
    this.#timer = setTimeout(() => {
      this.#fail('proxy_incomplete');
    }, timeoutMs);
  }

  readonly #onReadable = (): void => {
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) return;
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const found = parseProxyHeader(wireMemory(this.#held), 0, this.#held.length, 'proxy', this.#header);
    if (found === 'incomplete') return;
    if (found === 'ok' || found === 'none') this.#handOn();
    else this.#fail(found);
  };

  readonly #onGone = (): void => {
    this.#fail(this.#held.length === 0 ? 'peer_closed' : 'proxy_incomplete');
  };

  #handOn(): void {
    const { kind, length } = this.#header;
    if (length < this.#held.length) this.#socket.unshift(this.#held.subarray(length));
    this.#letGo();
    this.#done({ ok: true, address: kind === 'proxied' ? this.#header.sourceAddress() : this.#address });
  }

  #fail(reason: RefusalReason): void {
    this.#letGo();
    // What happens to a socket that is being destroyed concerns nobody.
    this.#socket.on('error', ignore);
    this.#socket.destroy();
    this.#done({ ok: false, reason });
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#socket.off('readable', this.#onReadable);
    this.#socket.off('error', this.#onGone);
    this.#socket.off('close', this.#onGone);
    this.#socket.off('end', this.#onGone);
  }
}

const ignore = (): void => undefined;
