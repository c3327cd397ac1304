import { writeFileSync } from 'node:fs';
import { fromSystemError, type SystemErrorLike } from '../../../src/base/node-error.ts';

/** What says where a secret goes. */
export interface OutputOptions {
  /** A file that does not exist yet; standard output when it is left out. */
  readonly out?: string;
}

/**
 * Writes a secret and a line break.
 * @throws GatewayError `io_failed`, `permission_denied`; also when the file exists: what stands there may be in use.
 */
export function writeSecret(
  text: string,
  { out }: OutputOptions,
  output: { write(text: string): unknown },
): void {
  if (out === undefined) {
    output.write(`${text}\n`);
    return;
  }
  try {
    writeFileSync(out, `${text}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw fromSystemError(error as SystemErrorLike);
  }
}
