import { networkInterfaces } from 'node:os';
import { formatSocketAddress, type SocketAddress } from '../../../../src/base/address.ts';
import type { Finding } from '../finding.ts';
import type { ProbedWay } from './probe-lines.ts';

/** Addresses of this machine, without zones. */
export function ownAddresses(): Set<string> {
  return new Set(
    Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
  );
}

/** How the gateways see the UDP sockets of this client. @returns nothing when none answered. */
export function judgeNat(ways: readonly ProbedWay[], own: ReadonlySet<string>): Finding[] {
  const check = 'NAT';
  const udp = ways.filter(({ line, seenAs }) => line.transport === 'udp' && seenAs.length > 0);
  if (udp.length === 0) return [];
  const seen = udp.flatMap(({ seenAs }) => seenAs);
  const details = { seenAs: seen.map(formatSocketAddress) };
  const shown = [...new Set(seen.map(({ address }) => address))].join(', ');
  if (udp.some(({ seenAs }) => seenAs.length > 1)) {
    return [
      {
        check,
        status: 'warning',
        text: `the address of one socket changes while it is used: ${details.seenAs.join(', ')}`,
        advice: ['encrypted sessions follow it; others need a TCP or WebSocket line'],
        details,
      },
    ];
  }
  const isDirect = udp.every(({ seenAs: [mapped], localPort }) => isOwn(mapped, localPort, own));
  if (isDirect)
    return [
      { check, status: 'ok', text: `none: the gateway sees ${shown}, an address of this machine`, details },
    ];
  return [{ check, status: 'note', text: `behind one: the gateway sees ${shown}`, details }];
}

function isOwn(mapped: SocketAddress | undefined, localPort: number, own: ReadonlySet<string>): boolean {
  return mapped !== undefined && own.has(mapped.address) && mapped.port === localPort;
}
