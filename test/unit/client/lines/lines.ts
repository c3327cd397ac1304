import type { SocketAddress } from '../../../../src/base/address.ts';
import type { LineCandidate } from '../../../../src/client/lines/line-candidate.ts';
import type { Line, LineTransport } from '../../../../src/client/login-answer.ts';

/** A line with an id; everything else as a login has it by default. */
export function lineOf(id: string, more: Partial<Line> = {}): Line {
  const transport: LineTransport = more.transport ?? 'udp';
  return {
    id,
    gatewayId: 1,
    transport,
    tls: transport === 'wss',
    host: 'gw.example',
    port: 4000,
    path: '',
    region: '',
    priority: 0,
    weight: 100,
    ...more,
  };
}

export const v4 = (address: string): SocketAddress => ({ address, family: 4, port: 4000 });
export const v6 = (address: string): SocketAddress => ({ address, family: 6, port: 4000 });

/** Candidates with one address each. */
export function candidatesOf(...lines: readonly Line[]): LineCandidate[] {
  return lines.map((line) => ({ line, address: v4('192.0.2.1') }));
}
