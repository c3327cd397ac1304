import { GatewayError } from '../../../src/base/errors.ts';
import type { TicketKey } from '../../../src/crypto/ticket-keyring.ts';
import type { GatewayConfig } from '../../../src/gateway/config/config.ts';
import { formatIssues } from '../../../src/gateway/config/issue.ts';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import { readKeyFile } from './read-key-file.ts';

/** The options that name ticket keys. */
export interface KeyOptions {
  readonly config?: string;
  readonly keyFile?: string;
  readonly keyId?: number;
}

/** Ticket keys, and the configuration they are from, if they are. */
export interface NamedKeys {
  /** At least one. */
  readonly keys: readonly TicketKey[];
  readonly config: GatewayConfig | undefined;
}

/**
 * The keys that options name; undefined when they name none.
 * @throws GatewayError `config_invalid` when they do and there is none.
 */
export function namedKeys({ config: file, keyFile, keyId }: KeyOptions): NamedKeys | undefined {
  if (keyFile !== undefined) {
    if (keyId === undefined || file !== undefined)
      throw wrong('--key-file goes with --key-id, without --config');
    return { keys: [{ id: keyId, key: readKeyFile(keyFile) }], config: undefined };
  }
  if (keyId !== undefined) throw wrong('--key-id goes with --key-file');
  if (file === undefined) return undefined;
  const loaded = loadConfig({ file, env: process.env });
  if (!loaded.ok) throw new GatewayError('config_invalid', formatIssues(loaded.errors));
  const keys = loaded.config.login.ticketKeys;
  if (keys.length === 0) throw wrong(`${file} has no login.ticket_keys`);
  return { keys, config: loaded.config };
}

const wrong = (message: string): GatewayError => new GatewayError('config_invalid', `kcpgate: ${message}`);
