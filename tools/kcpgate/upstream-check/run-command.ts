import { spawn, type ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';

/** How a command ended. */
export interface CommandResult {
  /** It ended with exit code 0. */
  readonly ok: boolean;
  /** How it ended, and the end of what it printed, for people; bounded. */
  readonly text: string;
}

/**
 * Runs a command to its end: no shell, nothing to read, what it prints is bounded, and so is its time; then it is killed.
 * Never rejects.
 * @param command the program and its arguments.
 */
export function runCommand(command: readonly string[], timeoutMs: number): Promise<CommandResult> {
  const [program = '', ...commandArguments] = command;
  const fault = (error: unknown): CommandResult => {
    return {
      ok: false,
      text: `cannot run ${program}: ${error instanceof Error ? error.message : String(error)}`,
    };
  };
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(program, commandArguments, { stdio: ['ignore', 'pipe', 'pipe'], shell: false });
    } catch (error) {
      return resolve(fault(error));
    }
    let output = '';
    let hasTimedOut = false;
    const timer = setTimeout(() => {
      hasTimedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    // Where the system had no descriptors left there are no streams.
    const streams = [child.stdout, child.stderr].filter((stream) => stream instanceof Readable);
    const end = (result: CommandResult): void => {
      clearTimeout(timer);
      // What it left behind may hold its output open.
      for (const stream of streams) stream.destroy();
      resolve(result);
    };
    for (const stream of streams) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-MAX_OUTPUT);
      });
      stream.on('error', () => undefined);
    }
    child.once('error', (error) => {
      end(fault(error));
    });
    child.once('exit', (code, signal) => {
      // What it printed last may still be on its way.
      setTimeout(() => {
        const ended = code === null ? `ended by ${String(signal)}` : `exit code ${String(code)}`;
        const how = hasTimedOut ? `killed after ${String(timeoutMs)} ms` : ended;
        const printed = output.trim();
        end({ ok: code === 0 && !hasTimedOut, text: printed === '' ? how : `${how}: ${printed}` });
      }, LAST_OUTPUT_MS);
    });
  });
}

/** In UTF-16 units. */
const MAX_OUTPUT = 4096;
const LAST_OUTPUT_MS = 20;
