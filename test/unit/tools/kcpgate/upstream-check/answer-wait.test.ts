import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { AnswerWait, outcomeOf } from '../../../../../tools/kcpgate/upstream-check/answer-wait.ts';
import { UdpProber } from '../../../../../tools/kcpgate/upstream-check/udp-prober.ts';

/** Holds this thread, as a machine does that gives it no processor. */
function hold(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

it('no answer in time is a failure, and the first end is the one that counts', async () => {
  const wait = new AnswerWait(50);
  expect((await wait.outcome).result).not.toBe('answered');
  wait.answered({ load: 1, draining: false, notReady: false, epochSeconds: 1 });
  expect((await wait.outcome).result).not.toBe('answered');
});

it('a process that did not run when the time was over says nothing', async () => {
  const wait = new AnswerWait(50);
  hold(100);
  expect(await wait.outcome).toMatchObject({ result: 'discarded', reason: 'late' });
});

it('nor does one that did not run in the meantime', async () => {
  const wait = new AnswerWait(200);
  setTimeout(() => {
    hold(150);
  }, 20);
  expect(await wait.outcome).toMatchObject({ result: 'discarded', reason: 'late' });
});

it('an answer that lay there when the process ran again is one', async () => {
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  server.on('message', (probe, { port }) => {
    const answer = Buffer.alloc(64);
    answer.set(probe.subarray(0, 24));
    answer[4] = 88;
    answer[20] = 40;
    answer.set([1, 20], 24);
    server.send(answer, port, '127.0.0.1', () => {
      hold(550);
    });
  });
  const prober = new UdpProber({ address: '127.0.0.1', family: 4, port: server.address().port });
  onTestFinished(() => {
    prober.close();
  });
  // So long that the server, which is in this process, too, sends its answer within the time.
  expect(await prober.probe(500)).toMatchObject({ result: 'answered' });
});

it.each([
  ['ECONNREFUSED', 'failed', 'refused'],
  ['ECONNRESET', 'failed', 'closed'],
  ['EHOSTUNREACH', 'failed', 'unreachable'],
  ['ENETUNREACH', 'failed', 'unreachable'],
  ['EMFILE', 'discarded', 'local_fault'],
  ['EADDRNOTAVAIL', 'discarded', 'local_fault'],
])('%s of the system: %s, %s', (code, result, reason) => {
  expect(outcomeOf(Object.assign(new Error('x'), { code }))).toMatchObject({ result, reason });
});
