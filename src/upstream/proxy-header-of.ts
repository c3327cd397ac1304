import { PROXY_V2_MAX_BYTES, writeProxyV2 } from '../wire/proxy-v2.ts';
import { wireMemory } from '../wire/memory.ts';
import type { SessionInfo } from './upstream.ts';

/** The PROXY header (version 2) that tells a server who the client of a session is. */
export function proxyHeaderOf({ remoteAddress, lineAddress = remoteAddress }: SessionInfo): Uint8Array {
  const memory = wireMemory(new Uint8Array(PROXY_V2_MAX_BYTES));
  // A server takes it for the connection it is on, whatever carries the session: that is a stream.
  const length = writeProxyV2(memory, 0, {
    transport: 'stream',
    source: remoteAddress,
    destination: lineAddress,
  });
  return memory.bytes.subarray(0, length);
}
