import { closeSync, openSync, writeSync } from 'node:fs';
import {
  MAX_TCP_PAYLOAD_BYTES,
  TCP_FLAG,
  tcpFrame,
  type TcpDirection,
} from '../inspect/capture/tcp-frame.ts';
import { PcapngWriter } from '../inspect/capture/pcapng-writer.ts';
import { udpFrame } from '../inspect/capture/udp-frame.ts';
import { fateText } from '../relay/fate.ts';
import type { RelayEnd } from '../relay/relay-client.ts';
import type { StreamEvent } from '../relay/tcp-relay.ts';
import type { RelayedDatagram } from '../relay/udp-relay.ts';

/**
 * Writes everything that enters relays as a pcapng file, between the client and the address it sends to, with a comment on each packet
 * that says what becomes of it: `up delivered (43.2 ms)`, `down dropped: loss`. The relays' `onDatagram` and `onEvent` feed it.
 */
export class Recorder {
  packets = 0;
  bytes = 0;
  readonly #file: number;
  readonly #writer: PcapngWriter;
  readonly #onFailure: (error: Error) => void;
  readonly #pending = Buffer.allocUnsafe(PENDING_BYTES);
  #pendingBytes = 0;
  /** Of each relay, by number of the connection. */
  readonly #connections = new Map<RelayEnd, Map<number, Connection>>();
  #hasEnded = false;

  /**
   * @param onFailure told when the file cannot be written on; recording ends.
   * @throws Error of the system when the file cannot be opened.
   */
  constructor(path: string, onFailure: (error: Error) => void) {
    this.#file = openSync(path, 'w', OWNER_ONLY);
    this.#onFailure = onFailure;
    this.#writer = new PcapngWriter({ sink: (chunk) => this.#take(chunk) });
  }

  /** @param listen where the client sent it, or what it is to come from. */
  datagram(listen: RelayEnd, { isUp, client, bytes, offset, length, fate, delayMs }: RelayedDatagram): void {
    // From nowhere: the relay had no room for another client.
    if (this.#hasEnded || client.address === '') return;
    const comment = `${isUp ? 'up' : 'down'} ${fateText(fate)}${delayText(delayMs)}`;
    const packet = udpFrame(isUp ? client : listen, isUp ? listen : client, bytes, offset, length);
    this.#write(packet, comment);
  }

  /** @param listen what the client connected to. */
  stream(listen: RelayEnd, event: StreamEvent): void {
    if (this.#hasEnded) return;
    const connection = this.#connectionOf(listen, event);
    if (connection === undefined) return;
    const { bytes, isUp, kind, delayMs } = event;
    const way = isUp ? 'up' : 'down';
    const { syn, ack, fin, rst, psh } = TCP_FLAG;
    switch (kind) {
      case 'open':
        this.#segment(connection, listen, true, syn, 'up connects');
        this.#segment(connection, listen, false, syn | ack, 'down accepted');
        return this.#segment(connection, listen, true, ack, '');
      case 'bytes': {
        const comment = delayMs === Infinity ? `${way} stalled` : `${way} delivered${delayText(delayMs)}`;
        for (let at = 0; at < bytes.length; at += MAX_TCP_PAYLOAD_BYTES) {
          const piece = bytes.subarray(at, at + MAX_TCP_PAYLOAD_BYTES);
          this.#segment(connection, listen, isUp, psh | ack, comment, piece);
        }
        return;
      }
      case 'end':
        return this.#segment(connection, listen, isUp, fin | ack, `${way} ends${delayText(delayMs)}`);
      case 'reset':
        this.#segment(connection, listen, isUp, rst | ack, `${way} reset`);
        this.#connections.get(listen)?.delete(event.connection);
    }
  }

  /** Writes what is left. */
  close(): void {
    if (this.#hasEnded) return;
    this.#flush();
    this.#end();
  }

  #connectionOf(
    listen: RelayEnd,
    { kind, connection: number, client, isUp }: StreamEvent,
  ): Connection | undefined {
    let ofRelay = this.#connections.get(listen);
    if (ofRelay === undefined) this.#connections.set(listen, (ofRelay = new Map<number, Connection>()));
    const found = ofRelay.get(number);
    if (found !== undefined) {
      if (kind === 'end') found.ended += isUp ? 1 : 2;
      if (found.ended === 3) ofRelay.delete(number);
      return found;
    }
    if (kind !== 'open') return undefined;
    const made = {
      client,
      up: { sequence: 0, acknowledged: 0 },
      down: { sequence: 0, acknowledged: 0 },
      ended: 0,
    };
    ofRelay.set(number, made);
    return made;
  }

  #segment(
    { client, up, down }: Connection,
    listen: RelayEnd,
    isUp: boolean,
    flags: number,
    comment: string,
    bytes: Uint8Array = NOTHING,
  ): void {
    const [from, to] = isUp ? [client, listen] : [listen, client];
    const [own, other] = isUp ? [up, down] : [down, up];
    this.#write(tcpFrame(from, to, own, flags, bytes, 0, bytes.length), comment);
    other.acknowledged = own.sequence;
  }

  #write(packet: Uint8Array, comment: string): void {
    this.packets++;
    const timeUs = (performance.timeOrigin + performance.now()) * 1000;
    this.#writer.writePacket(timeUs, packet, 0, packet.length, comment);
  }

  #take(chunk: Uint8Array): void {
    if (this.#pendingBytes + chunk.length > PENDING_BYTES) this.#flush();
    this.#pending.set(chunk, this.#pendingBytes);
    this.#pendingBytes += chunk.length;
    this.bytes += chunk.length;
  }

  #flush(): void {
    try {
      for (let at = 0; at < this.#pendingBytes;) {
        at += writeSync(this.#file, this.#pending, at, this.#pendingBytes - at);
      }
    } catch (error) {
      this.#end();
      this.#onFailure(error instanceof Error ? error : new Error(String(error)));
    }
    this.#pendingBytes = 0;
  }

  #end(): void {
    this.#hasEnded = true;
    closeSync(this.#file);
  }
}

interface Connection {
  readonly client: RelayEnd;
  readonly up: TcpDirection;
  readonly down: TcpDirection;
  /** 1 when the client ended its direction, 2 when the target did. */
  ended: number;
}

const delayText = (delayMs: number): string => (delayMs < 0.05 ? '' : ` (${delayMs.toFixed(1)} ms)`);

const NOTHING = new Uint8Array(0);
/** Larger than any packet with its comment. */
const PENDING_BYTES = 256 * 1024;

/** It holds what was carried. */
const OWNER_ONLY = 0o600;
