import { describe, expect, test } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { GatewayError } from '../../../../src/base/errors.ts';
import { DrainedGateways } from '../../../../src/client/drained-gateways.ts';
import type { Line, LoginAnswer, LoginSession } from '../../../../src/client/login-answer.ts';
import { ClientOpener } from '../../../../src/client/sdk/client-opener.ts';
import type { Connection } from '../../../../src/client/sdk/connection.ts';
import type { HeldLogin } from '../../../../src/client/sdk/login-client.ts';
import type { SessionOptions } from '../../../../src/client/sdk/session-options.ts';
import type { OpenRequest } from '../../../../src/client/sdk/session-transport.ts';

/** A login with numbered answers, and what became of each. */
class Logins {
  readonly log: string[] = [];
  gateways: readonly number[] = [1, 2];
  ticketMs = 60_000;
  bestLine: string | undefined = undefined;
  fails: GatewayError | undefined;
  #count = 0;

  take(): Promise<HeldLogin> {
    if (this.fails !== undefined) return Promise.reject(this.fails);
    const name = `login ${String(++this.#count)}`;
    this.log.push(`take ${name}`);
    const answer = {
      sessions: this.gateways.map((gatewayId) => ({ gatewayId }) as LoginSession),
      lines: this.gateways.map((gatewayId) => ({ gatewayId, id: `line-${String(gatewayId)}` }) as Line),
      relays: false,
      serverTime: name,
    } as unknown as LoginAnswer;
    return Promise.resolve({
      answer,
      isCached: false,
      ticketMsLeft: () => this.ticketMs,
      release: () => this.log.push(`release ${name}`),
      discard: () => this.log.push(`discard ${name}`),
    });
  }
  rememberLine(id: string): void {
    this.bestLine = id;
  }
}

interface World {
  readonly opener: ClientOpener;
  readonly logins: Logins;
  readonly drained: DrainedGateways;
  /** Login and gateways that each session was opened with. */
  readonly opened: string[];
  readonly options: SessionOptions[];
  /** What the next attempts meet. */
  readonly failures: GatewayError[];
  open(request?: Partial<OpenRequest>): Promise<unknown>;
}

function create({ hasOtherLogins = true } = {}): World {
  const logins = new Logins();
  const drained = new DrainedGateways();
  const opened: string[] = [];
  const options: SessionOptions[] = [];
  const failures: GatewayError[] = [];
  const opener = new ClientOpener({
    platform: { clock: { now: () => 0 } },
    ...{ logins, hasOtherLogins, drained, loggingIn: new Set<never>(), session: {} },
    openSession: (answer, given) => {
      options.push(given);
      opened.push(`${answer.serverTime}: ${answer.sessions.map(({ gatewayId }) => gatewayId).join(' ')}`);
      const failure = failures.shift();
      if (failure !== undefined) return Promise.reject(failure);
      const [line] = answer.lines;
      return Promise.resolve({ line, place: { lineId: line?.id } } as unknown as Connection);
    },
  });
  const open = (request: Partial<OpenRequest> = {}): Promise<unknown> =>
    opener.open({
      ...{ reason: 'first', leave: undefined, prefer: [], closedWith: undefined, report: () => undefined },
      signal: new AbortController().signal,
      ...request,
    });
  return { opener, logins, drained, opened, options, failures, open };
}

const refused = (code: CloseCode): GatewayError =>
  new GatewayError('session_closed', '', { details: { code } });

describe('the login at hand', () => {
  test('opens the session anew, beginning on the line that was used', async () => {
    const { open, opener, opened, options, logins } = create();
    await open();
    await open({ reason: 'reconnect', closedWith: CloseCode.staleSession });
    expect(opened).toEqual(['login 1: 1 2', 'login 1: 1 2']);
    expect(options.map(({ remembered }) => remembered)).toEqual([undefined, { lineId: 'line-1' }]);
    opener.release();
    expect(logins.log).toEqual(['take login 1', 'release login 1']);
    expect(logins.bestLine).toBe('line-1');
  });

  test('is not used when its tickets are over, or the last close says so', async () => {
    const { open, opened, logins } = create();
    await open();
    await open({ closedWith: CloseCode.ticketExpired });
    expect(logins.log).toEqual(['take login 1', 'discard login 1', 'take login 2']);
    logins.ticketMs = 0;
    await expect(open()).rejects.toMatchObject({ code: 'no_line' });
    logins.ticketMs = 1;
    await open();
    expect(opened).toEqual(['login 1: 1 2', 'login 2: 1 2', 'login 4: 1 2']);
  });

  test('that a gateway does not accept any more is replaced at once', async () => {
    const { open, opened, failures, logins } = create();
    await open();
    failures.push(refused(CloseCode.staleSession));
    await open();
    expect(opened).toEqual(['login 1: 1 2', 'login 1: 1 2', 'login 2: 1 2']);
    expect(logins.log).toContain('discard login 1');
    // A fresh one that is refused is refused.
    failures.push(refused(CloseCode.authFailed), refused(CloseCode.authFailed));
    await expect(open()).rejects.toMatchObject({ details: { code: CloseCode.authFailed } });
  });

  test('that leads nowhere twice is given back, and another one taken', async () => {
    const { open, opened, failures, logins } = create();
    await open();
    failures.push(...[1, 2].map(() => new GatewayError('connect_timeout')));
    await expect(open()).rejects.toMatchObject({ code: 'connect_timeout' });
    await expect(open()).rejects.toMatchObject({ code: 'connect_timeout' });
    await open();
    expect(logins.log).toEqual(['take login 1', 'release login 1', 'take login 2']);
    expect(opened.at(-1)).toBe('login 2: 1 2');
  });
});

describe('a gateway that is left', () => {
  test('is not gone to again, nor one that is drained while there is another', async () => {
    const { open, opened, drained } = create();
    await open();
    await open({ reason: 'handover', leave: 1 });
    drained.add(0, 1, 1000);
    await open();
    drained.add(0, 2, 1000);
    await open();
    expect(opened).toEqual(['login 1: 1 2', 'login 1: 2', 'login 1: 2', 'login 1: 1 2']);
  });

  test('says which lines it would have: the best one that leads elsewhere is tried first', async () => {
    const { open, options, logins } = create();
    logins.gateways = [1, 2, 3];
    await open();
    await open({ reason: 'handover', leave: 1, prefer: ['line-9', 'line-1', 'line-3', 'line-2'] });
    expect(options[1]?.remembered).toEqual({ lineId: 'line-3' });
    await open({ reason: 'handover', leave: 1, prefer: ['line-9'] });
    expect(options[2]?.remembered).toEqual({ lineId: 'line-2' });
  });

  test('another login may know another gateway; the old one is nobody else’s', async () => {
    const { open, opened, logins } = create();
    logins.gateways = [1];
    await open();
    logins.gateways = [3];
    await open({ reason: 'handover', leave: 1 });
    expect(opened).toEqual(['login 1: 1', 'login 2: 3']);
    expect(logins.log).toEqual(['take login 1', 'take login 2', 'discard login 1']);
  });

  test('when no login knows another gateway all stays as it is', async () => {
    const { open, opened, logins } = create();
    logins.gateways = [1];
    await open();
    await expect(open({ leave: 1 })).rejects.toMatchObject({ code: 'no_line' });
    expect(logins.log).toEqual(['take login 1', 'take login 2', 'release login 2']);
    await open();
    expect(opened).toEqual(['login 1: 1', 'login 1: 1']);

    const single = create({ hasOtherLogins: false });
    single.logins.gateways = [1];
    await single.open();
    await expect(single.open({ leave: 1 })).rejects.toMatchObject({ code: 'no_line' });
    expect(single.logins.log).toEqual(['take login 1']);
  });

  test('while the other one cannot be reached it is tried again and again, where no other login knows more', async () => {
    const { open, opened, failures, logins } = create({ hasOtherLogins: false });
    await open();
    failures.push(...[1, 2, 3].map(() => new GatewayError('connect_timeout')));
    for (let n = 0; n < 3; n++)
      await expect(open({ reason: 'handover', leave: 1 })).rejects.toMatchObject({ code: 'connect_timeout' });
    await open({ reason: 'handover', leave: 1 });
    expect(opened.slice(1)).toEqual(Array.from({ length: 4 }, () => 'login 1: 2'));
    // ... and says nothing of the gateway in use.
    failures.push(...[1, 2, 3].map(() => new GatewayError('connect_timeout')));
    for (let n = 0; n < 3; n++) await open({ reason: 'handover', leave: 1 }).catch(() => undefined);
    await open();
    expect(opened.at(-1)).toBe('login 1: 1 2');
    expect(logins.log).toEqual(['take login 1']);
  });
});
