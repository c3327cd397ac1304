import type * as z from 'zod';
import { GatewayError } from '../../../src/base/errors.ts';
import { describeSystemError, type SystemErrorLike } from '../../../src/base/node-error.ts';
import { PROBLEM } from '../../../src/gateway/admin/admin-problem.ts';
import { readSecretFile } from '../token/read-key-file.ts';
import type { AdminOptions } from './admin-options.ts';

/** Why a gateway did not do what it was asked: for people. */
export class AdminFailure extends Error {
  /** The `code` of a refusal; null when there was no answer of an admin API. */
  readonly code: string | null;

  constructor(message: string, code: string | null = null) {
    super(message);
    this.name = 'AdminFailure';
    this.code = code;
  }
}

/** What a gateway answered. */
export interface AdminAnswer<Value> {
  /** As far as it is understood here. */
  readonly value: Value;
  /** All of it. */
  readonly json: unknown;
}

/** Asks the admin API of a running gateway. */
export class AdminClient {
  readonly #base: URL;
  readonly #token: string | undefined;

  /** @throws GatewayError `config_invalid` when the token cannot be read. */
  constructor({ admin, tokenFile }: Pick<AdminOptions, 'admin' | 'tokenFile'>) {
    this.#base = admin;
    this.#token = tokenFile === undefined ? undefined : readToken(tokenFile);
  }

  /**
   * @param path without a slash at its beginning.
   * @throws AdminFailure when the gateway refuses, or is not there.
   */
  get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<AdminAnswer<z.output<Schema>>> {
    return this.#ask(path, undefined, schema);
  }

  /** As {@link get}; `body` goes as JSON. */
  post<Schema extends z.ZodType>(
    path: string,
    body: object,
    schema: Schema,
  ): Promise<AdminAnswer<z.output<Schema>>> {
    return this.#ask(path, JSON.stringify(body), schema);
  }

  async #ask<Schema extends z.ZodType>(
    path: string,
    body: string | undefined,
    schema: Schema,
  ): Promise<AdminAnswer<z.output<Schema>>> {
    const { ok, status, json } = await this.#fetch(new URL(path, this.#base), body);
    if (!ok) throw this.#refusal(status, json);
    const result = schema.safeParse(json);
    if (!result.success) throw this.#stranger(status);
    return { value: result.data, json };
  }

  async #fetch(
    url: URL,
    body: string | undefined,
  ): Promise<{ readonly ok: boolean; readonly status: number; readonly json: unknown }> {
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
    };
    try {
      const response = await fetch(url, {
        ...(body === undefined ? {} : { method: 'POST', body }),
        headers,
        // The token is for this address only.
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { ok: response.ok, status: response.status, json: jsonOf(await response.text()) };
    } catch (error) {
      throw new AdminFailure(`no answer from ${this.#base.host}: ${reasonOf(error)}`);
    }
  }

  #refusal(status: number, json: unknown): AdminFailure {
    const problem = PROBLEM.safeParse(json);
    if (!problem.success) return this.#stranger(status);
    const { title, detail, code } = problem.data;
    const advice = code === 'token_required' ? ' --token-file gives one.' : '';
    return new AdminFailure(`${title}${detail === undefined ? '' : ` ${detail}`}${advice}`, code);
  }

  #stranger(status: number): AdminFailure {
    return new AdminFailure(
      `what answers at ${this.#base.host} is no admin API of kcpgate, or of another version (HTTP ${String(status)})`,
    );
  }
}

const TIMEOUT_MS = 10_000;

function readToken(file: string): string {
  const token = readSecretFile(file);
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new GatewayError('config_invalid', `kcpgate: ${file}: is no token`);
}

/** undefined when it is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `fetch` hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing in ${String(TIMEOUT_MS / 1000)} s`;
  const cause = error.cause as (SystemErrorLike & Error) | undefined;
  if (cause === undefined) return error.message;
  return cause.code?.startsWith('E') === true && !cause.code.startsWith('ERR_')
    ? describeSystemError(cause)
    : cause.message;
}
