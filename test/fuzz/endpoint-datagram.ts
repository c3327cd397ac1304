import { Command } from '../../src/wire/command.ts';
import { commandOf, conversationOf, payloadLengthOf, SEGMENT_HEADER_BYTES } from '../../src/wire/segment.ts';

/** What is wrong with a datagram an endpoint sent; empty when nothing is. Reads it on its own, not with the wire's decoders. */
export function dissectDatagram(bytes: Uint8Array, mtu: number): string {
  if (bytes.length > mtu) return `${String(bytes.length)} bytes, the MTU is ${String(mtu)}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < SEGMENT_HEADER_BYTES)
      return `${String(bytes.length - at)} bytes behind the last segment`;
    if (conversationOf(view, at) !== conversationOf(view, 0)) return 'two conversations';
    const command = commandOf(view, at);
    const isAnswer = command === Command.probeAck && at === 0 && bytes.length === 64;
    if (!isAnswer && (command < Command.new || command > Command.fin)) return `command ${String(command)}`;
    at += SEGMENT_HEADER_BYTES + (command === Command.new ? 20 : 0) + payloadLengthOf(view, at);
    if (at > bytes.length) return 'a payload beyond the end';
  }
  return at === 0 ? 'empty' : '';
}
