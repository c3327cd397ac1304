import { PcapngWriter } from '../../../tools/kcpgate/inspect/capture/pcapng-writer.ts';
import {
  MAX_TCP_PAYLOAD_BYTES,
  TCP_FLAG,
  tcpFrame,
  type TcpDirection,
} from '../../../tools/kcpgate/inspect/capture/tcp-frame.ts';
import { udpFrame } from '../../../tools/kcpgate/inspect/capture/udp-frame.ts';
import type { FlowEnd } from '../../../tools/kcpgate/inspect/found-datagram.ts';
import { fragmentsOf } from './ip-fragments.ts';

/** A connection in a capture. */
export interface RecordedStream {
  /** Bytes one side sent, as they came: one or more packets. */
  sent(fromClient: boolean, bytes: Uint8Array): void;
  /** One side sent its FIN. */
  ended(fromClient: boolean): void;
}

/** Writes what passes relays of a test as a capture, as if it had been taken on the way. */
export class CaptureRecorder {
  readonly #chunks: Uint8Array[] = [];
  readonly #writer = new PcapngWriter({ sink: (chunk) => void this.#chunks.push(chunk) });
  readonly #nowUs: () => number;
  /** Packets written. */
  packets = 0;

  /** @param nowUs tells the time; default the wall clock. */
  constructor(nowUs: () => number = wallClockUs) {
    this.#nowUs = nowUs;
  }

  /** @param fragmentBytes IPv4 packets are cut to that many bytes. */
  udp(from: FlowEnd, to: FlowEnd, datagram: Uint8Array, fragmentBytes = Infinity): void {
    const packet = udpFrame(from, to, datagram, 0, datagram.length);
    if (packet.length <= fragmentBytes) this.#write(packet);
    else for (const fragment of fragmentsOf(packet, fragmentBytes)) this.#write(fragment);
  }

  /** Begins a connection. */
  stream(client: FlowEnd, server: FlowEnd): RecordedStream {
    const up: TcpDirection = { sequence: 1000, acknowledged: 5000 };
    const down: TcpDirection = { sequence: 5000, acknowledged: 1000 };
    const send = (fromClient: boolean, flags: number, bytes: Uint8Array): void => {
      const [from, to] = fromClient ? [client, server] : [server, client];
      const [own, other] = fromClient ? [up, down] : [down, up];
      own.acknowledged = other.sequence;
      this.#write(tcpFrame(from, to, own, flags, bytes, 0, bytes.length));
    };
    send(true, TCP_FLAG.syn, NOTHING);
    send(false, TCP_FLAG.syn | TCP_FLAG.ack, NOTHING);
    send(true, TCP_FLAG.ack, NOTHING);
    return {
      sent: (fromClient, bytes) => {
        for (let at = 0; at < bytes.length; at += MAX_SEGMENT_BYTES)
          send(fromClient, TCP_FLAG.psh | TCP_FLAG.ack, bytes.subarray(at, at + MAX_SEGMENT_BYTES));
      },
      ended: (fromClient) => send(fromClient, TCP_FLAG.fin | TCP_FLAG.ack, NOTHING),
    };
  }

  /** The capture file so far. */
  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  #write(packet: Uint8Array): void {
    this.packets++;
    this.#writer.writePacket(this.#nowUs(), packet, 0, packet.length);
  }
}

const wallClockUs = (): number => (performance.timeOrigin + performance.now()) * 1000;

const NOTHING = new Uint8Array(0);
/** What Ethernet carries. */
const MAX_SEGMENT_BYTES = Math.min(1448, MAX_TCP_PAYLOAD_BYTES);
