import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { loadConfig } from '../../../../src/gateway/config/load.ts';
import type { SessionReport } from '../../../../src/gateway/data-plane.ts';
import type { LineStart } from '../../../../src/gateway/workers/line-message.ts';
import type {
  WorkerCommand,
  WorkerReport,
  WorkerServing,
  WorkerStart,
} from '../../../../src/gateway/workers/message.ts';
import { SupervisedWorker } from '../../../../src/gateway/workers/supervised-worker.ts';
import type { WorkerThread } from '../../../../src/gateway/workers/worker-thread.ts';
import type { UpstreamStats } from '../../../../src/upstream/index.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';

const loaded = loadConfig({ env: {} });
if (!loaded.ok) throw new Error('the default configuration is not valid');
const START = { index: 1, workers: 2, config: loaded.config, descriptors: [5], epochSeconds: 7 };

function serving(sessions: number): WorkerServing {
  return {
    listeners: [],
    upstreams: { demo: { sessions } as UpstreamStats },
    sessions: null,
    draining: false,
    handedOn: 0,
  };
}

/** A thread that does nothing by itself. */
class FakeThread extends EventEmitter implements WorkerThread {
  readonly commands: WorkerCommand[] = [];
  terminated = false;

  postMessage(command: WorkerCommand): void {
    this.commands.push(command);
  }

  terminate(): Promise<number> {
    this.terminated = true;
    this.emit('exit', 1);
    return Promise.resolve(1);
  }

  say(report: WorkerReport): void {
    this.emit('message', report);
  }

  die(message = 'boom'): void {
    this.emit('error', new Error(message));
    this.emit('exit', 1);
  }
}

function supervise(mayStart: (attempt: number) => boolean = () => true) {
  let attempts = 0;
  const threads: FakeThread[] = [];
  const starts: WorkerStart[] = [];
  const heard: unknown[] = [];
  const logger = new RecordingLogger();
  const worker = new SupervisedWorker(START, {
    logger,
    clock: { now: () => Date.now() },
    listener: {
      hear: (index, traffic) => heard.push([index, traffic]),
      gone: (index) => heard.push([index, 'gone']),
    },
    startThread: (start) => {
      if (!mayStart(++attempts)) throw new Error('no thread to be had');
      const thread = new FakeThread();
      threads.push(thread);
      starts.push(start);
      return thread;
    },
  });
  return { worker, threads, starts, logger, heard, thread: threads[0]!, attempts: () => attempts };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a supervised worker', () => {
  it('is open when it says so', async () => {
    const { worker, thread, starts } = supervise();
    thread.say({ type: 'open', status: serving(0) });
    await worker.opened;
    expect(starts[0]).toMatchObject(START);
  });

  it('that cannot open says why, and stays down', async () => {
    const { worker, threads, thread } = supervise();
    thread.say({ type: 'failed', code: 'bind_failed', message: 'no such socket' });
    thread.emit('exit', 0);
    await expect(worker.opened).rejects.toMatchObject({ code: 'bind_failed', message: 'no such socket' });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(threads).toHaveLength(1);
    await worker.close();
  });

  it('that gets no thread says why, and stays down', async () => {
    const { worker, attempts } = supervise(() => false);
    await expect(worker.opened).rejects.toThrow('no thread to be had');
    await vi.advanceTimersByTimeAsync(100_000);
    expect(attempts()).toBe(1);
    await worker.close();
  });

  it('that gets no thread when it is started again tries on', async () => {
    const { worker, thread, threads, attempts } = supervise((attempt) => attempt === 1 || attempt > 3);
    thread.say({ type: 'open', status: serving(0) });
    thread.die();
    await vi.advanceTimersByTimeAsync(100);
    expect(await worker.status(0)).toMatchObject({
      state: 'waiting',
      failures: 2,
      lastFailure: 'no thread to be had',
    });
    await vi.advanceTimersByTimeAsync(200 + 400);
    expect(attempts()).toBe(4);
    threads[1]!.say({ type: 'open', status: serving(0) });
    const asked = worker.status(1000);
    threads[1]!.say({ type: 'status', status: serving(0) });
    expect(await asked).toMatchObject({ state: 'running', stale: false, failures: 3 });
  });

  it('gives its counters when asked', async () => {
    const { worker, thread } = supervise();
    thread.say({ type: 'open', status: serving(0) });
    const asked = Promise.all([worker.status(1000), worker.status(1000)]);
    thread.say({ type: 'status', status: serving(4) });
    for (const status of await asked) {
      expect(status).toMatchObject({
        index: 1,
        state: 'running',
        stale: false,
        upstreams: { demo: { sessions: 4 } },
      });
    }
  });

  it('that hangs is shown as it last was', async () => {
    const { worker, thread } = supervise();
    thread.say({ type: 'open', status: serving(2) });
    const asked = worker.status(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await asked).toMatchObject({
      state: 'running',
      stale: true,
      upstreams: { demo: { sessions: 2 } },
    });
  });

  it('that dies is started again, later each time, and counts from zero', async () => {
    const { worker, threads, logger, starts } = supervise();
    threads[0]!.say({ type: 'open', status: serving(2) });
    for (const [failure, delayMs] of [100, 200, 400, 800].entries()) {
      threads[failure]!.die(`boom ${String(failure)}`);
      expect(await worker.status(1000)).toMatchObject({
        state: 'waiting',
        stale: true,
        failures: failure + 1,
        lastFailure: `boom ${String(failure)}`,
        upstreams: { demo: { sessions: 0 } },
      });
      await vi.advanceTimersByTimeAsync(delayMs - 1);
      expect(threads).toHaveLength(failure + 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(threads).toHaveLength(failure + 2);
      threads[failure + 1]!.say({ type: 'open', status: serving(0) });
    }
    expect(starts.map(({ descriptors }) => descriptors)).toEqual([[5], [5], [5], [5], [5]]);
    expect(logger.records.filter(({ level }) => level === 'error')).toHaveLength(4);
    expect(logger.fieldsOf('worker died; it is started again')[3]).toMatchObject({
      worker: 1,
      failures: 4,
      delayMs: 800,
      err: { message: 'boom 3' },
    });
  });

  it('that recovered begins anew with short delays', async () => {
    const { threads } = supervise();
    threads[0]!.say({ type: 'open', status: serving(0) });
    threads[0]!.die();
    await vi.advanceTimersByTimeAsync(100);
    threads[1]!.say({ type: 'open', status: serving(0) });
    await vi.advanceTimersByTimeAsync(60_000);
    threads[1]!.die();
    await vi.advanceTimersByTimeAsync(100);
    expect(threads).toHaveLength(3);
  });

  it('never gives up, whatever keeps it from opening again', async () => {
    const { worker, threads } = supervise();
    threads[0]!.say({ type: 'open', status: serving(0) });
    for (let failure = 0; failure < 30; failure++) {
      threads[failure]!.say({ type: 'failed', code: 'bind_failed', message: 'still not' });
      threads[failure]!.emit('exit', 0);
      await vi.advanceTimersByTimeAsync(30_000);
      expect(threads).toHaveLength(failure + 2);
    }
    expect(await worker.status(0)).toMatchObject({
      state: 'starting',
      failures: 30,
      lastFailure: 'still not',
    });
  });

  it('drains and ends in order', async () => {
    const { worker, thread, threads } = supervise();
    thread.say({ type: 'open', status: serving(1) });
    const drained = worker.drain(500);
    thread.say({ type: 'drained', cutOff: 2 });
    expect(await drained).toBe(2);
    const closed = worker.close();
    thread.say({ type: 'closed', status: serving(9) });
    thread.emit('exit', 0);
    await closed;
    expect(thread.commands).toEqual([{ type: 'drain', timeoutMs: 500 }, { type: 'close' }]);
    expect(thread.terminated).toBe(false);
    expect(await worker.status(0)).toMatchObject({
      state: 'ended',
      stale: false,
      failures: 0,
      upstreams: { demo: { sessions: 9 } },
    });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(threads).toHaveLength(1);
  });

  it('that dies while it drains is not waited for, nor started again', async () => {
    const { worker, thread, threads, logger } = supervise();
    thread.say({ type: 'open', status: serving(1) });
    const drained = worker.drain(10_000);
    thread.die();
    expect(await drained).toBe(0);
    await worker.close();
    await vi.advanceTimersByTimeAsync(100_000);
    expect(threads).toHaveLength(1);
    expect(logger.fieldsOf('worker died while stopping')).toHaveLength(1);
  });

  it('that waits to be started again is not, once it is stopped', async () => {
    const { worker, thread, threads } = supervise();
    thread.say({ type: 'open', status: serving(1) });
    thread.die();
    expect(await worker.drain(10_000)).toBe(0);
    await worker.close();
    await vi.advanceTimersByTimeAsync(100_000);
    expect(threads).toHaveLength(1);
    expect(await worker.status(0)).toMatchObject({ state: 'ended' });
  });

  it('that hangs holds up neither the drain nor the end for long', async () => {
    const { worker, thread } = supervise();
    thread.say({ type: 'open', status: serving(1) });
    const drained = worker.drain(500);
    await vi.advanceTimersByTimeAsync(500 + 2000);
    expect(await drained).toBe(0);
    const closed = worker.close();
    await vi.advanceTimersByTimeAsync(5000);
    await closed;
    expect(thread.terminated).toBe(true);
  });

  it('asks for sessions and kicks by number, and does not wait for ever', async () => {
    const { worker, thread } = supervise();
    thread.say({ type: 'open', status: serving(0) });
    const report = { id: '1.7', conv: 3 } as SessionReport;
    const [first, second] = [worker.sessions({ conv: 3 }, 1000), worker.sessions({ conv: 4 }, 1000)];
    const kicked = worker.kick({ id: '1.7' }, CloseCode.kicked, 'enough', 1000);
    expect(thread.commands).toEqual([
      { type: 'sessions', request: 1, query: { conv: 3 } },
      { type: 'sessions', request: 2, query: { conv: 4 } },
      { type: 'kick', request: 1, query: { id: '1.7' }, code: CloseCode.kicked, reason: 'enough' },
    ]);
    thread.say({ type: 'sessions', request: 2, sessions: [] });
    thread.say({ type: 'sessions', request: 1, sessions: [report] });
    thread.say({ type: 'kicked', request: 1, count: 1 });
    thread.say({ type: 'kicked', request: 99, count: 5 });
    expect([await first, await second, await kicked]).toEqual([[report], [], 1]);
    const late = [worker.sessions({}, 1000), worker.kick({}, CloseCode.kicked, '', 1000)];
    await vi.advanceTimersByTimeAsync(1000);
    expect(await Promise.all(late)).toEqual([[], 0]);
    thread.say({ type: 'sessions', request: 3, sessions: [report] });

    const cut = [worker.sessions({}, 1000), worker.kick({}, CloseCode.kicked, '', 1000)];
    thread.die();
    expect(await Promise.all(cut)).toEqual([[], 0]);
    expect(await worker.sessions({}, 1000)).toEqual([]);
    expect(await worker.kick({}, CloseCode.kicked, '', 1000)).toBe(0);
  });

  it('that is started again serves the same lines, and its sessions have ids that none had', async () => {
    const { worker, threads, starts } = supervise();
    const line = { listener: 'tcp' } as LineStart;
    threads[0]!.say({ type: 'open', status: serving(0) });
    worker.attach(line);
    worker.serve();
    expect(threads[0]!.commands).toEqual([{ type: 'attach', line }, { type: 'start' }]);
    for (let i = 0; i < 2; i++) {
      threads[i]!.die();
      await vi.advanceTimersByTimeAsync(1000);
      threads[i + 1]!.say({ type: 'open', status: serving(0) });
    }
    expect(starts.map(({ lines, serving, firstSessionId }) => ({ lines, serving, firstSessionId }))).toEqual([
      { lines: [], serving: false, firstSessionId: 0 },
      { lines: [line], serving: true, firstSessionId: 1e10 },
      { lines: [line], serving: true, firstSessionId: 2e10 },
    ]);
  });

  it('that is started again while it is drained goes on draining, for the rest of the time', async () => {
    const { worker, threads, starts } = supervise();
    const notice = { deadlineMs: 5000, jitterMs: 1000, lines: ['b'] };
    threads[0]!.say({ type: 'open', status: serving(0) });
    worker.startDraining(notice);
    expect(threads[0]!.commands).toEqual([{ type: 'start_draining', notice }]);
    await vi.advanceTimersByTimeAsync(1000);
    threads[0]!.die();
    await vi.advanceTimersByTimeAsync(100);
    threads[1]!.say({ type: 'open', status: serving(0) });
    await vi.advanceTimersByTimeAsync(10_000);
    threads[1]!.die();
    await vi.advanceTimersByTimeAsync(200);
    threads[2]!.say({ type: 'open', status: serving(0) });
    worker.stopDraining();
    expect(threads[2]!.commands).toEqual([{ type: 'stop_draining' }]);
    threads[2]!.die();
    await vi.advanceTimersByTimeAsync(400);
    expect(starts.map(({ draining }) => draining)).toEqual([
      null,
      { ...notice, deadlineMs: 3900 },
      { ...notice, deadlineMs: 0 },
      null,
    ]);
  });

  it('passes on what its clients say, and tells when it is gone', () => {
    const { worker, thread, heard } = supervise();
    expect(worker.isRunning).toBe(false);
    thread.say({ type: 'open', status: serving(0) });
    expect(worker.isRunning).toBe(true);
    thread.say({ type: 'subject_came', subject: 'ann', session: 3 });
    thread.say({ type: 'taken_over' });
    thread.die();
    expect(worker.isRunning).toBe(false);
    expect(heard).toEqual([
      [1, { type: 'subject_came', subject: 'ann', session: 3 }],
      [1, { type: 'taken_over' }],
      [1, 'gone'],
    ]);
  });
});
