import { fileURLToPath } from 'node:url';
import { PYTHON } from './peer-detection.ts';
import { startProgram, type RunningProgram } from './process.ts';

/**
 * Starts the client in `test/peers/python`; its events are `opened` and `closed`.
 * @param options of its command line, see the top of the file.
 */
export function runPythonClient(loginUrl: string, options: readonly string[]): RunningProgram {
  return startProgram(PYTHON, [CLIENT, loginUrl, ...options]);
}

const CLIENT = fileURLToPath(new URL('../peers/python/client.py', import.meta.url));
