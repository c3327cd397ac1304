import * as z from 'zod';
import { field, refuse } from './field.ts';

/** Bytes of a ticket key and of a reset key. */
const KEY_BYTES = 32;
const KEY_EXPECTS = `${String(KEY_BYTES)} bytes in base64 or hexadecimal`;

/** Path of a file that holds something to be read with the configuration. */
export function fileToRead(text: string) {
  const expects = 'the path of a file';
  const meta = { kind: 'text', type: 'path', range: 'path', expects, text, file: true } as const;
  return field(z.string().min(1), meta);
}

/** As {@link fileToRead}, or null. */
export function optionalFileToRead(text: string) {
  const expects = 'the path of a file, or null';
  const schema = z.string().min(1).nullable();
  const meta = {
    kind: 'optional-text',
    type: 'path',
    range: 'path, null',
    expects,
    text,
    file: true,
  } as const;
  return field(schema, meta);
}

/** Text that is a secret, of at least so many bytes in UTF-8; or null. */
export function optionalSecret(minBytes: number, text: string) {
  const range = `${String(minBytes)} bytes or more`;
  return secretField((value) => Buffer.byteLength(value) >= minBytes, `text of ${range}`, range, text);
}

/** What a caller shows in `Authorization: Bearer`; or null. */
export function optionalToken(text: string) {
  const range = '16 to 512 characters';
  const expects = `${range} of printable ASCII without spaces`;
  return secretField((value) => /^[\x21-\x7e]{16,512}$/.test(value), expects, range, text);
}

/** A key of 32 bytes, or null; the value is a Uint8Array. */
export function optionalKey(text: string) {
  const schema = z
    .string()
    .transform((value, context) => parseKey(value) ?? refuse(context, `must be ${KEY_EXPECTS}`))
    .nullable();
  return field(schema, {
    kind: 'optional-text',
    type: 'secret',
    range: '32 bytes, null',
    expects: `${KEY_EXPECTS}, or null`,
    text,
    secret: true,
  });
}

/** Reads 32 bytes in base64, base64url or hexadecimal. @returns undefined when the text is anything else. */
export function parseKey(text: string): Uint8Array | undefined {
  if (/^[\da-f]{64}$/i.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'));
  if (!/^[\w+/-]{43}=?$/.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

function secretField(isValid: (value: string) => boolean, expects: string, range: string, text: string) {
  const schema = z
    .string()
    .superRefine((value, context) => {
      if (!isValid(value)) refuse(context, `must be ${expects}`);
    })
    .nullable();
  return field(schema, {
    kind: 'optional-text',
    type: 'secret',
    range: `${range}, null`,
    expects: `${expects}, or null`,
    text,
    secret: true,
  });
}
