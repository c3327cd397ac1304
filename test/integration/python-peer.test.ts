import { afterEach, expect, test } from 'vitest';
import { NO_LOG } from '../../src/base/logger.ts';
import { CloseCode } from '../../src/base/close-code.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';
import { peer } from '../support/peers.ts';
import { runPythonClient } from '../support/python-client.ts';
import { configOf } from '../unit/gateway/config/loading.ts';

/*
 * The client of test/peers/python shares no code with ours and was written from docs/protocol.md: what it can do, the document
 * says how.
 */

const KIB = 1024;
let running: LoginGateway | undefined;

afterEach(async () => {
  await running?.gateway.stop();
  running = undefined;
});

async function start(options?: LoginGatewayOptions): Promise<LoginGateway> {
  return (running = await startLoginGateway(options));
}

peer('python').describe('an independent client', () => {
  test('logs in, echoes over UDP, changes its port in mid-session and ends in order', async () => {
    const { gateway, loginUrl } = await start();
    const client = runPythonClient(loginUrl, ['--kib', '1024', '--changes', '3']);
    expect(await client.nextEvent('closed')).toMatchObject({
      ...{ code: 1000, reason: 'finished', bytes: 1024 * KIB, equal: true, changes: 3 },
    });
    expect((await client.exit).code).toBe(0);
    await expect
      .poll(async () => (await gateway.status()).sessions)
      .toMatchObject({
        ...{ openedSessions: 1, moves: 3, closedSessions: { normal: 1 } },
      });
  });

  test('loses nothing where a tenth of all datagrams is lost', async () => {
    const { gateway, loginUrl } = await start();
    const client = runPythonClient(loginUrl, ['--kib', '128', '--loss', '0.1', '--changes', '2']);
    const closed = await client.nextEvent('closed');
    expect(closed).toMatchObject({ code: 1000, bytes: 128 * KIB, equal: true, changes: 2 });
    // Of some 250 datagrams.
    expect(Number(closed.lost)).toBeGreaterThan(0);
    await expect
      .poll(async () => (await gateway.status()).sessions)
      .toMatchObject({
        closedSessions: { normal: 1 },
      });
  });

  test('does the same over TCP, where its connection is replaced by another', async () => {
    const { gateway, loginUrl } = await start();
    const client = runPythonClient(loginUrl, ['--tcp', '--kib', '1024', '--changes', '2']);
    expect(await client.nextEvent('closed')).toMatchObject({
      ...{ code: 1000, reason: 'finished', bytes: 1024 * KIB, equal: true, changes: 2 },
    });
    await expect
      .poll(async () => (await gateway.status()).sessions)
      .toMatchObject({
        ...{ moves: 2, closedSessions: { normal: 1 } },
      });
  });

  test.each([['--tcp'], ['--changes=0']])('is told why when it is kicked (%s)', async (option) => {
    const { gateway, loginUrl } = await start();
    const client = runPythonClient(loginUrl, ['--kib', '0', option]);
    const { conv } = await client.nextEvent('opened');
    await expect.poll(async () => (await gateway.sessions()).length).toBe(1);
    expect(await gateway.kick({ conv: Number(conv) }, CloseCode.kicked, 'out with you')).toBe(1);
    expect(await client.nextEvent('closed')).toMatchObject({ code: 3500, reason: 'out with you' });
    await expect.poll(async () => (await gateway.sessions()).length).toBe(0);
  });

  test('is refused with a code it can read once it has proved itself', async () => {
    // One worker: each has a limit of its own.
    const { loginUrl } = await start({ workers: 1, sessions: 'max_sessions_per_source: 1' });
    const first = runPythonClient(loginUrl, ['--kib', '0']);
    await first.nextEvent('opened');
    const second = runPythonClient(loginUrl, []);
    expect(await second.nextEvent('closed')).toMatchObject({ code: 3006, reason: 'source_limit' });
    await first.stop();
  });

  test('believes a gateway that does not know its session, by the reset token of the login', async () => {
    const resetKey = `reset_key: "${Buffer.alloc(32, 1).toString('base64')}"`;
    const config = configOf(`
      common: { admin_addr: null, gateway_id: 1 }
      listeners: [ { name: udp, type: kcp-udp, bind: "127.0.0.1:0" } ]
      login: { ticket_keys: [ { id: 2, key: "${Buffer.alloc(32, 2).toString('base64')}" } ], ${resetKey} }`);
    const other = await startGateway(config, { logger: NO_LOG });
    try {
      const { port } = (await other.status()).listeners[0]!.address;
      const line = `{ id: other, transport: udp, host: 127.0.0.1, port: ${String(port)} }`;
      const { loginUrl } = await start({ login: `${resetKey}, lines: [ ${line} ]` });
      const client = runPythonClient(loginUrl, []);
      expect(await client.nextEvent('closed')).toMatchObject({ code: 3004, reason: 'reset' });
      const { stats } = (await other.status()).listeners[0]!;
      // A client that is not answered within a quarter of a second asks again.
      expect(stats.resetsSent).toBeGreaterThan(0);
      expect(stats.drops.ticket_unknown_key).toBeGreaterThanOrEqual(stats.resetsSent);
    } finally {
      await other.stop();
    }
  });
});
