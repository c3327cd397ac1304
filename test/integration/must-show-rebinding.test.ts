import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { connect, login } from '../../src/client/node/index.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';
import { startLoginGateway } from '../support/login-gateway.ts';

/** For how long the port changes every second; KCPGATE_REBINDING_S=30 for the long run. */
const SECONDS = Number(process.env.KCPGATE_REBINDING_S ?? 4);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test(
  `a NAT changes its port every second for ${String(SECONDS)} s: the session goes on`,
  { timeout: 60_000 + SECONDS * 2_000 },
  async () => {
    const { gateway, loginUrl, ports } = await startLoginGateway({ workers: 1 });
    closers.push(() => gateway.stop());
    const nat = await startUdpRelay({ target: { address: '127.0.0.1', port: ports.udp }, seed: 1 });
    closers.push(() => nat.close());
    const answer = await login({ loginUrl });
    const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: nat.port } : line));
    const connection = await connect({ credentials: { ...answer, lines }, line: 'udp', stream: true });
    closers.push(() => connection.destroy());
    const stream = connection.stream();
    const bytes = SECONDS * 1_000_000;
    let arrivedAt = performance.now();
    const gaps: number[] = [];
    stream.on('data', () => {
      gaps.push(performance.now() - arrivedAt);
      arrivedAt = performance.now();
    });
    const received = digest(stream);
    // A megabyte a second, in pieces of 10 ms.
    const source = keystream(5, bytes);
    const startedAt = performance.now();
    let sent = 0;
    const sending = (async () => {
      for await (const chunk of source as AsyncIterable<Uint8Array>) {
        for (let at = 0; at < chunk.length; at += 10_000) {
          const piece = chunk.subarray(at, at + 10_000);
          stream.write(piece);
          sent += piece.length;
          await delay(Math.max(0, startedAt + sent / 1000 - performance.now()));
        }
      }
      stream.end();
    })();
    for (let second = 0; second < SECONDS; second++) {
      await delay(Math.max(0, startedAt + second * 1000 + 500 - performance.now()));
      nat.rebind('port');
      // On a machine that stood still for a second, two would be one to the gateway.
      await expect.poll(async () => (await gateway.status()).sessions?.moves).toBeGreaterThan(second);
    }
    await sending;
    expect(await received).toEqual({ bytes, sha256: keystreamHash(5, bytes) });
    expect(await connection.closed).toMatchObject({ code: 1000 });
    const { sessions } = await gateway.status();
    expect(sessions).toMatchObject({ openedSessions: 1, moves: SECONDS });
    expect(nat.stats().rebinds).toBe(SECONDS);
    gaps.sort((a, b) => a - b);
    const of = (share: number): string => (gaps[Math.floor((gaps.length - 1) * share)] ?? 0).toFixed(0);
    console.log(
      `${String(SECONDS)} rebindings: ` +
        `time between arrivals p50 ${of(0.5)}, p99 ${of(0.99)}, longest ${of(1)} ms`,
    );
  },
);
