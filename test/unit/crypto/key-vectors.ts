import { readFileSync } from 'node:fs';

/** The part of test/vectors/protocol.json that is about keys: fixed inputs, and the bytes they give. All hexadecimal. */
interface KeyVectors {
  readonly inputs: {
    readonly conv: number;
    readonly secret: string;
    readonly clientRandom: string;
    readonly serverRandom: string;
    readonly ticketKey: string;
    readonly ticketKeyId: number;
    readonly ticketNonce: string;
    readonly issuedMs: number;
    readonly expiresMs: number;
    readonly subject: string;
    readonly claims: string;
    readonly resetKey: string;
  };
  readonly keys: { readonly early: string; readonly client: string; readonly server: string };
  readonly ticket: string;
  readonly resetToken: string;
}

export const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/protocol.json', import.meta.url), 'utf8'),
) as KeyVectors;

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
