import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { login, type LoginAnswer } from '../../src/client/node/index.ts';
import { freePorts } from '../support/free-ports.ts';
import type { LoginGateway } from '../support/login-gateway.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';
import { describeWithNative } from '../support/native.ts';
import { LoginWorkers, workerOf } from './login-workers.ts';

const MIB = 1024 * 1024;
const world = new LoginWorkers();
afterEach(() => world.end());

interface Pair {
  readonly owner: LoginGateway;
  readonly other: LoginGateway;
  /** A login at the owner, with the lines of the other. */
  logIn(): Promise<LoginAnswer>;
}

async function startPair(workers: number): Promise<Pair> {
  const [first, second] = (await freePorts(1, 1)) as [number, number];
  const shared = { workers, ticketKey: randomBytes(32).toString('base64') };
  const owner = await world.start({ ...shared, peer: { id: 2, port: second, ownPort: first } });
  const other = await world.start({ ...shared, id: 2, peer: { id: 1, port: first, ownPort: second } });
  const { lines } = await login({ loginUrl: other.loginUrl });
  const logIn = async (): Promise<LoginAnswer> => {
    const answer = await login({ loginUrl: owner.loginUrl });
    return { ...answer, lines, relays: true };
  };
  return { owner, other, logIn };
}

describeWithNative('two gateways with two workers each', () => {
  test.each(['udp', 'tcp', 'ws'])(
    'relay the sessions of both workers, there and back: %s',
    { timeout: 60_000 },
    async (line) => {
      const { owner, other, logIn } = await startPair(2);
      const seen = new Set<number>();
      while (seen.size < 2) {
        const connection = await world.open({ credentials: await logIn(), line, stream: true });
        seen.add(workerOf(connection));
        const stream = connection.stream();
        keystream(3, MIB).pipe(stream);
        expect(await digest(stream)).toEqual({ bytes: MIB, sha256: keystreamHash(3, MIB) });
        expect(await connection.closed).toMatchObject({ code: 1000 });
      }
      const [there, here] = [await other.gateway.status(), await owner.gateway.status()];
      expect(there.sessions).toMatchObject({ openedSessions: 0 });
      expect(here.workers.map(({ sessions }) => sessions?.openedSessions ?? 0)).not.toContain(0);
      // Each worker relays what comes in for its own number, and gets the answers.
      expect(there.workers.every(({ sessions }) => (sessions?.relayed ?? 0) > 500)).toBe(true);
    },
  );
});

describe.each([1, 2])('a gateway with workers: %d', (workers) => {
  test('stops although a WebSocket carries a relayed session', { timeout: 60_000 }, async () => {
    const { other, logIn } = await startPair(workers);
    const connection = await world.open({ credentials: await logIn(), line: 'ws', redial: false });
    const lost = new Promise((resolve) => connection.on('pathlost', resolve));
    await other.gateway.stop();
    await lost;
  });
});
