import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';

/** The cryptography of the protocol as its text has it, with nothing of the program: what vectors are checked by. */

/** Key and iv for a purpose: 28 bytes. */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, `kcpgate/1 ${purpose}`, 28));
}

/** Text and tag. */
export function seal(key: Uint8Array, pn: number, additionalData: Uint8Array, text: Uint8Array): Uint8Array {
  return gcmSeal('aes-128-gcm', key.subarray(0, 16), nonce(key.subarray(16), pn), additionalData, text);
}

/** The text, or undefined when it is forged. */
export function open(
  key: Uint8Array,
  pn: number,
  additionalData: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  return gcmOpen('aes-128-gcm', key.subarray(0, 16), nonce(key.subarray(16), pn), additionalData, sealed);
}

export function sealTicket(ticketKey: Uint8Array, header: Uint8Array, text: Uint8Array): Uint8Array {
  return gcmSeal('aes-256-gcm', ticketKey, header.subarray(2), header.subarray(0, 2), text);
}

export function openTicket(ticketKey: Uint8Array, ticket: Uint8Array): Uint8Array | undefined {
  return gcmOpen(
    'aes-256-gcm',
    ticketKey,
    ticket.subarray(2, 14),
    ticket.subarray(0, 2),
    ticket.subarray(14),
  );
}

export function resetToken(resetKey: Uint8Array, conv: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(conv);
  return new Uint8Array(createHmac('sha256', resetKey).update(bytes).digest().subarray(0, 16));
}

function nonce(iv: Uint8Array, pn: number): Uint8Array {
  const bytes = Buffer.from(iv);
  const number = Buffer.alloc(12);
  number.writeUIntBE(pn, 6, 6);
  return bytes.map((byte, index) => byte ^ number[index]!);
}

function gcmSeal(
  name: 'aes-128-gcm' | 'aes-256-gcm',
  key: Uint8Array,
  iv: Uint8Array,
  additionalData: Uint8Array,
  text: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv(name, key, iv).setAAD(additionalData);
  return new Uint8Array(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]));
}

function gcmOpen(
  name: 'aes-128-gcm' | 'aes-256-gcm',
  key: Uint8Array,
  iv: Uint8Array,
  additionalData: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv(name, key, iv).setAAD(additionalData);
  decipher.setAuthTag(sealed.subarray(-16));
  const text = decipher.update(sealed.subarray(0, -16));
  try {
    return new Uint8Array(Buffer.concat([text, decipher.final()]));
  } catch {
    return undefined;
  }
}
