import type { LineTransport, PresetName, Seal } from '../config/config.ts';

/** The answer to a login, as its JSON is written. */
export interface LoginAnswer {
  /** One for each gateway offered, best first. */
  readonly sessions: readonly SessionEntry[];
  /** Ways to these gateways. */
  readonly lines: readonly Line[];
  /** Whether every line also carries sessions of the other gateways. */
  readonly relays: boolean;
  readonly transport: TransportTerms;
  readonly probe: ProbeTerms;
  /** RFC 3339, in UTC. */
  readonly serverTime: string;
}

/** What opens one session. Bytes are base64url without padding. */
export interface SessionEntry {
  /** The owner: the gateway that holds the session. */
  readonly gatewayId: number;
  readonly conv: number;
  /** Opaque to the client, which sends it in HELLO. */
  readonly ticket: string;
  /** Secret, 32 bytes. */
  readonly secret: string;
  /** 16 bytes; the only token that makes a RESET of this session believable. */
  readonly resetToken: string;
  readonly seal: Seal;
  /** RFC 3339, in UTC. From then on the ticket opens nothing. */
  readonly expiresAt: string;
}

/** A way to a gateway. */
export interface Line {
  /** Unique in the answer; DRAIN names lines by it. */
  readonly id: string;
  /** The gateway it leads to. */
  readonly gatewayId: number;
  readonly transport: LineTransport;
  /** Only with `tcp`, and only when the connection is TLS. */
  readonly tls?: true;
  /** Host name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Only with `ws` and `wss`. */
  readonly path?: string;
  readonly region?: string;
  /** The lower one is preferred. */
  readonly priority: number;
  /** Share among lines of the same priority. */
  readonly weight: number;
}

/** How the gateway is set, for the client to do the same. */
export interface TransportTerms {
  /** Largest datagram, in bytes. */
  readonly mtu: number;
  readonly mode: PresetName;
  /** Of the client: segments it may have in flight. */
  readonly sendWindow: number;
  /** Of the client: segments it should have room for. */
  readonly receiveWindow: number;
  readonly maxMessageBytes: number;
}

/** How lines are probed. */
export interface ProbeTerms {
  readonly count: number;
  readonly intervalMs: number;
  /** Lines that have not answered by then are out of the choice. */
  readonly deadlineMs: number;
}
