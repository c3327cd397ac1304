import { expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { ADDRESS_BLOCK_BYTES, writeAddressBlock } from '../../../src/wire/address-block.ts';
import { Command } from '../../../src/wire/command.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../../src/wire/segment.ts';
import { addressOfSlot } from '../../support/hand-fed-carrier.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';

const CLIENT: SocketAddress = { address: '198.51.100.7', family: 4, port: 1234 };
const PROXY = 3;

/** A NEW whose block names somebody, or nobody. */
function announced(conv: number, client: SocketAddress | null): Uint8Array {
  const memory = wireMemory(new Uint8Array(SEGMENT_HEADER_BYTES + ADDRESS_BLOCK_BYTES));
  writeSegmentHeader(memory.view, 0, conv, Command.new, 0, 128, 0, 0, 0, 0);
  writeAddressBlock(memory, SEGMENT_HEADER_BYTES, client);
  return memory.bytes;
}

const remotes = ({ endpoint }: FedGateway): unknown[] =>
  [...endpoint.sessions()].map(({ remoteAddress }) => remoteAddress);

it('what a trusted proxy writes into the block of a NEW is the client; what others write is not', () => {
  const isTrustedProxy = (address: string): boolean => address === addressOfSlot(PROXY).address;
  onFedGateway({ port: { allowStock: true, isTrustedProxy } }, (gateway) => {
    gateway.feed('udp', 1, announced(1, CLIENT));
    gateway.feed('udp', PROXY, announced(2, CLIENT), announced(3, null));
    const openings = gateway.openings.map(({ remoteAddress }) => remoteAddress);
    expect(openings).toEqual([addressOfSlot(1), CLIENT, addressOfSlot(PROXY)]);
    expect(remotes(gateway)).toEqual(openings);
  });
});

it('clients without login behind a trusted proxy have limits of their own', () => {
  const port = { allowStock: true, isTrustedProxy: () => true };
  const own = { ...port, admission: ADMISSION };
  onFedGateway({ port: own }, (gateway) => {
    for (const [index, host] of [7, 8, 8].entries())
      gateway.feed('udp', PROXY, announced(index + 1, { ...CLIENT, address: `198.51.100.${String(host)}` }));
    expect(gateway.openings).toHaveLength(2);
    expect(gateway.drops(0)).toEqual({ source_limit: 1 });
  });
});

const ADMISSION = {
  maxSessions: 10,
  maxSessionsPerSource: 1,
  newSessionsPerSecond: 10,
  newSessionsPerSourcePerSecond: 10,
};
