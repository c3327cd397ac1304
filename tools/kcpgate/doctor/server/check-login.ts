import { GatewayError } from '../../../../src/base/errors.ts';
import type { LoginAnswer, Seal } from '../../../../src/client/login-answer.ts';
import { login, type LoginProblem } from '../../../../src/client/sdk/login.ts';
import type { Finding } from '../finding.ts';
import { messageOf } from '../message.ts';
import { explainFault } from './fault-words.ts';

/** What came of a login, and when by the clock here, in ms of Unix time. */
export interface LoginOutcome {
  readonly answer: LoginAnswer | undefined;
  readonly askedAtMs: number;
  readonly tookMs: number;
  readonly finding: Finding;
}

/** Logs in once, as a client would. */
export async function checkLogin(
  url: URL,
  token: string | undefined,
  seal: readonly Seal[],
): Promise<LoginOutcome> {
  const askedAtMs = Date.now();
  const startedAt = performance.now();
  const sofar = () => ({ askedAtMs, tookMs: performance.now() - startedAt });
  try {
    const answer = await login({ loginUrl: url, seal, ...(token === undefined ? {} : { token }) });
    const times = sofar();
    return { answer, ...times, finding: goodLogin(answer, times.tookMs) };
  } catch (error) {
    return { answer: undefined, ...sofar(), finding: judgeLoginFailure(error, url, token !== undefined) };
  }
}

function goodLogin({ lines, sessions }: LoginAnswer, tookMs: number): Finding {
  const gateways = new Set(lines.map(({ gatewayId }) => gatewayId)).size;
  const text = `${count(lines.length, 'line')} of ${count(gateways, 'gateway')}, answered in ${tookMs.toFixed(0)} ms`;
  const details = { tookMs, lines: lines.map(({ id }) => id), seals: sessions.map(({ seal }) => seal) };
  return { check: 'login', status: 'ok', text, details };
}

/** @param hasToken whether one was sent. */
export function judgeLoginFailure(error: unknown, url: URL, hasToken: boolean): Finding {
  const failed = { check: 'login', status: 'failure' } as const;
  if (!(error instanceof GatewayError)) return { ...failed, text: messageOf(error) };
  const { code, message } = error;
  if (code === 'login_refused') {
    const { status, problem } = error.details as { readonly status: number; readonly problem: LoginProblem };
    const advice = refusalAdvice(status, problem.code, hasToken);
    return { ...failed, text: message, ...(advice.length > 0 && { advice }), details: { status, problem } };
  }
  if (code === 'login_failed' && error.cause === undefined && message.includes('is no login')) {
    const advice = [
      `is ${url.pathname} the login_path of the gateway?`,
      'or does this network ask for something first (hotel, captive portal)? Open the URL in a browser',
    ];
    return { ...failed, text: message, advice };
  }
  const { text, advice } = explainFault(error, url.hostname);
  const where = text.includes(url.hostname) ? text : `${url.origin}: ${text}`;
  return { ...failed, text: where, ...(advice.length > 0 && { advice }) };
}

function refusalAdvice(status: number, problem: string | undefined, hasToken: boolean): string[] {
  if (status === 401) {
    return [
      hasToken
        ? 'a token that is accepted: --token-file FILE'
        : 'this login wants a token: --token-file FILE',
    ];
  }
  if (problem === 'insecure') return ['the https: URL; or allow_http in the configuration of the gateway'];
  if (status === 403) return ['whoever runs the gateway does not let this client in: ask there'];
  if (status === 404) return ['is the path of the URL right? It is login_path of the gateway'];
  if (status === 429) return ['wait a little: too many logins from here'];
  if (status >= 500)
    return ['the gateway is there, but does not let anybody in now: wait, or ask who runs it'];
  return [];
}

const count = (number: number, what: string): string => `${String(number)} ${what}${number === 1 ? '' : 's'}`;
