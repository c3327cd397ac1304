import type { NodeClientOptions } from '../../src/client/node/index.ts';

/** What a process of many clients is to do. */
export interface CrowdOrder {
  readonly loginUrl: string;
  readonly clients: number;
  /** They begin evenly over this time, in ms. */
  readonly startOverMs: number;
  readonly options?: Pick<NodeClientOptions, 'idleTimeoutMs' | 'handshakeTimeoutMs' | 'switching'>;
}
