import type { NodeClientOptions } from '../../src/client/node/index.ts';

/** What a process of many clients behind nginx is to do. */
export interface NginxCrowdOrder {
  readonly loginUrl: string;
  readonly clients: number;
  /** They begin evenly over this time, in ms. */
  readonly startOverMs: number;
  /** Of what they send. */
  readonly seed: number;
  readonly mode: 'messages' | 'stream';
  /** Each sends so many bytes, so often. */
  readonly pieceBytes: number;
  readonly everyMs: number;
  /** The lines they begin on, in turn; null: any. Default: any. */
  readonly lines?: readonly (string | null)[];
  /** The only transport of the lines they are told. Default: all. */
  readonly told?: string;
  readonly options?: Pick<NodeClientOptions, 'switching' | 'tls'>;
}

/** What a crowd has to say of one of its sessions. */
export interface CrowdMember {
  /** The gateway that its connection is with. */
  readonly gatewayId: number;
  /** The one in use. */
  readonly line: string;
  /** The longest time without arrival since the last mark, in ms; one that goes on counts as far as it went. */
  readonly gapMs: number;
  /** When that began, in Unix ms. */
  readonly gapFromMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Logins that were taken for it. */
  readonly logins: number;
  /** How often each status was told. */
  readonly told: Readonly<Record<string, number>>;
}

/** The end of it. */
export interface CrowdResult {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Sessions that received what they had sent, every byte once and in order. */
  readonly whole: number;
  /** Sessions by the code that closed them. */
  readonly codes: Readonly<Record<string, number>>;
}
