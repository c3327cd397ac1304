import { ADDRESS_BLOCK_BIT } from './datagram-kind.ts';
import { bytesField, type Draft, field } from './dissection-draft.ts';
import { hex32 } from './printable.ts';
import { conversationOf } from './segment.ts';

/** Shows that a datagram is sealed or a handshake, and leaves what follows byte 4 alone. */
export function dissectOpaque(draft: Draft, kind: 'sealed' | 'handshake', end: number): void {
  const { memory } = draft;
  const conv = conversationOf(memory.view, 0);
  const byte = memory.view.getUint8(4);
  draft.unit(kind === 'sealed' ? 'SEALED' : handshakeName(byte), 0, end, [
    field('conv', conv, 0, 4, hex32(conv)),
    field('kind', byte, 4, 1, `0x${byte.toString(16)}`),
    field('addressBlock', (byte & ADDRESS_BLOCK_BIT) !== 0, 4, 1),
    bytesField(memory, 'body', 5, end - 5),
  ]);
}

const HANDSHAKE_NAMES: readonly string[] = ['HELLO', 'HELLO_ACK', 'HELLO_CLEAR', 'HELLO_CLEAR_ACK'];

const handshakeName = (byte: number): string => HANDSHAKE_NAMES[byte & 3]!;
