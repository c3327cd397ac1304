import type { FrontGateway } from '../nginx/include-files.ts';
import type { AppliedFiles } from './front-check.ts';
import type { IncludeDirectory } from './include-directory.ts';
import { filesFor, isSameFiles, type FrontStates } from './include-text.ts';
import { runCommand } from './run-command.ts';

/**
 * How an attempt to tell nginx ended:
 * - `done`: nginx was told.
 * - `write_failed`: the files could not be written; they are as they were.
 * - `test_failed`: nginx does not take them; they are as they were.
 * - `reload_failed`: they are written and good, but nginx was not told.
 */
export const APPLY_RESULTS = ['done', 'write_failed', 'test_failed', 'reload_failed'] as const;
export type ApplyResult = (typeof APPLY_RESULTS)[number];

/** What came of an attempt to tell nginx. */
export interface Applied extends AppliedFiles {
  readonly result: ApplyResult;
  /** What went wrong, for people; empty when nothing did. */
  readonly detail: string;
  readonly tookMs: number;
}

export interface FileApplierOptions {
  readonly gateways: readonly FrontGateway[];
  readonly directory: IncludeDirectory;
  /** Programs with their arguments. */
  readonly testCommand: readonly string[];
  readonly reloadCommand: readonly string[];
  /** How long each of them may take, in milliseconds. */
  readonly commandTimeoutMs: number;
}

/** Brings states of gateways into the include files, and nginx to read them. */
export class FileApplier {
  readonly #options: FileApplierOptions;

  constructor(options: FileApplierOptions) {
    this.#options = options;
  }

  /** Writes, tests, and has nginx reload; what the test does not like is taken back. Never rejects. @param at of the header. */
  async apply(states: FrontStates, at: Date): Promise<Applied> {
    const { gateways, directory, testCommand, reloadCommand, commandTimeoutMs } = this.#options;
    const startedAt = performance.now();
    const wasUntold = tryTo(() => directory.isUntold) ?? true;
    const writtenBy = `kcpgate upstream-check, ${at.toISOString()}`;
    const files = filesFor(gateways, states, writtenBy);
    const ended = (result: ApplyResult, detail: string): Applied => ({
      result,
      detail,
      hasSucceeded: result === 'done',
      files: tryTo(() => directory.read()) ?? new Map(),
      // Who was told is not told again because that could not be noted: each time costs all UDP sessions.
      needsReload: result !== 'done' && (tryTo(() => directory.isUntold) ?? true),
      tookMs: performance.now() - startedAt,
    });
    try {
      // They may be right already, and nginx not been told.
      if (!isSameFiles(files, directory.read())) directory.write(files);
    } catch (error) {
      return ended('write_failed', `${messageOf(error)}${this.#restore(wasUntold)}`);
    }
    const test = await runCommand(testCommand, commandTimeoutMs);
    if (!test.ok) {
      const restored = this.#restore(wasUntold);
      return ended('test_failed', `${test.text}${restored}${await this.#blame()}`);
    }
    // Should it fail, a later failure leads further back than needed, and that is all.
    tryTo(() => directory.keep());
    const reload = await runCommand(reloadCommand, commandTimeoutMs);
    if (!reload.ok) return ended('reload_failed', reload.text);
    tryTo(() => directory.told());
    return ended('done', '');
  }

  /** @param wasUntold nginx did not know the files before either. @returns what is to be added to the message. */
  #restore(wasUntold: boolean): string {
    const { directory } = this.#options;
    try {
      directory.restore();
      if (!wasUntold) directory.told();
      return '';
    } catch (error) {
      return `; the files before could not be put back: ${messageOf(error)}`;
    }
  }

  /** Whether nginx takes the files before: if not, something else is wrong with its configuration. */
  async #blame(): Promise<string> {
    const { testCommand, commandTimeoutMs } = this.#options;
    const { ok } = await runCommand(testCommand, commandTimeoutMs);
    return ok ? '' : ' (the files before do not pass either: the fault lies elsewhere)';
  }
}

function tryTo<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
