import { GatewayError } from '../../../../src/base/errors.ts';

/** The error of a file that cannot be opened or read, for the person who named it. */
export function fileError(file: string, thrown: unknown): GatewayError {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const why = WORDS.get(code ?? '') ?? message;
  return new GatewayError('config_invalid', `kcpgate: ${file}: ${why}`, { cause: thrown });
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'no such file'],
  ['ENOTDIR', 'no such file'],
  ['EISDIR', 'is a directory'],
  ['EACCES', 'permission denied'],
]);
