import type { SeededRandom } from '../../../src/base/seeded-random.ts';
import type { SendArena } from '../../../src/base/send-arena.ts';
import { Command } from '../../../src/wire/command.ts';
import { HandshakeKind, MIN_UDP_HELLO_BYTES, writeHelloHeader } from '../../../src/wire/hello.ts';
import { SEALED_OVERHEAD_BYTES, writeSealedHeader } from '../../../src/wire/sealed-header.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../../src/wire/segment.ts';
import { MIN_TICKET_BYTES, writeTicketHeader } from '../../../src/wire/ticket.ts';
import { BENCH_TICKET_KEY } from './login-key.ts';

/** What a flood may consist of, from the cheapest for its receiver to the dearest. */
export const JUNK_KINDS = ['noise', 'clear', 'unknown-session', 'hello', 'live-session'] as const;
export type JunkKind = (typeof JUNK_KINDS)[number];

/**
 * Writes one datagram of junk, of random length.
 *
 * - `noise`: random bytes
 * - `clear`: one segment of data with a random header, which may open no session
 * - `unknown-session`: sealed, of a conversation nobody has
 * - `hello`: laid out as it should be, with the id of the right ticket key; the ticket is random
 * - `live-session`: sealed, of a conversation that is open, with a packet number that may be new; the text is random
 *
 * @param liveConvs conversations that are open.
 * @returns false when the arena was full.
 */
export function writeJunk(
  kind: JunkKind,
  arena: SendArena,
  random: SeededRandom,
  liveConvs: readonly number[],
): boolean {
  const length = kind === 'hello' ? MIN_UDP_HELLO_BYTES : MIN_BYTES + random.nextInt(MAX_BYTES - MIN_BYTES);
  const at = arena.reserve(length);
  if (at < 0) return false;
  for (let i = 0; i < length; i++) arena.bytes[at + i] = random.nextInt(256);
  const conv = random.nextUint32();
  switch (kind) {
    case 'noise':
      break;
    case 'clear':
      writeSegmentHeader(
        arena.view,
        at,
        conv,
        Command.push,
        0,
        random.nextInt(0x10000),
        random.nextUint32(),
        random.nextUint32(),
        random.nextUint32() | 1,
        length - SEGMENT_HEADER_BYTES,
      );
      break;
    case 'unknown-session':
    case 'live-session': {
      const known = liveConvs[random.nextInt(Math.max(1, liveConvs.length))];
      const own = kind === 'live-session' && known !== undefined ? known : conv;
      writeSealedHeader(arena.view, at, own, 0, random.nextInt(2 ** 32) + 2 ** 32, false);
      break;
    }
    case 'hello': {
      const ticket = new Uint8Array(MIN_TICKET_BYTES).map(() => random.nextInt(256));
      writeTicketHeader(ticket, 0, BENCH_TICKET_KEY.id, ticket.slice(2, 14));
      writeHelloHeader(arena, at, {
        kind: HandshakeKind.hello,
        conv,
        pn: 0,
        random: new Uint8Array(16).map(() => random.nextInt(256)),
        ticket,
        withBlock: false,
      });
    }
  }
  arena.commit(length);
  return true;
}

const MIN_BYTES = SEALED_OVERHEAD_BYTES + SEGMENT_HEADER_BYTES;
const MAX_BYTES = 1400;
