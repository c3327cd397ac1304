import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One file of test/vectors/kcp-go; its README describes the format. */
export interface GoldenTrace {
  readonly scenario: string;
  readonly description: string;
  readonly seed: number;
  readonly config: GoldenConfig;
  readonly stateColumns: readonly (keyof GoldenState)[];
  readonly endpoints: readonly GoldenEndpoint[];
}

export interface GoldenConfig {
  readonly conversation: number;
  readonly mtu: number;
  readonly sendWindow: number;
  readonly receiveWindow: number;
  readonly noDelay: number;
  readonly intervalMs: number;
  readonly resend: number;
  readonly noCongestion: number;
  readonly stream: boolean;
}

export interface GoldenEndpoint {
  readonly name: string;
  readonly sendSequence: number;
  readonly receiveSequence: number;
  readonly steps: readonly GoldenStep[];
}

/** One call to the recorded object. */
export interface GoldenStep {
  readonly now: number;
  readonly do: 'send' | 'input' | 'flush' | 'receive';
  /** Hexadecimal: what was given, or what was received. */
  readonly data?: string;
  /** What the call returned; left out when 0. */
  readonly result?: number;
  /** Datagrams the call emitted, hexadecimal. */
  readonly out?: readonly string[];
  /** The state after the call, by `stateColumns`; left out when the call did not change it. */
  readonly state?: readonly number[];
}

/** Sequence numbers are unsigned, the last four count segments. */
export interface GoldenState {
  sendUnacknowledged: number;
  sendNext: number;
  receiveNext: number;
  remoteWindow: number;
  congestionWindow: number;
  slowStartThreshold: number;
  sendBuffer: number;
  sendQueue: number;
  receiveBuffer: number;
  receiveQueue: number;
}

const FOLDER = fileURLToPath(new URL('../../vectors/kcp-go/', import.meta.url));

/** Every recorded trace. */
export function goldenTraces(): GoldenTrace[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(FOLDER + name, 'utf8')) as GoldenTrace);
}

/** A state by column name. */
export function stateOf(trace: GoldenTrace, values: readonly number[]): GoldenState {
  const valueOf = (column: keyof GoldenState): number => values[trace.stateColumns.indexOf(column)] ?? NaN;
  return {
    sendUnacknowledged: valueOf('sendUnacknowledged'),
    sendNext: valueOf('sendNext'),
    receiveNext: valueOf('receiveNext'),
    remoteWindow: valueOf('remoteWindow'),
    congestionWindow: valueOf('congestionWindow'),
    slowStartThreshold: valueOf('slowStartThreshold'),
    sendBuffer: valueOf('sendBuffer'),
    sendQueue: valueOf('sendQueue'),
    receiveBuffer: valueOf('receiveBuffer'),
    receiveQueue: valueOf('receiveQueue'),
  };
}
