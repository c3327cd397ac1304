import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { login, type Connection } from '../../src/client/node/index.ts';
import type { SessionReport } from '../../src/gateway/data-plane.ts';
import { transferOf, type WorkerCommand } from '../../src/gateway/workers/message.ts';
import type { LoginGateway } from '../support/login-gateway.ts';
import { describeWithNative } from '../support/native.ts';
import { convOf, echo, LoginWorkers, untilStatus, workerOf } from './login-workers.ts';

const KIB = 1024;
const world = new LoginWorkers();
afterEach(() => world.end());

const TOKENS = { ann: 'ann-0123456789abcdef', bob: 'bob-0123456789abcdef' };
const STATIC_LOGIN = `auth: static, tokens: [ ${Object.entries(TOKENS)
  .map(([subject, token]) => `{ subject: ${subject}, token: ${token} }`)
  .join(', ')} ]`;

const openOf = (running: LoginGateway, subject: keyof typeof TOKENS, line: string): Promise<Connection[]> =>
  world.openAtEach(running, line, 1, { token: TOKENS[subject] });

async function untilSessions({ gateway }: LoginGateway, count: number): Promise<readonly SessionReport[]> {
  for (;;) {
    const sessions = await gateway.sessions();
    if (sessions.length === count) return sessions;
  }
}

describeWithNative('operating a gateway with two workers', () => {
  test('sessions are found wherever they are, in order, page by page', { timeout: 60_000 }, async () => {
    const running = await world.start({ login: STATIC_LOGIN });
    const { gateway } = running;
    const connections = [...(await openOf(running, 'ann', 'tcp')), ...(await openOf(running, 'bob', 'udp'))];
    const sessions = await untilSessions(running, 4);
    const ids = sessions.map(({ id }) => id);
    // Those in between were closed again.
    expect(ids.map((id) => id.replace(/\.\d+$/, ''))).toEqual(['0', '0', '1', '1']);
    expect(new Set(ids).size).toBe(4);
    for (const [i, subject] of (['ann', 'ann', 'bob', 'bob'] as const).entries()) {
      const conv = convOf(connections[i]!);
      const found = await gateway.sessions({ conv });
      expect(found).toMatchObject([{ conv, subject }]);
      expect(await gateway.sessions({ id: found[0]!.id })).toMatchObject([{ conv }]);
      expect(await gateway.sessions({ subject, conv })).toHaveLength(1);
      expect((await gateway.sessions({ subject })).map((session) => session.conv)).toContain(conv);
    }
    for (const id of ['2.0', '0.999', 'nonsense']) expect(await gateway.sessions({ id })).toEqual([]);
    const paged: string[] = [];
    for (let last: readonly SessionReport[] = []; paged.length < 4; paged.push(...last.map(({ id }) => id))) {
      const after = last.at(-1)?.id;
      last = await gateway.sessions({ limit: 3, ...(after === undefined ? {} : { after }) });
      expect(last.length).toBeGreaterThan(0);
    }
    expect(paged).toEqual(ids);
  });

  test('a kick finds its session, and a limit is for all workers', { timeout: 60_000 }, async () => {
    const running = await world.start({ login: STATIC_LOGIN });
    const { gateway } = running;
    const ann = await openOf(running, 'ann', 'tcp');
    const bob = await openOf(running, 'bob', 'ws');
    await untilSessions(running, 4);
    const [{ id }] = (await gateway.sessions({ conv: convOf(ann[1]!) })) as [SessionReport];
    expect(await gateway.kick({ id }, CloseCode.kicked, 'by its id')).toBe(1);
    expect(await ann[1]!.closed).toMatchObject({ code: CloseCode.kicked, reason: 'by its id' });
    for (const other of ['7.1', 'nonsense']) {
      expect(await gateway.kick({ id: other }, CloseCode.kicked, '')).toBe(0);
    }
    expect(await gateway.kick({ subject: 'bob', limit: 1 }, CloseCode.blocked, 'one')).toBe(1);
    await untilSessions(running, 2);
    expect(await gateway.kick({ subject: 'bob', limit: 5 }, CloseCode.blocked, 'the rest')).toBe(1);
    for (const each of bob) expect((await each.closed).code).toBe(CloseCode.blocked);
    expect(await echo(ann[0]!, 'still here')).toBe('still here');
    expect((await gateway.status()).sessions?.closedSessions).toMatchObject({ kicked: 1, blocked: 2 });
  });

  test(
    'a drain reaches all, survives the death of a worker, and can be taken back',
    { timeout: 60_000 },
    async () => {
      const running = await world.start();
      const { gateway, loginUrl, threads } = running;
      const credentials = await login({ loginUrl });
      const connections = await world.openAtEach(running, 'tcp');
      await untilSessions(running, 2);
      const told = connections.map(
        (each) => new Promise((resolve) => each.on('draining', ({ lines }) => resolve(lines))),
      );
      gateway.drain({ deadlineMs: 60_000, jitterMs: 0, lines: ['elsewhere'] });
      expect(await Promise.all(told)).toEqual([['elsewhere'], ['elsewhere']]);
      expect((await gateway.status()).draining).toBe(true);
      const refused = { code: 'session_closed', details: { code: CloseCode.drain } };
      await expect(world.open({ credentials })).rejects.toMatchObject(refused);
      await expect(login({ loginUrl })).rejects.toMatchObject({ code: 'login_refused' });

      await threads[workerOf(connections[0]!)]!.terminate();
      await threads[1]!.terminate();
      const status = await untilStatus(running, ({ workers }) =>
        workers.every(({ state, failures }) => state === 'running' && failures === 1),
      );
      expect(status.draining).toBe(true);
      expect(status.workers.map(({ draining }) => draining)).toEqual([true, true]);
      for (const line of ['udp', 'tcp', 'ws']) {
        await expect(world.open({ credentials, line })).rejects.toMatchObject(refused);
      }
      gateway.undrain();
      expect((await gateway.status()).draining).toBe(false);
      expect(await echo(await world.open({ credentials }), 'again')).toBe('again');
      expect(await world.openAtEach(running, 'ws')).toHaveLength(2);
    },
  );

  test('a subject has so many sessions at all workers together', { timeout: 60_000 }, async () => {
    const running = await world.start({
      login: `${STATIC_LOGIN}, max_sessions_per_subject: 2`,
    });
    const opened: Connection[] = [];
    const open = async (subject: keyof typeof TOKENS): Promise<void> => {
      const connection = await world.open({
        loginUrl: running.loginUrl,
        token: TOKENS[subject],
        line: 'udp',
      });
      // The client may have opened before its worker did; here the sessions are to be as old as their order says.
      await echo(connection, 'is it open there?');
      opened.push(connection);
    };
    await open('bob');
    const workersOf = (): Set<number> => new Set(opened.map(workerOf));
    // One after the other of one worker, and of two: where chance puts all at one, which one in 4096 runs shows, a few more.
    for (let i = 0; i < 12 || (workersOf().size < 2 && i < 60); i++) {
      await open('ann');
      const surplus = i < 2 ? undefined : opened[i - 1];
      if (surplus === undefined) continue;
      expect(await surplus.closed).toMatchObject({ code: CloseCode.replaced });
    }
    expect(workersOf().size).toBe(2);
    await untilSessions(running, 3);
    expect(await echo(opened[0]!, 'bob')).toBe('bob');
    // One that ends makes room.
    await opened.at(-2)!.close();
    await untilSessions(running, 2);
    await open('ann');
    expect(await echo(opened.at(-2)!, 'ann')).toBe('ann');
    expect(await running.gateway.sessions({ subject: 'ann' })).toHaveLength(2);
  });
});

describeWithNative('a worker that dies', () => {
  test.each(['udp', 'tcp', 'ws'])(
    'takes its sessions with it: their clients are told over %s, and come back; the others go on',
    { timeout: 60_000 },
    async (line) => {
      const running = await world.start();
      const connections = await world.openAtEach(running, line);
      await untilSessions(running, 2);
      for (let death = 1; death <= 2; death++) {
        await running.threads.at(-1)!.terminate();
        const lost = connections[1]!;
        expect(await echo(connections[0]!, 'not me')).toBe('not me');
        // Over UDP it is the answer to what it sends that tells it.
        const asking = setInterval(() => {
          if (line === 'udp') lost.send(Buffer.from('is anybody there?'));
        }, 20);
        const end = await lost.closed.finally(() => clearInterval(asking));
        expect(end).toMatchObject({ code: CloseCode.staleSession, mayReconnect: true });
        connections[1] = await world.open({ credentials: lost.login, line });
        expect(workerOf(connections[1])).toBe(1);
        expect(await echo(connections[1], 'here again')).toBe('here again');
        const [first, second] = await untilSessions(running, 2);
        expect(first?.id).toMatch(/^0\.\d+$/);
        // Ids are never used again.
        expect(second?.id).toBe(`1.${String(death)}0000000000`);
      }
      const { workers, listeners } = await running.gateway.status();
      expect(workers.map(({ failures, state }) => [failures, state])).toEqual([
        [0, 'running'],
        [2, 'running'],
      ]);
      for (const { stats } of listeners) {
        expect(stats.carrier.connections?.open ?? 0).toBeLessThanOrEqual(line === 'udp' ? 0 : 2);
      }
    },
  );
});

describeWithNative('a worker that takes nothing', () => {
  test(
    'costs little memory: its connections are not read; the others are served',
    { timeout: 60_000 },
    async () => {
      const withheld: WorkerCommand[] = [];
      let isWithheld = true;
      let started = 0;
      const running = await world.start({
        listeners: 'first_datagram_timeout: 60s',
        udpListener: '',
        wrapThread: (thread) => {
          if (started++ !== 1) return thread;
          return {
            on: thread.on.bind(thread),
            terminate: () => thread.terminate(),
            postMessage: (command, transfer) => {
              if (isWithheld && command.type === 'line') withheld.push(command);
              else thread.postMessage(command, transfer);
            },
          };
        },
      });
      // A frame of RFC 4571 with a sealed datagram, of a session of worker 1 that nobody knows.
      const frame = Buffer.alloc(2 + 1000);
      frame.writeUInt16BE(1000);
      frame.writeUInt32LE(7, 2);
      frame[6] = 0xa0;
      const read = Buffer.concat(Array.from({ length: 64 }, () => frame));
      const floods = await Promise.all(
        Array.from({ length: 8 }, async () => {
          const socket = createConnection(running.ports.tcp, '127.0.0.1');
          world.onEnd(() => socket.destroy());
          await once(socket, 'connect');
          const pour = (): void => {
            while (socket.write(read));
          };
          socket.on('drain', pour);
          pour();
          return socket;
        }),
      );
      const hasChanged = async (): Promise<boolean> => {
        const before = floods.map(({ bytesWritten }) => bytesWritten);
        await delay(20);
        return floods.some(({ bytesWritten }, i) => bytesWritten !== before[i]);
      };
      // Still for fifteen turns of the event loop, and not only for a while in which this process did not run.
      for (let still = 0; still < 15; still++) if (await hasChanged()) still = -1;
      const bytes = withheld.reduce((sum, command) => {
        const { datagrams = null } = command.type === 'line' ? command.input : {};
        return sum + (datagrams?.memory.byteLength ?? 0);
      }, 0);
      expect(bytes).toBeGreaterThan(8 * 200 * KIB);
      expect(bytes).toBeLessThan(8 * 400 * KIB);
      for (let found = false; !found;) {
        const connection = await world.open({ loginUrl: running.loginUrl, line: 'udp' });
        found = workerOf(connection) === 0;
        if (!found) continue;
        await connection.moveTo('tcp');
        expect(await echo(connection, 'served')).toBe('served');
      }

      const stoodAt = floods.map(({ bytesWritten }) => bytesWritten);
      isWithheld = false;
      for (const command of withheld.splice(0)) running.threads[1]!.postMessage(command, transferOf(command));
      while (floods.some(({ bytesWritten }, i) => bytesWritten < stoodAt[i]! + 4 * KIB * KIB))
        await delay(10);
      for (const socket of floods) socket.destroy();
      await untilStatus(running, ({ listeners }) => listeners[1]?.stats.carrier.connections?.open === 1);
    },
  );
});
