import { afterEach, expect, it, vi } from 'vitest';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CloseCode } from '../../../src/base/close-code.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import { EventRing } from '../../../src/qlog/event-ring.ts';
import { readEvents } from '../../../src/qlog/event-row.ts';
import { QlogTracer, resolveQlogOptions, type QlogOptions } from '../../../src/qlog/index.ts';
import { SessionRecorder } from '../../../src/qlog/session-recorder.ts';
import type { SessionState, TracedSession } from '../../../src/session/index.ts';
import { newDirectory } from './recorded.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** As much of a session as recordings look at. */
class FakeSession implements TracedSession {
  readonly conv = 1;
  readonly loggedIn = true;
  readonly startedAt = 0;
  readonly path = { port: 0, slot: 0 };
  state: SessionState = 'open';
  closing = { code: CloseCode.normal as CloseCode, reason: '' };
  readonly config = {
    role: 'gateway',
    peer: 'kcpgate',
    kcp: { mtu: 1400 },
  } as TracedSession['config'];

  stats(): never {
    throw new Error('not asked for');
  }
}

const describePath = (port: number, slot: number): { carrier: string; local: string; remote: string } => ({
  carrier: 'udp',
  local: '10.0.0.1:1',
  remote: `10.0.0.2:${port}${slot}`,
});

function tracerOf(options: QlogOptions): QlogTracer {
  const clock = { now: () => 1000 };
  return new QlogTracer(resolveQlogOptions(options), { clock, wallClock: clock, logger: NO_LOG });
}

/** One session with so many events, that lingers before it is gone. */
function recordOne(tracer: QlogTracer, events: number, code: CloseCode): void {
  const session = new FakeSession();
  const trace = tracer.begin(session, describePath);
  for (let sn = 0; sn < events; sn++) trace.retransmitted(sn, 'timeout');
  session.closing = { code, reason: '' };
  for (const state of ['lingering', 'gone'] as const) {
    session.state = state;
    trace.destroyed(session);
  }
}

it('memory is given back by sessions that ended, however full their recording was', async () => {
  const directory = await newDirectory();
  const tracer = tracerOf({ directory, sessions: 'abnormal', maxEvents: 128, maxMemoryBytes: 1024 * 1024 });
  for (let count = 0; count < 1200; count++) recordOne(tracer, 63, CloseCode.normal);
  recordOne(tracer, 63, CloseCode.blocked);
  await tracer.close();
  const [name] = await readdir(directory);
  const text = await readFile(join(directory, name!), 'utf8');
  expect(text.match(/segment_retransmitted/g)).toHaveLength(63);
  expect(text).not.toContain('events_dropped');
  expect(text.match(/session_closed/g)).toHaveLength(1);
});

it('no timer runs when no session is recorded', async () => {
  const directory = await newDirectory();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const tracer = tracerOf({ directory });
  expect(vi.getTimerCount()).toBe(0);
  const session = new FakeSession();
  const trace = tracer.begin(session, describePath);
  expect(vi.getTimerCount()).toBe(1);
  session.state = 'gone';
  trace.destroyed(session);
  expect(vi.getTimerCount()).toBe(0);
  await tracer.close();
});

it('the place of a path that was given up is another path when it is used again', () => {
  const ring = new EventRing(64, () => true);
  const host = { recorded: () => undefined, ended: () => undefined };
  let address = 1;
  const describeNow = (): ReturnType<typeof describePath> => ({
    carrier: 'udp',
    local: '',
    remote: `10.0.0.${address++}:1`,
  });
  const recorder = new SessionRecorder(new FakeSession(), describeNow, ring, host);
  const receive = (slot: number): void =>
    recorder.received(1, new DataView(new ArrayBuffer(0)), 0, 0, 0, 0, slot);
  receive(0);
  receive(7);
  recorder.pathReleased(0, 7);
  receive(0);
  receive(7);
  const paths = readEvents(ring).flatMap((event) => (event.type === 'datagram' ? [event.path] : []));
  expect(paths).toEqual([0, 1, 0, 2]);
  expect(recorder.paths.map(({ remote }) => remote)).toEqual(['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1']);
});
