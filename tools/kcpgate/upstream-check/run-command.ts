import { spawn } from 'node:child_process';

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
  return new Promise((resolve) => {
    let output = '';
    let hasTimedOut = false;
    const child = spawn(program, commandArguments, { stdio: ['ignore', 'pipe', 'pipe'], shell: false });
    const timer = setTimeout(() => {
      hasTimedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const end = (ok: boolean, how: string): void => {
      clearTimeout(timer);
      // What it left behind may hold its output open.
      child.stdout.destroy();
      child.stderr.destroy();
      const text = output.trim();
      resolve({ ok, text: text === '' ? how : `${how}: ${text}` });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-MAX_OUTPUT);
      });
      stream.on('error', () => undefined);
    }
    child.once('error', (error) => {
      end(false, `cannot run ${program}: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      // What it printed last may still be on its way.
      setTimeout(() => {
        if (hasTimedOut) end(false, `killed after ${String(timeoutMs)} ms`);
        else end(code === 0, code === null ? `ended by ${String(signal)}` : `exit code ${String(code)}`);
      }, LAST_OUTPUT_MS);
    });
  });
}

/** In UTF-16 units. */
const MAX_OUTPUT = 4096;
const LAST_OUTPUT_MS = 20;
