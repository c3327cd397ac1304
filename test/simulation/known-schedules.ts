import { CloseCode } from '../../src/base/close-code.ts';
import type { Action, Schedule, Step, WorldSetup } from './schedule.ts';

const USUAL: WorldSetup = {
  cipher: 'cheap',
  clients: [{ seal: 'aead', stream: true }],
  preset: 'fast3',
  mtu: 1000,
  window: 64,
  maxQueueBytes: 40_000,
  deadLink: 20,
  poolSlots: 4096,
  arenaBytes: 8_000,
  idleTimeoutMs: 12_000,
  keepAliveMs: 2_000,
  lingerMs: 2_000,
  earlyData: false,
  isOneSessionEach: false,
  redials: false,
  isWsRelayed: false,
  isClearAnywhere: false,
  pipeBufferBytes: 16_000,
  highWaterBytes: 64_000,
  copyBytesPerSecond: 64_000,
};
const CLEAR: Partial<WorldSetup> = { clients: [{ seal: 'clear', stream: true }], isClearAnywhere: true };

/** A schedule of the first client; each action with the time that passes then. */
const schedule = (
  setup: Partial<WorldSetup>,
  ...steps: readonly (readonly [Action, number])[]
): Schedule => ({
  seed: 1,
  setup: { ...USUAL, ...setup },
  steps: steps.map(([action, thenMs]): Step => ({ action, thenMs })),
  ending: 'both finish',
});

const dial = (place: 'udpA' | 'udpB' | 'tcp' | 'ws', keepTicket = false): Action => ({
  do: 'dial',
  ...{ client: 0, place, keepTicket },
});
const send = (side: 'client' | 'gateway', bytes: number): Action => ({ do: 'send', client: 0, side, bytes });
const move = (
  place: 'udpA' | 'udpB' | 'tcp' | 'ws',
  how: 'answered' | 'late' | 'never' = 'answered',
  isBack = false,
): Action => ({
  do: 'move',
  ...{ client: 0, place, how, isBack },
});
const pause = (side: 'client' | 'gateway', writes: number): Action => ({
  do: 'pause',
  client: 0,
  side,
  writes,
});
const leave = (side: 'client' | 'gateway'): Action => ({
  do: 'leave',
  client: 0,
  side,
  code: CloseCode.normal,
});
const datagrams = (side: 'client' | 'gateway', count: number): Action => ({
  do: 'datagrams',
  ...{ client: 0, side, count, bytes: 100 },
});
const restart = (downMs: number): Action => ({ do: 'restart', downMs });

/** What once went wrong, and what random schedules seldom meet, by what should come of it. */
export const KNOWN_SCHEDULES: Readonly<Record<string, Schedule>> = {
  'a clear session does not go on in another of a gateway that was started again': schedule(
    CLEAR,
    [dial('ws'), 100],
    [send('client', 20_000), 0],
    [send('gateway', 20_000), 200],
    [restart(0), 0],
    [move('tcp'), 500],
  ),
  'nor is it opened anew there by what it sends while it tries to come back': schedule(
    CLEAR,
    [dial('udpA'), 150],
    [move('udpB', 'never'), 52],
    [restart(0), 0],
    [send('client', 20_000), 500],
  ),
  'a clear session whose client gave up another line is heard on the one it kept': schedule(
    CLEAR,
    [dial('udpA'), 150],
    [move('udpB', 'late'), 60],
    [move('tcp', 'never'), 400],
    [send('gateway', 5_000), 500],
  ),
  'a clear session gets each message outside the order once': schedule(
    CLEAR,
    [{ do: 'weather', client: 0, place: 'udpB', up: 'duplicating', down: 'duplicating' }, 0],
    [dial('tcp'), 50],
    [move('udpB'), 100],
    [datagrams('client', 10), 200],
    [datagrams('client', 10), 200],
  ),
  'a session that is replaced while it hands over is not closed as normal': schedule(
    {},
    [dial('ws'), 100],
    [pause('gateway', 5), 0],
    [send('client', 19_200), 100],
    [leave('client'), 400],
    [dial('ws', true), 100],
  ),
  'what a gateway could not get across is not closed as normal': schedule(
    { window: 16 },
    [dial('tcp'), 100],
    [pause('client', 1), 0],
    [send('gateway', 40_000), 200],
    [leave('gateway'), 4_000],
    [{ do: 'resume', client: 0, side: 'client' }, 2_000],
  ),
  'a path that was left and is tried again is not forgotten without a word': schedule(
    {},
    [dial('udpA'), 50],
    [move('tcp'), 600],
    [move('udpA', 'answered', true), 10],
    [restart(0), 0],
  ),
  'what a gateway had no memory for comes again, whatever path it was on meanwhile': schedule(
    { ...CLEAR, mtu: 400, window: 16, maxQueueBytes: 400_000, poolSlots: 20, preset: 'normal' },
    [dial('ws'), 400],
    [{ do: 'hole', client: 0, place: 'udpB', direction: 'down', forMs: 20_000 }, 0],
    [move('udpB', 'never'), 0],
    [pause('gateway', 3), 0],
    [send('client', 120_000), 0],
    [send('gateway', 120_000), 50],
  ),
  'a move loses nothing of what is under way': schedule(
    {},
    [dial('udpA'), 150],
    [move('udpB'), 20],
    ...Array.from({ length: 8 }, () => [
      [datagrams('gateway', 1), 5] as const,
      [datagrams('client', 1), 5] as const,
    ]).flat(),
    [move('tcp'), 20],
    ...Array.from({ length: 8 }, () => [
      [datagrams('gateway', 1), 5] as const,
      [datagrams('client', 1), 5] as const,
    ]).flat(),
  ),
  'who is kicked gets what was queued before': schedule(
    { window: 2 },
    [dial('udpA'), 150],
    [send('gateway', 3_000), 0],
    [{ do: 'kick', client: 0, code: CloseCode.kicked }, 500],
  ),
  'what a client could not get across is not closed as normal': schedule(
    { window: 16 },
    [dial('udpA'), 150],
    [pause('gateway', 1), 0],
    [send('client', 40_000), 200],
    [leave('client'), 4_000],
    [{ do: 'resume', client: 0, side: 'gateway' }, 2_000],
  ),
  'a connection that was full goes on': schedule(
    { highWaterBytes: 4_000, pipeBufferBytes: 4_000, maxQueueBytes: 400_000 },
    [{ do: 'weather', client: 0, place: 'tcp', up: 'narrow', down: 'narrow' }, 0],
    [dial('tcp'), 150],
    [send('gateway', 120_000), 0],
    [send('client', 120_000), 2_000],
  ),
};
