import { readFileSync } from 'node:fs';

interface KeyVectors {
  readonly derivedKeys: readonly {
    secret: string;
    clientRandom: string;
    serverRandom: string;
    early: string;
    client: string;
    server: string;
  }[];
  readonly tickets: readonly {
    key: string;
    keyId: number;
    nonce: string;
    body: {
      conv: number;
      issuedMs: number;
      expiresMs: number;
      secret: string;
      seal: 'aead' | 'clear';
      subject: string;
      claims: string;
    };
    ticket: string;
  }[];
  readonly resetTokens: readonly { key: string; conv: number; token: string }[];
}

/** Fixed inputs and the bytes they give; another implementation must give the same. */
export const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/keys.json', import.meta.url), 'utf8'),
) as KeyVectors;

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
