import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { FlowEnd } from '../../../tools/kcpgate/inspect/found-datagram.ts';
import type { CaptureRecorder } from './capture-recorder.ts';
import { DatagramGlue } from './datagram-glue.ts';

/**
 * What becomes of a datagram: it passes; is lost before the capture or behind it; comes twice, both captured; is late, before
 * the capture, so that others overtake it.
 */
export type RecordedFate = 'pass' | 'lost_before' | 'lost_behind' | 'twice' | 'late';

export interface RecordingUdpOptions {
  readonly recorder: CaptureRecorder;
  /** How clients and the server look in the capture; ports of clients are those they have. */
  readonly client: FlowEnd;
  readonly server: FlowEnd;
  /** IPv4 and IPv6 packets longer than that are captured in fragments. */
  readonly fragmentBytes?: number;
  /** Datagrams of one size that come at once are captured as one, as on a host whose kernel does so (UDP_SEGMENT, UDP_GRO). Default false. */
  readonly isGlued?: boolean;
  /** Put in front of what a client sends: the header of a proxy. `null`: nothing this time. */
  readonly header?: (index: number) => Uint8Array | null;
  /** Bytes of header in front of what the server answers, which the client does not get. Default 0. */
  readonly answerHeaderBytes?: number;
  readonly fate?: (fromClient: boolean, index: number) => RecordedFate;
}

/** A relay on loopback that writes down what passes, between one client and a server. */
export interface RecordingUdp {
  /** Where clients send to. */
  readonly port: number;
  /** The port of 127.0.0.1 that it leads to; said later when it is not known yet. */
  target: number;
  /** From now on the server sees another port, as behind a NAT that forgot. */
  rebind(): Promise<void>;
  close(): void;
}

export async function startRecordingUdp(options: RecordingUdpOptions): Promise<RecordingUdp> {
  const { recorder, client, server, fragmentBytes = Infinity, header, answerHeaderBytes = 0 } = options;
  const { fate = () => 'pass', isGlued = false } = options;
  const glue = isGlued ? new DatagramGlue(recorder) : null;
  const record = (from: FlowEnd, to: FlowEnd, datagram: Uint8Array): void => {
    if (glue !== null) glue.udp(from, to, datagram);
    else recorder.udp(from, to, datagram, fragmentBytes);
  };
  const counts = { client: 0, server: 0 };
  let clientPort = 0;
  const front = await boundSocket();
  const backs: Socket[] = [];
  let back = await openBack();

  async function openBack(): Promise<Socket> {
    const socket = await boundSocket();
    const end = { address: client.address, port: socket.address().port };
    socket.on('message', (datagram) => {
      pass(fate(false, counts.server++), {
        record: () => record(server, end, datagram),
        forward: () => front.send(datagram.subarray(answerHeaderBytes), clientPort, '127.0.0.1'),
      });
    });
    backs.push(socket);
    return socket;
  }

  front.on('message', (datagram, { port }) => {
    clientPort = port;
    const index = counts.client++;
    const inFront = header?.(index) ?? null;
    const bytes = inFront === null ? datagram : Buffer.concat([inFront, datagram]);
    const socket = back;
    const end = { address: client.address, port: socket.address().port };
    pass(fate(true, index), {
      record: () => record(end, server, bytes),
      forward: () => socket.send(bytes, relay.target, '127.0.0.1'),
    });
  });
  const relay: RecordingUdp = {
    port: front.address().port,
    target: 0,
    rebind: async () => {
      back = await openBack();
    },
    close: () => {
      for (const socket of [front, ...backs]) socket.close();
      glue?.flush();
      closed = true;
    },
  };
  let closed = false;
  const LATE_MS = 4;
  function pass(
    what: RecordedFate,
    { record, forward }: { readonly record: () => void; readonly forward: () => void },
  ): void {
    const whole = (): void => {
      if (closed) return;
      record();
      forward();
    };
    switch (what) {
      case 'pass':
        return whole();
      case 'lost_before':
        return;
      case 'lost_behind':
        return record();
      case 'twice':
        whole();
        return whole();
      case 'late':
        setTimeout(whole, LATE_MS);
    }
  }
  return relay;
}

async function boundSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.on('error', () => undefined);
  return socket;
}
