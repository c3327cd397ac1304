import { GatewayError } from '../../../../src/base/errors.ts';
import { readSecretFile } from '../../token/read-key-file.ts';
import {
  KCP_GO_CRYPTS,
  KCP_GO_KEY_BYTES,
  kcptunKey,
  UNSUPPORTED_KCP_GO_CRYPTS,
  type KcpGoCryptName,
  type KcpGoKey,
} from '../examine/kcp-go-key.ts';

/** What the options about kcp-go's encryption give. */
export interface KcpGoOptions {
  readonly kcpGoCrypt?: string;
  readonly kcpGoKey?: string;
  readonly kcpGoKeyFile?: string;
  readonly kcptunKey?: string;
  readonly kcptunKeyFile?: string;
}

/** Variables that give a key without a file. kcptun reads the second one, too. */
const KEY_VARIABLES = { kcpGo: 'KCP_GO_KEY', kcptun: 'KCPTUN_KEY' } as const;

/**
 * The key that opens what kcp-go encrypted; undefined when no method was named.
 * @throws GatewayError `config_invalid`
 */
export function kcpGoKeyOf(
  options: KcpGoOptions,
  environment: Readonly<Record<string, string | undefined>>,
): KcpGoKey | undefined {
  const { kcpGoCrypt } = options;
  if (kcpGoCrypt === undefined) {
    if (hasKeyOption(options)) throw wrong('a key needs its method: --kcp-go-crypt');
    return undefined;
  }
  const crypt = cryptOf(kcpGoCrypt);
  if (crypt === 'none') return { crypt, key: new Uint8Array(KCP_GO_KEY_BYTES) };
  const hex = options.kcpGoKey ?? fileText(options.kcpGoKeyFile);
  const phrase = options.kcptunKey ?? fileText(options.kcptunKeyFile);
  if (hex !== undefined && phrase !== undefined) throw wrong('there are two keys: give one');
  if (hex !== undefined) return { crypt, key: keyOfHex(hex) };
  if (phrase !== undefined) return { crypt, key: kcptunKey(phrase) };
  const hexVariable = environment[KEY_VARIABLES.kcpGo];
  if (hexVariable !== undefined) return { crypt, key: keyOfHex(hexVariable) };
  const phraseVariable = environment[KEY_VARIABLES.kcptun];
  if (phraseVariable !== undefined) return { crypt, key: kcptunKey(phraseVariable) };
  throw wrong(
    `--kcp-go-crypt ${crypt} needs a key: --kcp-go-key-file, --kcptun-key-file, ` +
      `or one of the variables ${KEY_VARIABLES.kcpGo} and ${KEY_VARIABLES.kcptun}`,
  );
}

const hasKeyOption = ({ kcpGoKey, kcpGoKeyFile, kcptunKey: phrase, kcptunKeyFile }: KcpGoOptions): boolean =>
  [kcpGoKey, kcpGoKeyFile, phrase, kcptunKeyFile].some((option) => option !== undefined);

function cryptOf(name: string): KcpGoCryptName {
  const found = KCP_GO_CRYPTS.find((crypt) => crypt === name);
  if (found !== undefined) return found;
  const exists = UNSUPPORTED_KCP_GO_CRYPTS.some((crypt) => crypt === name);
  const why = exists
    ? `${name} of kcp-go cannot be opened here`
    : `kcp-go has no method ${JSON.stringify(name)}`;
  throw wrong(`${why}; these can be: ${KCP_GO_CRYPTS.join(', ')}`);
}

function keyOfHex(text: string): Uint8Array {
  const digits = text.trim();
  const isKey =
    /^([\da-f]{2})+$/i.test(digits) &&
    digits.length >= 2 * MIN_KEY_BYTES &&
    digits.length <= 2 * KCP_GO_KEY_BYTES;
  // Not shown: it may be nearly the key.
  if (!isKey) throw wrong(`a key is ${MIN_KEY_BYTES} to ${KCP_GO_KEY_BYTES} bytes in hexadecimal`);
  const key = new Uint8Array(KCP_GO_KEY_BYTES);
  key.set(Buffer.from(digits, 'hex'));
  return key;
}

const MIN_KEY_BYTES = 16;

const fileText = (file: string | undefined): string | undefined =>
  file === undefined ? undefined : readSecretFile(file);

const wrong = (message: string): GatewayError => new GatewayError('config_invalid', `kcpgate: ${message}`);
