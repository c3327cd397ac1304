import { expect, test } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { PreparedLine } from '../../../../src/client/sdk/prepared-line.ts';
import { Standbys, type StandbyUser } from '../../../../src/client/sdk/standbys.ts';
import { orAborted } from '../../../../src/client/sdk/time-limit.ts';
import { Path } from '../../../../src/session/index.ts';
import { lineOf } from '../lines/lines.ts';

/** Lines whose preparing the test decides about. */
class Lines {
  readonly log: string[] = [];
  readonly #answers: ((error?: GatewayError) => void)[] = [];
  prepared: PreparedLine | undefined;
  /** Nobody answers what is asked anew. */
  isSilent = false;
  #count = 0;

  async prepare(line: Line, { signal }: { readonly signal?: AbortSignal } = {}): Promise<PreparedLine> {
    this.log.push(`prepare ${line.id}`);
    const answer = new Promise<void>((resolve, reject) => {
      this.#answers.push((error) => (error === undefined ? resolve() : reject(error)));
    });
    await orAborted(answer, signal!);
    const path = new Path(this.#count++, 0, false, 0, { validated: true, announcing: false });
    return (this.prepared = new PreparedLine(line, path, {
      ask: (_, own) => {
        this.log.push('ask');
        return this.isSilent ? orAborted(new Promise(() => {}), own) : Promise.resolve();
      },
      use: () => this.log.push('use'),
      abandon: () => this.log.push('abandon'),
    }));
  }

  /** What was asked first is answered. */
  async answer(error?: GatewayError): Promise<void> {
    this.#answers.shift()?.(error);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

class User implements StandbyUser {
  readonly lost: string[] = [];

  standbyLost(line: string, { code }: GatewayError): void {
    this.lost.push(`${line} ${code}`);
  }
}

const a = lineOf('a');

function set(): {
  readonly lines: Lines;
  readonly standbys: Standbys;
  readonly users: readonly [User, User];
} {
  const lines = new Lines();
  return { lines, standbys: new Standbys(lines), users: [new User(), new User()] };
}

test('a line is prepared once for all who need it, and given up with the last one', async () => {
  const { lines, standbys, users } = set();
  const keeping = users.map((user) => standbys.keep(user, a, 1000));
  expect(standbys.pathOf('a')).toBeUndefined();
  await lines.answer();
  await Promise.all(keeping);
  expect(standbys.pathOf('a')).toBe(lines.prepared?.path);
  await standbys.keep(users[0], a, 1000);
  standbys.release(users[0], 'a');
  standbys.release(users[0], 'a');
  expect(lines.log).toEqual(['prepare a', 'ask']);
  standbys.release(users[1], 'a');
  expect(lines.log).toEqual(['prepare a', 'ask', 'abandon']);
  expect(standbys.pathOf('a')).toBeUndefined();
});

test('releasing ends what is under way; the next one is not disturbed by it', async () => {
  const { lines, standbys, users } = set();
  const first = expect(standbys.keep(users[0], a, 1000)).rejects.toMatchObject({ code: 'move_failed' });
  standbys.release(users[0], 'a');
  const second = standbys.keep(users[0], a, 1000);
  await first;
  await lines.answer();
  await lines.answer();
  await second;
  expect(standbys.pathOf('a')).toBe(lines.prepared?.path);
  expect(lines.log).toEqual(['prepare a', 'prepare a']);
});

test('one that cannot be prepared is told to all, and can be tried again', async () => {
  const { lines, standbys, users } = set();
  const keeping = users.map((user) => expect(standbys.keep(user, a, 1000)).rejects.toThrow('nobody'));
  await lines.answer(new GatewayError('connect_failed', 'nobody'));
  await Promise.all(keeping);
  const again = standbys.keep(users[0], a, 1000);
  await lines.answer();
  await again;
});

test('one that is used or lost is gone for the others', async () => {
  const { lines, standbys, users } = set();
  for (const end of ['use', 'lose'] as const) {
    const keeping = users.map((user) => standbys.keep(user, a, 1000));
    await lines.answer();
    await Promise.all(keeping);
    if (end === 'use') standbys.use(users[0], 'a');
    else lines.prepared?.lose(new GatewayError('connect_failed'));
    expect(standbys.pathOf('a')).toBeUndefined();
    expect(() => standbys.use(users[0], 'a')).toThrow(expect.objectContaining({ code: 'move_failed' }));
    for (const user of users) standbys.release(user, 'a');
  }
  expect(users[0].lost).toEqual(['a connect_failed']);
  expect(users[1].lost).toEqual(['a move_failed', 'a connect_failed']);
  expect(lines.log).toEqual(['prepare a', 'use', 'prepare a']);
});

test('one that is lost while it is asked anew is not waited for', async () => {
  const { lines, standbys, users } = set();
  const keeping = standbys.keep(users[0], a, 1000);
  await lines.answer();
  await keeping;
  lines.isSilent = true;
  const asking = expect(standbys.keep(users[0], a, 1000)).rejects.toThrow('broke');
  lines.prepared?.lose(new GatewayError('connect_failed', 'broke'));
  await asking;
});

test('at the end nothing is left, and nothing more is prepared', async () => {
  const { lines, standbys, users } = set();
  const keeping = expect(standbys.keep(users[0], a, 1000)).rejects.toMatchObject({ code: 'session_closed' });
  standbys.end();
  await keeping;
  await expect(standbys.keep(users[0], a, 1000)).rejects.toMatchObject({ code: 'session_closed' });
  expect(lines.log).toEqual(['prepare a']);
});
