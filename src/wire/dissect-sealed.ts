import { addAddressBlock } from './dissect-payload.ts';
import { addRest, bytesField, type Draft, field } from './dissection-draft.ts';
import { hex32 } from './printable.ts';
import {
  hasAddressBlock,
  isCopy,
  packetNumberOf,
  pathIdOf,
  SEAL_TAG_BYTES,
  SEALED_FIELD,
  SEALED_HEADER_BYTES,
  sealedHeaderBytes,
  sealedTextLength,
} from './sealed-header.ts';
import { conversationOf } from './segment.ts';

/** Takes a sealed datagram apart, up to its ciphertext. */
export function dissectSealed(draft: Draft, at: number, end: number): void {
  const { view } = draft.memory;
  const conv = conversationOf(view, at);
  const byte = view.getUint8(at + SEALED_FIELD.kind);
  const fields = [
    field('conv', conv, at, 4, hex32(conv)),
    field('kind', byte, at + SEALED_FIELD.kind, 1, `0x${byte.toString(16)}`),
    field('pathId', pathIdOf(view, at), at + SEALED_FIELD.pathId, 1),
    field('pn', packetNumberOf(view, at), at + SEALED_FIELD.pn, 6),
  ];
  const textBytes = sealedTextLength(view, at, end - at);
  const textAt = at + sealedHeaderBytes(view, at);
  if (textAt <= end && hasAddressBlock(view, at)) {
    addAddressBlock(draft, fields, at + SEALED_HEADER_BYTES, end);
  }
  if (textBytes < 0) {
    draft.problem('truncated_tag', end, 'the datagram ends in front of the end of its tag');
    addRest(draft, fields, end);
  } else {
    fields.push(
      bytesField(draft.memory, 'ciphertext', textAt, textBytes),
      bytesField(draft.memory, 'tag', textAt + textBytes, SEAL_TAG_BYTES),
    );
  }
  draft.unit(isCopy(view, at) ? 'SEALED_COPY' : 'SEALED', at, end - at, fields);
}
