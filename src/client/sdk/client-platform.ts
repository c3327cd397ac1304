import type { SocketAddress } from '../../base/address.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import type { KcpConfig } from '../../kcp/index.ts';
import type { Line, LineTransport, Seal } from '../login-answer.ts';
import type { SessionEndpoint } from './session-endpoint.ts';

/** A carrier, and the slot of the gateway on it. */
export interface OpenedLine {
  readonly carrier: Carrier;
  /** Retained once for whoever asked. */
  readonly slot: number;
}

/** How a line is opened. */
export interface OpenLineOptions {
  /** One of the addresses of the line's host; undefined where the platform looks names up by itself. */
  readonly address: SocketAddress | undefined;
  readonly maxDatagramBytes: number;
  /** Few datagrams go to and fro, one at a time: little memory will do. Default false. */
  readonly isForProbes?: boolean;
  /** How long connecting may take, in ms. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How the sessions of an endpoint behave. */
export interface ClientSessionConfig {
  readonly kcp: KcpConfig;
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly closeTimeoutMs: number;
  readonly maxMemoryBytes: number;
  readonly logger: Logger;
}

/** What a client needs of the place it runs in. */
export interface ClientPlatform {
  readonly clock: Clock;
  /** Unix time in ms, for the ends of tickets and tokens. */
  readonly wallClock: Clock;
  /** From 0 to below 1, 32 bits of it; nobody can guess it from those before: what a PROBE is told by is made of it. */
  readonly random: () => number;
  /** What lines can be used here. */
  readonly transports: readonly LineTransport[];
  /** Seals that can be used here, best first. */
  readonly seals: readonly Seal[];
  readonly fetch: typeof fetch;
  /** The addresses of a host, both families, in the system's order; [undefined] where the platform looks names up by itself. */
  resolve(host: string, port: number, signal: AbortSignal): Promise<readonly (SocketAddress | undefined)[]>;
  /** @throws GatewayError `connect_failed`, `connect_timeout`. */
  openLine(line: Line, options: OpenLineOptions): Promise<OpenedLine>;
  createEndpoint(config: ClientSessionConfig): SessionEndpoint;
  /** Calls back when the device changed its network, where that can be known. @returns ends it. */
  onNetworkChange(listener: () => void): () => void;
  /** Throws an application's error where nobody catches it: neither the session's affair nor swallowed. */
  throwLater(error: unknown): void;
}
