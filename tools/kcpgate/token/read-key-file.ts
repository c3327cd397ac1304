import { GatewayError } from '../../../src/base/errors.ts';
import { parseKey } from '../../../src/gateway/config/secret-field.ts';
import { readTextFile } from '../../../src/gateway/config/text-file.ts';

/** Reads a file whose content is a secret; white space at its ends is left out. @throws GatewayError `config_invalid`. */
export function readSecretFile(file: string): string {
  const read = readTextFile(file, MAX_SECRET_BYTES);
  if (!read.ok) throw new GatewayError('config_invalid', `kcpgate: ${file}: ${read.error}`);
  return read.text.trim();
}

/** Reads a file that holds a key of 32 bytes as text. @throws GatewayError `config_invalid`. */
export function readKeyFile(file: string): Uint8Array {
  const key = parseKey(readSecretFile(file));
  if (key !== undefined) return key;
  throw new GatewayError('config_invalid', `kcpgate: ${file}: is not 32 bytes in base64 or hexadecimal`);
}

const MAX_SECRET_BYTES = 64 * 1024;
