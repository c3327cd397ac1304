import type { RelayEnd } from '../../relay/relay-client.ts';
import type { StreamEvent } from '../../relay/tcp-relay.ts';
import type { RelayedDatagram } from '../../relay/udp-relay.ts';
import { MAX_TCP_PAYLOAD_BYTES, TCP_FLAG, tcpFrame, type TcpDirection } from './tcp-frame.ts';
import { udpFrame } from './udp-frame.ts';

/** Makes of what goes through a relay the IP packets it would have travelled in, between the client and the relay. */
export class RelayedPackets {
  /** What clients send to. */
  listen: RelayEnd;
  readonly #sink: (packet: Uint8Array) => void;
  /** By their numbers. */
  readonly #connections = new Map<number, RelayedConnection>();

  /** @param listen what clients send to; it may become known later. */
  constructor(listen: RelayEnd, sink: (packet: Uint8Array) => void) {
    this.listen = listen;
    this.#sink = sink;
  }

  datagram({ isUp, client, bytes, offset, length }: RelayedDatagram): void {
    // From nowhere: the relay had no room for another client.
    if (client.address === '') return;
    const [from, to] = isUp ? [client, this.listen] : [this.listen, client];
    this.#sink(udpFrame(from, to, bytes, offset, length));
  }

  stream({ kind, connection: number, client, isUp, bytes }: StreamEvent): void {
    const { syn, ack, psh, fin, rst } = TCP_FLAG;
    if (kind === 'open') this.#open(number, client);
    const connection = this.#connections.get(number);
    if (connection === undefined) return;
    switch (kind) {
      case 'open':
        this.#segment(connection, true, syn, NOTHING);
        return this.#segment(connection, false, syn | ack, NOTHING);
      case 'bytes':
        for (let at = 0; at < bytes.length; at += MAX_TCP_PAYLOAD_BYTES) {
          this.#segment(connection, isUp, ack | psh, bytes.subarray(at, at + MAX_TCP_PAYLOAD_BYTES));
        }
        return;
      case 'end':
        this.#segment(connection, isUp, ack | fin, NOTHING);
        if (++connection.ended === 2) this.#connections.delete(number);
        return;
      case 'reset':
        this.#segment(connection, isUp, ack | rst, NOTHING);
        this.#connections.delete(number);
    }
  }

  #open(number: number, client: RelayEnd): void {
    const up = { sequence: 0, acknowledged: 0 };
    const down = { sequence: 0, acknowledged: 0 };
    this.#connections.set(number, { client, up, down, ended: 0 });
  }

  #segment(connection: RelayedConnection, isUp: boolean, flags: number, bytes: Uint8Array): void {
    const { client, up, down } = connection;
    const [from, to] = isUp ? [client, this.listen] : [this.listen, client];
    const [own, other] = isUp ? [up, down] : [down, up];
    this.#sink(tcpFrame(from, to, own, flags, bytes, 0, bytes.length));
    other.acknowledged = own.sequence;
  }
}

interface RelayedConnection {
  readonly client: RelayEnd;
  readonly up: TcpDirection;
  readonly down: TcpDirection;
  /** Directions that have ended. */
  ended: number;
}

const NOTHING = new Uint8Array(0);
