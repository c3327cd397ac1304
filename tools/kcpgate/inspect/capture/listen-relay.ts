import { GatewayError } from '../../../../src/base/errors.ts';
import { startTcpRelay } from '../../relay/tcp-relay.ts';
import { startUdpRelay } from '../../relay/udp-relay.ts';
import type { RelayEnd } from '../../relay/relay-client.ts';
import { PcapngWriter } from './pcapng-writer.ts';
import type { ByteReader } from './read-file.ts';
import { RelayedPackets } from './relayed-packets.ts';

export interface ListenRelayOptions {
  /** Where clients send to, over UDP and TCP; port 0 lets the system choose one. */
  readonly listen: RelayEnd;
  /** The gateway, or what else they are to reach. */
  readonly to: RelayEnd;
  /** Gets everything that goes through as a capture. */
  readonly reader: ByteReader;
}

/** Stands between clients and a gateway, where capturing is not possible or not allowed, and shows what goes through. */
export interface ListenRelay {
  /** Where clients send to. */
  readonly address: string;
  readonly port: number;
  /** Stops relaying, and finishes the reader. */
  close(): Promise<void>;
}

/**
 * Starts to pass on whatever comes, unchanged and at once. Port 0 is one that is free for both UDP and TCP.
 * @throws GatewayError `address_in_use`, `permission_denied` or `bind_failed`.
 */
export async function startListenRelay(options: ListenRelayOptions): Promise<ListenRelay> {
  for (let tries = 1; ; tries++) {
    try {
      return await startBoth(options);
    } catch (error) {
      // The system gave a port that is free for UDP only.
      const isUnlucky = options.listen.port === 0 && tries < MAX_TRIES;
      if (!isUnlucky || !(error instanceof GatewayError) || error.code !== 'address_in_use') throw error;
    }
  }
}

async function startBoth({ listen, to, reader }: ListenRelayOptions): Promise<ListenRelay> {
  const writer = new PcapngWriter({ sink: (chunk) => reader.push(chunk) });
  const write = (packet: Uint8Array): void =>
    writer.writePacket((performance.timeOrigin + performance.now()) * 1000, packet, 0, packet.length);
  const packets = new RelayedPackets(listen, write);
  const udp = await startUdpRelay({
    ...{ listen, target: to, seed: 1, maxClients: MAX_CLIENTS },
    onDatagram: (datagram) => packets.datagram(datagram),
  });
  const place = { address: udp.address, port: udp.port };
  packets.listen = place;
  try {
    const tcp = await startTcpRelay({
      ...{ listen: place, target: to, maxConnections: MAX_CLIENTS },
      onEvent: (event) => packets.stream(event),
    });
    return {
      ...place,
      async close() {
        await Promise.all([udp.close(), tcp.close()]);
        reader.finish();
      },
    };
  } catch (error) {
    await udp.close();
    throw error;
  }
}

const MAX_TRIES = 10;
/** At once; each costs a socket. */
const MAX_CLIENTS = 4096;
