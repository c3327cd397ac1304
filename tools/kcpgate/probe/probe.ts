import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../../../src/base/errors.ts';
import {
  findFastestLine,
  login,
  type Line,
  type LineReport,
  type ProbeTerms,
} from '../../../src/client/node/index.ts';
import { ExitCode } from '../exit-code.ts';
import { untilSignal } from '../shutdown.ts';
import { readSecretFile } from '../token/read-key-file.ts';
import { reportText } from './report-text.ts';

/** What the options of `probe` give. */
export interface ProbeCommandOptions {
  /** Where to ask for the lines. */
  readonly login?: URL;
  readonly tokenFile?: string;
  /** How long one measurement may take, in milliseconds. */
  readonly timeout: number;
  readonly json: boolean;
  readonly watch: boolean;
  /** From one measurement to the next with `watch`, in milliseconds. */
  readonly every: number;
}

/** Where a report goes. */
export interface ProbeOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Measures lines and prints what was found; with `watch` again and again, until a signal.
 * @returns the exit code: that of the last measurement.
 * @throws GatewayError `config_invalid`, or what a login fails with.
 */
export async function probe(
  given: readonly Line[],
  options: ProbeCommandOptions,
  output: ProbeOutput = process.stdout,
): Promise<number> {
  const { lines, terms } = await linesOf(given, options);
  const survey = { lines, probe: { ...terms, deadlineMs: options.timeout } };
  if (!options.watch) {
    const report = await findFastestLine(survey);
    output.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
    return exitCodeFor(report);
  }
  const stopped = new AbortController();
  void untilSignal().then(() => stopped.abort());
  const { signal } = stopped;
  let exitCode: number = ExitCode.ok;
  while (!signal.aborted) {
    try {
      const report = await findFastestLine({ ...survey, signal });
      exitCode = exitCodeFor(report);
      show(report, options, output);
      await delay(options.every, undefined, { signal });
    } catch (error) {
      if (!stopped.signal.aborted) throw error;
    }
  }
  return exitCode;
}

/** One of many: a line of JSON, or a table in place of the one before. */
function show(report: LineReport, { json }: ProbeCommandOptions, output: ProbeOutput): void {
  if (json) output.write(`${JSON.stringify({ time: new Date().toISOString(), ...report })}\n`);
  else output.write(`${output.isTTY === true ? HOME_AND_CLEAR : ''}${reportText(report)}\n`);
}

async function linesOf(
  given: readonly Line[],
  { login: loginUrl, tokenFile, timeout }: ProbeCommandOptions,
): Promise<{ readonly lines: readonly Line[]; readonly terms: Partial<ProbeTerms> }> {
  if (loginUrl === undefined) {
    if (given.length === 0) throw invalid('lines or --login are required');
    if (tokenFile !== undefined) throw invalid('--token-file goes with --login');
    return { lines: given, terms: {} };
  }
  if (given.length > 0) throw invalid('give lines or --login, not both');
  const token = tokenFile === undefined ? {} : { token: readSecretFile(tokenFile) };
  const seal = ['aes-128-gcm', 'clear'] as const;
  const answer = await login({ loginUrl, ...token, seal, loginTimeoutMs: Math.max(timeout, LOGIN_MS) });
  return { lines: answer.lines, terms: answer.probe };
}

function invalid(text: string): GatewayError {
  return new GatewayError('config_invalid', `kcpgate: ${text}`);
}

const exitCodeFor = ({ best }: LineReport): number => (best === null ? ExitCode.failure : ExitCode.ok);

const HOME_AND_CLEAR = '\u001b[H\u001b[J';
const LOGIN_MS = 10_000;
