/** How secret bytes may look in a text. */
const ENCODINGS: readonly ((secret: Buffer) => string)[] = [
  (secret) => secret.toString('hex'),
  (secret) => secret.toString('hex').toUpperCase(),
  (secret) => secret.toString('base64').replace(/=+$/, ''),
  (secret) => secret.toString('base64url'),
  (secret) => secret.toString('latin1'),
  // A Buffer and an array of bytes as JSON, and a Uint8Array as JSON.
  (secret) => secret.join(','),
  (secret) => [...secret].map((byte, index) => `"${String(index)}":${String(byte)}`).join(','),
];

/** Bytes of a secret that must not be found either: a part is as bad as the whole. */
const PART_BYTES = 12;

/** Looks for secrets in texts, in every form in which a program may write bytes by mistake. */
export class SecretSearch {
  readonly #forms = new Map<string, string>();
  #size = 0;

  /** @param secret bytes, or a text such as a token, at least {@link PART_BYTES} long. */
  add(name: string, secret: Uint8Array | string): void {
    const bytes = Buffer.from(secret);
    if (bytes.length < PART_BYTES) throw new RangeError(`${name} is too short to be looked for`);
    this.#size++;
    for (const part of [bytes.subarray(0, PART_BYTES), bytes.subarray(bytes.length - PART_BYTES)]) {
      for (const encode of ENCODINGS) this.#forms.set(encode(part), name);
    }
  }

  /** The number of secrets it knows. */
  get size(): number {
    return this.#size;
  }

  /** The names of the secrets of which a text holds the beginning or the end, in any form. */
  find(text: string): string[] {
    const found = new Set<string>();
    for (const [form, name] of this.#forms) if (text.includes(form)) found.add(name);
    return [...found];
  }
}
