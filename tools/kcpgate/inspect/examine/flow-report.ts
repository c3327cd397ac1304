import type { ExaminedKind } from '../examined.ts';
import type { Flow } from '../found-datagram.ts';

/** What a capture tells of one flow: what is spoken on it, in words and counted. Live. */
export interface FlowReport {
  readonly flow: Flow;
  /** For people: `kcp-go, FEC 10/3, not encrypted`, `kcpgate, sealed`, `unknown or encrypted`, ... */
  readonly description: string;
  /** Datagrams of each kind. */
  readonly kinds: Readonly<Record<ExaminedKind, number>>;
  /** Data and parity packets of a group of kcp-go's FEC; null while they cannot be told. */
  readonly fec: FecShards | null;
  /** Headers that stood in front of datagrams, or of the connection. */
  readonly proxyHeaders: 'none' | 'proxy' | 'spp';
  readonly proxyHeaderCount: number;
  readonly packets: number;
  readonly bytes: number;
  /** Datagrams that the capture did not keep whole. */
  readonly cutOff: number;
  /** PROBE and PROBE_ACK outside of sessions. */
  readonly probes: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

export interface FecShards {
  readonly data: number;
  readonly parity: number;
}
