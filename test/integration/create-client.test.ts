import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import {
  createClient,
  toDuplex,
  type Client,
  type ClientSession,
  type ClientStatus,
  type NodeClientOptions,
} from '../../src/client/node/index.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';
import { buildIfStale } from '../support/kcpgate-command.ts';
import { startLoginGateway } from '../support/login-gateway.ts';
import { startLoginGateways } from '../support/login-gateways.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function create(options: NodeClientOptions): Client {
  const client = createClient(options);
  closers.push(() => client.destroy());
  return client;
}

interface Watched {
  readonly session: ClientSession;
  readonly statuses: ClientStatus[];
}

async function connect(client: Client): Promise<Watched> {
  const statuses: ClientStatus[] = [];
  const session = await client.connect({ onStatus: (status) => statuses.push(status) });
  return { session, statuses };
}

async function untilStatus(statuses: readonly ClientStatus[], type: ClientStatus['type']): Promise<void> {
  while (!statuses.some((status) => status.type === type)) await delay(5);
}

/** Sends numbers as messages, as fast as they are taken, until told to stop. @returns how many. */
async function sendNumbers(session: ClientSession, isEnough: (sent: number) => boolean): Promise<number> {
  let next = 0;
  while (!isEnough(next)) {
    const message = Buffer.from(String(next));
    while (session.send(message) < message.length) await session.writable();
    next++;
    if (next % 16 === 0) await delay(1);
  }
  return next;
}

async function collect(session: ClientSession, into: number[]): Promise<void> {
  for await (const message of session) into.push(Number(Buffer.from(message).toString()));
}

describe('a gateway that is drained', () => {
  test(
    'is left for another one: every message once and in order, both ways',
    { timeout: 60_000 },
    async () => {
      const { gateways, loginUrls, stop } = await startLoginGateways(2);
      closers.push(stop);
      const client = create({ loginUrl: loginUrls });
      const { session, statuses } = await connect(client);
      const first = session.stats().gatewayId ?? 0;
      const received: number[] = [];
      const collected = collect(session, received);
      let left = Number.POSITIVE_INFINITY;
      session.on('left', () => (left = received.length));
      setTimeout(
        () => gateways[first - 1]?.gateway.drain({ deadlineMs: 30_000, jitterMs: 200, lines: [] }),
        100,
      );
      const sent = await sendNumbers(session, (count) => count > 2000 && received.length > left + 200);
      session.end();
      await collected;
      expect(await session.closed).toMatchObject({ code: CloseCode.normal });
      expect(received).toEqual(Array.from({ length: sent }, (_, number) => number));
      // What happens on its lines meanwhile is another matter.
      const aboutLines: ClientStatus['type'][] = ['moved', 'decision', 'suspect', 'surveyed', 'pathlost'];
      const types = statuses.map(({ type }) => type).filter((type) => !aboutLines.includes(type));
      expect(types).toEqual([
        ...['connecting', 'loggedin', 'open', 'draining', 'connecting', 'loggedin', 'open', 'left', 'close'],
      ]);
      expect(statuses).toContainEqual({ type: 'left', from: first, to: 3 - first, lost: 0, unconfirmed: 0 });
      expect(session.stats()).toMatchObject({ connections: 2, unconfirmed: 0 });

      // Who connects now goes elsewhere at once.
      const later = await connect(client);
      expect(later.session.stats().gatewayId).toBe(3 - first);
    },
  );

  test('to and fro, under load and with a slow reader', { timeout: 60_000 }, async () => {
    const { gateways, loginUrls, stop } = await startLoginGateways(2);
    closers.push(stop);
    const client = create({ loginUrl: loginUrls });
    const { session, statuses } = await connect(client);
    const received: number[] = [];
    const enough = new AbortController();
    const sending = (async () => {
      let next = 0;
      for (; !enough.signal.aborted; next++) {
        const message = Buffer.alloc(20_000);
        message.writeUInt32LE(next);
        while (session.send(message) < message.length) await session.writable();
      }
      session.end();
      return next;
    })();
    const reading = (async () => {
      for await (const message of session) {
        received.push(Buffer.from(message).readUInt32LE());
        if (received.length % 32 === 0) await delay(5);
      }
    })();
    for (let times = 1; times <= 4; times++) {
      const at = (session.stats().gatewayId ?? 0) - 1;
      const begun = received.length;
      while (received.length < begun + 200) await delay(5);
      gateways[at]?.gateway.drain({ deadlineMs: 30_000, jitterMs: 50, lines: [] });
      while (statuses.filter(({ type }) => type === 'left').length < times) await delay(5);
      gateways[at]?.gateway.undrain();
    }
    enough.abort();
    const sent = await sending;
    await reading;
    expect(received).toEqual(Array.from({ length: sent }, (_, number) => number));
    for (const status of statuses) {
      if (status.type === 'left') expect(status).toMatchObject({ lost: 0, unconfirmed: 0 });
    }
    expect(session.stats().connections).toBe(5);
  });

  test(
    'and is the only one: the session stays, and comes back after it was cut off',
    { timeout: 60_000 },
    async () => {
      const { gateway, loginUrl } = await startLoginGateway();
      closers.push(() => gateway.stop());
      const client = create({ loginUrl, firstWaitMs: 100 });
      const { session, statuses } = await connect(client);
      const messages = session[Symbol.asyncIterator]();
      session.send(Buffer.from('open'));
      await messages.next();
      gateway.drain({ deadlineMs: 30_000, jitterMs: 0, lines: [] });
      await untilStatus(statuses, 'draining');
      session.send(Buffer.from('still here'));
      expect(Buffer.from((await messages.next()).value ?? []).toString()).toBe('still here');
      gateway.drain({ deadlineMs: 0, jitterMs: 0, lines: [] });
      await untilStatus(statuses, 'reconnecting');
      gateway.undrain();
      await untilStatus(statuses, 'reconnected');
      session.send(Buffer.from('back'));
      expect(Buffer.from((await messages.next()).value ?? []).toString()).toBe('back');
      expect(statuses.find(({ type }) => type === 'reconnecting')).toMatchObject({
        code: CloseCode.drain,
        unconfirmed: 0,
      });
    },
  );

  test('does not end a stream: it goes on where it is', { timeout: 60_000 }, async () => {
    const { gateways, loginUrls, stop } = await startLoginGateways(2);
    closers.push(stop);
    const client = create({ loginUrl: loginUrls, mode: 'stream' });
    const { session, statuses } = await connect(client);
    const stream = toDuplex(session);
    const at = session.stats().gatewayId ?? 0;
    stream.write('open');
    expect(await once(stream, 'data')).toEqual([Buffer.from('open')]);
    gateways[at - 1]?.gateway.drain({ deadlineMs: 30_000, jitterMs: 0, lines: [] });
    await untilStatus(statuses, 'draining');
    const bytes = 1 << 20;
    keystream(1, bytes).pipe(stream);
    expect(await digest(stream)).toEqual({ bytes, sha256: keystreamHash(1, bytes) });
    expect(session.stats().connections).toBe(1);
  });
});

test(
  'a gateway that is started again: the session is, too, with the same login',
  { timeout: 60_000 },
  async () => {
    const { gateways, loginUrls, restart, stop } = await startLoginGateways(1);
    closers.push(stop);
    let logins = 0;
    const client = create({
      loginUrl: loginUrls,
      firstWaitMs: 200,
      idleTimeoutMs: 3_000,
      keepAliveMs: 500,
      fetch: (...request) => {
        logins++;
        return fetch(...request);
      },
    });
    const { session, statuses } = await connect(client);
    const received: number[] = [];
    const collected = collect(session, received);
    await sendNumbers(session, (count) => count >= 100);
    while (received.length < 100) await delay(5);
    await gateways[0]?.gateway.stop();
    await restart(0);
    await untilStatus(statuses, 'reconnected');
    await sendNumbers(session, (count) => count >= 100);
    session.end();
    await collected;
    const expected = Array.from({ length: 100 }, (_, number) => number);
    expect(received).toEqual([...expected, ...expected]);
    expect(logins).toBe(1);
  },
);

test('all lines dead: it gives up after the rounds', { timeout: 60_000 }, async () => {
  const { gateways, loginUrls, stop } = await startLoginGateways(1);
  closers.push(stop);
  const client = create({
    loginUrl: loginUrls,
    rounds: 3,
    firstWaitMs: 20,
    idleTimeoutMs: 1_000,
    keepAliveMs: 200,
    handshakeTimeoutMs: 300,
    loginRounds: 2,
    maxLoginWaitMs: 30,
  });
  const { session, statuses } = await connect(client);
  await gateways[0]?.gateway.stop();
  expect(await session.closed).toMatchObject({ code: CloseCode.retriesExhausted, mayReconnect: false });
  expect(statuses.filter(({ type }) => type === 'connecting')).toHaveLength(1 + 3);
  await expect(client.connect()).rejects.toMatchObject({ code: 'retries_exhausted' });
  expect(client.sessions).toEqual([]);
});

test('a process whose client gave up ends by itself', { timeout: 60_000 }, async () => {
  const { gateway, loginUrl } = await startLoginGateway();
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (!isStopped) await gateway.stop();
    isStopped = true;
  };
  closers.push(stop);
  await buildIfStale();
  const library = new URL('../../dist/src/client/node/index.js', import.meta.url).href;
  const program = `
    import { createClient } from ${JSON.stringify(library)};
    const client = createClient({
      loginUrl: ${JSON.stringify(loginUrl)}, rounds: 2, firstWaitMs: 20, idleTimeoutMs: 1000, keepAliveMs: 200,
      handshakeTimeoutMs: 300, loginRounds: 2, maxLoginWaitMs: 30,
    });
    const session = await client.connect();
    session.on('close', ({ code }) => console.log('closed', code));
    console.log('open');
    for await (const message of session);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child.stdout, 'data');
  await stop();
  const [code] = (await once(child, 'close')) as [number];
  expect([output, code]).toEqual(['open\nclosed 3506\n', 0]);
});

describe('a signal', () => {
  test('that is aborted while connecting fails it', async () => {
    const client = create({ loginUrl: 'http://127.0.0.1:9/api/login' });
    const reason = new Error('enough');
    const aborter = new AbortController();
    const connecting = client.connect({ signal: aborter.signal });
    aborter.abort(reason);
    await expect(connecting).rejects.toMatchObject({ code: 'connect_failed', cause: reason });
    await expect(client.connect({ signal: aborter.signal })).rejects.toMatchObject({
      code: 'connect_failed',
    });
    expect(client.sessions).toEqual([]);
  });

  test('of the client ends all its sessions', async () => {
    const { gateway, loginUrl } = await startLoginGateway();
    closers.push(() => gateway.stop());
    const aborter = new AbortController();
    const client = create({ loginUrl, signal: aborter.signal });
    const sessions = await Promise.all([client.connect(), client.connect()]);
    const own = new AbortController();
    const third = await client.connect({ signal: own.signal });
    own.abort();
    expect(await third.closed).toMatchObject({ code: CloseCode.normal, reason: 'aborted' });
    expect(client.sessions).toHaveLength(2);
    aborter.abort();
    for (const session of sessions) expect(await session.closed).toMatchObject({ reason: 'aborted' });
    await expect(client.connect()).rejects.toMatchObject({ code: 'session_closed' });
  });
});

describe('a session as a Duplex', () => {
  test('in message mode: a message is a chunk, to the end of both sides', async () => {
    const { gateway, loginUrl } = await startLoginGateway();
    closers.push(() => gateway.stop());
    const { session } = await connect(create({ loginUrl }));
    const stream = toDuplex(session);
    const texts: string[] = [];
    stream.on('data', (message: Uint8Array) => texts.push(Buffer.from(message).toString()));
    for (const text of ['one', 'two', 'three']) stream.write(text);
    stream.end('four');
    await new Promise((resolve) => stream.once('close', resolve));
    expect(texts).toEqual(['one', 'two', 'three', 'four']);
    expect(await session.closed).toMatchObject({ code: CloseCode.normal });
  });

  test('that is cut off fails with the reason, after what arrived before', async () => {
    const { gateway, loginUrl } = await startLoginGateway();
    closers.push(() => gateway.stop());
    const { session } = await connect(create({ loginUrl }));
    const stream = toDuplex(session);
    stream.write('one');
    await new Promise((resolve) => stream.once('readable', resolve));
    await gateway.kick({}, CloseCode.kicked, 'bye');
    await session.closed;
    const texts: string[] = [];
    const failed = new Promise((resolve) => stream.once('error', resolve));
    stream.on('data', (message: Uint8Array) => texts.push(Buffer.from(message).toString()));
    expect(await failed).toMatchObject({ code: 'session_closed', details: { code: CloseCode.kicked } });
    expect(texts).toEqual(['one']);
  });
});

test('options are checked once, and what is wrong is named', () => {
  const loginUrl = 'https://gateway.example/api/login';
  for (const [options, message] of [
    [{}, 'loginUrl is required'],
    [{ loginUrl: 'gateway' }, 'loginUrl must be'],
    [{ loginUrl, rounds: 0 }, 'rounds must be a whole number from 1 to 1000'],
    [{ loginUrl, mode: 'both' }, 'mode must be messages or stream'],
    [{ loginUrl, reconnect: 'yes' }, 'reconnect must be true or false'],
    [{ loginUrl, token: 12345 }, 'token must be'],
    [{ loginUrl, firstWaitMs: 2000, maxWaitMs: 1000 }, 'firstWaitMs must not be more than maxWaitMs'],
    [{ loginUrl, loginURL: loginUrl }, 'loginURL is no option'],
    [{ loginUrl, switching: 1 }, 'switching must be true, false or an object'],
    [{ loginUrl, switching: { tickMs: '50' } }, 'switching.tickMs must be a number'],
    [{ loginUrl, redundant: { line: 7 } }, 'line must be'],
    [{ loginUrl, redundant: { lines: 'udp' } }, 'redundant.lines is no option'],
    [{ loginUrl: 5 }, 'loginUrl must be a URL or several'],
    [{ loginUrl, seal: 'clear' }, 'seal must be a list of'],
    [{ loginUrl, seal: ['rot13'] }, 'seal must be a list of'],
    [{ loginUrl, seal: [] }, 'seal must be a list of'],
    [{ loginUrl, signal: {} }, 'signal must be an AbortSignal'],
    [{ loginUrl, logger: null }, 'logger must have debug'],
    [{ loginUrl, loginStore: { get: () => undefined } }, 'loginStore must have get and set'],
    [{ loginUrl, client: 'me' }, 'client must be an object'],
    [{ loginUrl, tls: 5 }, 'tls must be an object'],
    [{ loginUrl, socketBufferBytes: 0.5 }, 'socketBufferBytes must be a whole number'],
  ] as const) {
    const wrong = options as unknown as NodeClientOptions;
    expect(() => createClient(wrong), message).toThrow(
      expect.objectContaining({ code: 'config_invalid' }) as Error,
    );
    expect(() => createClient(wrong)).toThrow(message);
  }
});
