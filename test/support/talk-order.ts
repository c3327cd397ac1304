import type { NodeClientOptions } from '../../src/client/node/index.ts';

export type { NodeClientOptions } from '../../src/client/node/index.ts';

/** A line as a client is to see it. */
export interface OrderedLine {
  readonly id: string;
  readonly transport: 'udp' | 'tcp' | 'ws' | 'wss';
  readonly gatewayId: number;
  readonly port: number;
}

/** What a client process is to do. */
export interface TalkOrder {
  readonly loginUrls: readonly string[];
  /** The lines there are, whatever the login says. */
  readonly lines: readonly OrderedLine[];
  readonly mode: 'messages' | 'stream';
  readonly seed: number;
  /** Of what is sent. */
  readonly bytesPerSecond: number;
  /** What is given to one `send`: in message mode, a message. Default 4096. */
  readonly pieceBytes?: number;
  /** A time without arrival that is reported. */
  readonly gapMs: number;
  readonly options?: Omit<NodeClientOptions, 'loginUrl' | 'mode' | 'fetch' | 'logger' | 'signal' | 'line'> & {
    readonly line?: string;
  };
}

/** A line of what it prints: the statuses of its session (with `atMs`), and these. Times are Unix ms with fractions. */
export type TalkEvent = { readonly event: string } & Readonly<Record<string, unknown>>;
