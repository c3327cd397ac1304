import { describe, expect, test } from 'vitest';
import type { LineEvidence, LineReport } from '../../../../src/client/lines/line-report.ts';
import type { SwitchOptions } from '../../../../src/client/switching/switch-config.ts';
import { lineOf } from '../lines/lines.ts';
import { TCP, UDP_A, UDP_B, WatchedLine, WS } from './watched-line.ts';

describe('a line that dies', () => {
  test('is asked, suspected, copied, and left for the one that answers', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    expect(world.monitor.state).toBe('active');
    world.take();
    world.die();
    world.runFor(180);
    expect(world.count('challenge')).toBe(1);
    expect(world.monitor.state).toBe('active');
    world.runFor(60);
    expect(world.monitor.state).toBe('suspect');
    expect(world.take()).toEqual(['prepare tcp']);
    world.runFor(40);
    world.prepared('tcp');
    expect(world.monitor.state).toBe('duplicating');
    expect(world.take()).toEqual(['copy tcp']);
    world.runFor(400);
    expect(world.monitor.state).toBe('migrating');
    expect(world.take()).toEqual(['move tcp']);
    world.moved('tcp');
    expect(world.monitor.line).toBe('tcp');
    expect(world.monitor.state).toBe('probation');
    expect(world.take()).toEqual(['copy none']);
    expect(
      world.monitor.decisions.map(({ action, reason, from, to, outcome }) => [
        ...[action, reason, from, to, outcome?.result],
      ]),
    ).toEqual([
      ['suspect', 'no_acknowledgement', 'udpA', null, 'moved'],
      ['duplicate', 'no_acknowledgement', 'udpA', 'tcp', 'moved'],
      ['move', 'no_acknowledgement', 'udpA', 'tcp', 'done'],
    ]);
    world.runFor(11_000);
    expect(world.monitor.state).toBe('fallback');
  });

  test('and answers after all keeps the session; what was prepared is kept for a while', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.die();
    world.runFor(300);
    world.prepared('tcp');
    world.take();
    world.isFlowing = world.isAnswering = true;
    world.tell((monitor, now) => {
      monitor.challengeAnswered(now, 50);
    });
    expect(world.monitor.state).toBe('active');
    expect(world.take()).toEqual(['copy none']);
    expect(world.last).toMatchObject({ action: 'stay', reason: 'recovered' });
    world.runFor(25_000);
    expect(world.take()).toEqual([]);
    world.runFor(6_000);
    expect(world.take()).toEqual(['release tcp']);
  });

  test('and answers before anything else does: nothing is left of it', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.die();
    world.runFor(250);
    world.take();
    world.isFlowing = world.isAnswering = true;
    world.tell((monitor, now) => {
      monitor.challengeAnswered(now, 50);
    });
    expect(world.take()).toEqual(['release tcp']);
    expect(world.monitor.decisions.map(({ action, outcome }) => [action, outcome?.result])).toEqual([
      ['suspect', 'recovered'],
    ]);
  });

  test('while a better one is being prepared: that is a candidate like others', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.signal({ srttMs: 100 });
    world.rttMs.set('udpB', 30);
    expect(world.runUntilCommand(40_000)).toEqual(['prepare udpB']);
    world.signal({ rtoMs: 130 });
    world.die();
    world.runFor(350);
    expect(world.monitor.state).toBe('suspect');
    expect(world.monitor.decisions[0]?.outcome?.result).toMatch(/trouble/);
    world.prepared('udpB');
    expect(world.take()).toEqual(['prepare udpB', 'copy udpB']);
  });

  test('and a move that nobody reports of is given up', () => {
    const world = new WatchedLine([UDP_A, TCP], { copies: false });
    world.runFor(2_000);
    world.die();
    world.runFor(250);
    world.prepared('tcp');
    world.runFor(150);
    expect(world.take()).toContain('move tcp');
    world.runFor(4_000);
    expect(world.take()).toEqual(expect.arrayContaining(['release tcp', 'prepare tcp']));
    expect(world.monitor.decisions.find(({ action }) => action === 'move')?.outcome?.result).toBe('timeout');
  });

  test('without data to send leaves more time for an answer', () => {
    const world = new WatchedLine([UDP_A, TCP], { copies: false });
    world.runFor(2_000);
    world.isFlowing = false;
    world.runFor(10_000);
    world.take();
    world.isAnswering = false;
    while (world.count('challenge') === 0) world.runFor(5);
    const askedAt = world.now;
    world.runFor(300);
    world.prepared('tcp');
    while (!world.take().includes('move tcp') && world.now < askedAt + 5_000) world.runFor(5);
    expect(world.now - askedAt).toBeGreaterThanOrEqual(800);
    expect(world.now - askedAt).toBeLessThan(900);
  });

  test('after another stall in which it answered: is asked as soon as ever', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.isFlowing = false;
    world.signal({ stalledSince: world.now });
    world.runFor(3_000);
    // Something is acknowledged at last, but more is on its way already.
    world.signal({ stalledSince: world.now });
    world.isAnswering = false;
    world.runFor(300);
    expect(world.monitor.state).toBe('suspect');
  });

  test('again: what is prepared gets copies at once, and is asked again before it takes over', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.die();
    world.runFor(300);
    world.prepared('tcp');
    world.isFlowing = world.isAnswering = true;
    world.tell((monitor, now) => {
      monitor.challengeAnswered(now, 50);
    });
    world.runFor(5_000);
    world.take();
    world.die();
    world.runFor(250);
    expect(world.take()).toEqual(['prepare tcp', 'copy tcp']);
    world.runFor(1_000);
    // It was silent since: it may be as dead as the other.
    expect(world.take()).not.toContain('move tcp');
    world.prepared('tcp');
    expect(world.take()).toEqual(['move tcp']);
  });

  test('is left for another UDP line if that answered its probes', () => {
    const world = new WatchedLine([UDP_A, TCP, UDP_B, WS]);
    world.rttMs.set('udpB', 60);
    world.runFor(20_000);
    world.take();
    world.die();
    world.runFor(250);
    expect(world.take()).toEqual(['prepare udpB', 'prepare tcp']);
    world.prepared('tcp');
    world.prepared('udpB');
    expect(world.take()).toEqual(['copy tcp', 'copy udpB']);
    world.runFor(400);
    expect(world.take()).toEqual(['move udpB']);
  });

  test('without copies: the first that answers takes over as soon as the other had its chance', () => {
    const world = new WatchedLine([UDP_A, TCP], { copies: false });
    world.runFor(2_000);
    world.die();
    world.runFor(250);
    world.prepared('tcp');
    expect(world.take()).toEqual(['prepare tcp']);
    world.runFor(150);
    expect(world.take()).toEqual(['move tcp']);
  });

  test('of a clear session: nothing is prepared before that is to take over', () => {
    const world = new WatchedLine([UDP_A, TCP], {}, { isClear: true });
    world.runFor(2_000);
    world.die();
    world.runFor(300);
    expect(world.monitor.state).toBe('suspect');
    expect(world.take()).toEqual([]);
    world.runFor(150);
    expect(world.take()).toEqual(['prepare tcp']);
    world.prepared('tcp');
    expect(world.take()).toEqual(['move tcp']);
  });

  test('and is the only one: it is opened once more, and no other is missed', () => {
    const world = new WatchedLine([UDP_A]);
    world.runFor(2_000);
    world.die();
    world.runFor(1_000);
    expect(world.take()).toEqual([]);
    world.runFor(300);
    expect(world.take()).toEqual(['prepare udpA']);
    world.prepared('udpA');
    world.runFor(500);
    expect(world.take()).toEqual(['move udpA']);
    world.moved('udpA');
    expect(world.monitor.state).toBe('active');
  });

  test('while nobody answers: all are tried in turns, not more at once than there is room for', () => {
    const world = new WatchedLine([UDP_A, TCP, WS, UDP_B, { id: 'tcp2', transport: 'tcp' }]);
    world.runFor(2_000);
    world.take();
    world.die();
    const open = new Set<string>();
    const tried = new Set<string>();
    for (let i = 0; i < 600; i++) {
      world.runFor(50);
      for (const command of world.take()) {
        const [type, line = ''] = command.split(' ');
        if (type === 'prepare') open.add(line);
        if (type === 'prepare') tried.add(line);
        if (type === 'release') open.delete(line);
        expect(open.size).toBeLessThanOrEqual(3);
      }
    }
    expect([...tried].sort()).toEqual(['tcp', 'tcp2', 'udpA', 'udpB', 'ws']);
    expect(world.monitor.decisions.length).toBeLessThan(64);
  });

  test('a standby that fails is tried again after a wait that grows', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.die();
    const attempts: number[] = [];
    for (let i = 0; i < 400; i++) {
      world.runFor(50);
      for (const command of world.take()) {
        if (command !== 'prepare tcp') continue;
        attempts.push(world.now);
        world.tell((monitor, now) => {
          monitor.prepareFailed(now, 'tcp', 'connect_failed');
        });
      }
    }
    const waits = attempts.slice(1).map((at, i) => at - attempts[i]!);
    expect(attempts.length).toBeGreaterThan(4);
    expect(attempts.length).toBeLessThan(12);
    expect(waits.at(-1)).toBeGreaterThan(waits[0]!);
  });
});

describe('silence', () => {
  test('after a download that stopped: one question, and no more while that is answered', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.take();
    world.isFlowing = false;
    world.runFor(2_500);
    expect(world.count('challenge')).toBe(1);
    expect(world.monitor.decisions).toEqual([]);
  });

  test('that is not answered is suspect as well', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.isFlowing = world.isAnswering = false;
    world.runFor(500);
    expect(world.last).toMatchObject({ action: 'suspect', reason: 'silence' });
  });

  test('of an idle session is asked about seldom, then not at all; the keepalive of the session counts', () => {
    const world = new WatchedLine([UDP_A, TCP]);
    world.runFor(2_000);
    world.isFlowing = false;
    world.runFor(45_000);
    expect(world.count('challenge')).toBeLessThan(20);
    world.take();
    world.runFor(60_000);
    expect(world.count('challenge') + world.count('probe')).toBe(0);
    world.isAnswering = false;
    world.tell((monitor, now) => {
      monitor.challengeUnanswered(now);
    });
    expect(world.monitor.state).toBe('suspect');
  });

  test('beside data that flows up, and is answered by nobody, is no reason for more than a question now and then', () => {
    const world = new WatchedLine([UDP_A]);
    world.runFor(2_000);
    world.take();
    world.isFlowing = false;
    for (let i = 0; i < 200; i++) {
      world.signal({ activeAt: world.now });
      world.runFor(50);
    }
    expect(world.count('challenge')).toBeLessThan(12);
  });
});

describe('a connection that broke', () => {
  test('is made again, and the best other line tried, both at once', () => {
    const world = new WatchedLine([TCP, UDP_A, WS]);
    world.rttMs.set('udpA', 50);
    world.runFor(9_000);
    world.take();
    world.tell((monitor, now) => {
      monitor.connectionLost(now);
    });
    expect(world.monitor.state).toBe('migrating');
    expect(world.take()).toEqual(['prepare udpA', 'prepare tcp']);
    world.prepared('tcp');
    expect(world.take()).toEqual(['move tcp']);
    world.moved('tcp');
    expect(world.monitor.decisions.map(({ action, outcome }) => [action, outcome?.result])).toEqual([
      ['suspect', 'moved'],
      ['move', 'done'],
    ]);
  });

  test('before the first tick', () => {
    const world = new WatchedLine([TCP]);
    world.tell((monitor, now) => {
      monitor.connectionLost(now);
    });
    expect(world.take()).toEqual(['prepare tcp']);
  });

  test('while a move was under way that fails: the next line', () => {
    const world = new WatchedLine([UDP_A, TCP], { copies: false });
    world.runFor(2_000);
    world.die();
    world.runFor(250);
    world.prepared('tcp');
    world.runFor(200);
    world.take();
    world.tell((monitor, now) => {
      monitor.moveFailed(now, 'tcp', 'connect_failed');
    });
    expect(world.last?.outcome?.result).toBe('connect_failed');
    world.runFor(2_000);
    expect(world.take()).toContain('prepare tcp');
  });
});

describe('a better line', () => {
  test('is not chosen for a few seconds of being better', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.signal({ srttMs: 100 });
    world.rttMs.set('udpB', 30);
    world.runFor(14_000);
    expect(world.take()).toEqual([]);
  });

  test('is chosen after long enough, and kept', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.signal({ srttMs: 100 });
    world.rttMs.set('udpB', 30);
    world.runFor(14_000);
    expect(world.take()).toEqual([]);
    expect(world.runUntilCommand(20_000)).toEqual(['prepare udpB']);
    expect(world.last).toMatchObject({ action: 'move', reason: 'better_line', from: 'udpA', to: 'udpB' });
    expect(world.last?.inputs).toMatchObject({ isDegraded: false });
    world.prepared('udpB');
    expect(world.take()).toEqual(['move udpB']);
    world.signal({ srttMs: 30 });
    world.rttMs.set('udpA', 100);
    world.moved('udpB');
    world.runFor(300_000);
    expect(world.take()).toEqual([]);
  });

  test('is chosen within seconds when the line in use got much worse, also by loss', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.rttMs.set('udpB', 60);
    world.runFor(60_000);
    world.take();
    world.signal({ srttMs: 200 });
    world.runFor(6_000);
    expect(world.take()).toEqual(['prepare udpB']);
    expect(world.last?.inputs).toMatchObject({ isDegraded: true });
  });

  test('is no better by a little', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.rttMs.set('udpB', 50);
    world.runFor(120_000);
    expect(world.take()).toEqual([]);
  });

  test('that cannot be prepared is left alone for a while', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.signal({ srttMs: 100 });
    world.rttMs.set('udpB', 30);
    expect(world.runUntilCommand(40_000)).toEqual(['prepare udpB']);
    world.tell((monitor, now) => {
      monitor.prepareFailed(now, 'udpB', 'connect_timeout');
    });
    expect(world.last?.outcome?.result).toBe('connect_timeout');
    world.runFor(25_000);
    expect(world.take()).toEqual([]);
  });

  test('that proves worse is gone back from once, and not chosen again soon', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.signal({ srttMs: 100 });
    world.rttMs.set('udpB', 30);
    world.runUntilCommand(40_000);
    world.prepared('udpB');
    world.take();
    world.signal({ srttMs: 400 });
    world.rttMs.set('udpA', 100);
    world.moved('udpB');
    expect(world.runUntilCommand(9_000)).toEqual(['prepare udpA']);
    expect(world.last).toMatchObject({ action: 'roll_back', reason: 'worse_after_move', to: 'udpA' });
    world.prepared('udpA');
    world.take();
    world.signal({ srttMs: 100 });
    world.moved('udpA');
    world.runFor(50_000);
    expect(world.take()).toEqual([]);
  });
});

describe('back and forth', () => {
  /** On udpB, which it took for udpA, 100 ms, because its probes said 30 ms. */
  function onUdpB(options: SwitchOptions = {}, usedMs = 100): WatchedLine {
    const world = new WatchedLine([UDP_A, UDP_B], options);
    world.signal({ srttMs: usedMs });
    world.rttMs.set('udpB', 30);
    world.runUntilCommand(40_000);
    world.prepared('udpB');
    world.take();
    world.signal({ srttMs: 30 });
    world.rttMs.set('udpA', 100);
    world.moved('udpB');
    return world;
  }

  /** ... and went back, because it was 400 ms. */
  function backOnUdpA(options: SwitchOptions): WatchedLine {
    const world = onUdpB(options);
    world.signal({ srttMs: 400 });
    expect(world.runUntilCommand(9_000)).toEqual(['prepare udpA']);
    world.prepared('udpA');
    world.take();
    world.signal({ srttMs: 100 });
    world.moved('udpA');
    return world;
  }

  test('a line that works is not left soon after a move, whatever it is like', () => {
    const world = onUdpB();
    world.runFor(11_000);
    world.signal({ srttMs: 500 });
    world.rttMs.set('udpA', 20);
    world.runFor(18_000);
    expect(world.take()).toEqual([]);
    expect(world.runUntilCommand(10_000)).toEqual(['prepare udpA']);
  });

  test('in another network it may be left at once', () => {
    const world = onUdpB();
    world.tell((monitor, now) => {
      monitor.networkChanged(now);
    });
    world.runFor(5_000);
    world.signal({ srttMs: 500 });
    world.rttMs.set('udpA', 20);
    expect(world.runUntilCommand(15_000)).toEqual(['prepare udpA']);
  });

  test('a line that proved worse is not chosen for a while, whatever its probes say', () => {
    const world = backOnUdpA({ holdDownMs: 1, experienceHalfLifeMs: 1 });
    world.runFor(58_000);
    expect(world.take()).toEqual([]);
    expect(world.runUntilCommand(40_000)).toEqual(['prepare udpB']);
  });

  test('who went back stays', () => {
    const world = backOnUdpA({ holdDownMs: 1, experienceHalfLifeMs: 1, vetoMs: 1 });
    world.signal({ srttMs: 400 });
    world.runFor(9_900);
    expect(world.take()).toEqual([]);
  });

  test('what a line was like in use is believed for a while', () => {
    const world = onUdpB({ holdDownMs: 1 }, 400);
    world.runFor(11_000);
    world.signal({ srttMs: 60 });
    world.rttMs.set('udpA', 20);
    world.runFor(60_000);
    expect(world.take()).toEqual([]);
    expect(world.runUntilCommand(300_000)).toEqual(['prepare udpA']);
  });
});

describe('on a connection', () => {
  function onTcp(): WatchedLine {
    const world = new WatchedLine([UDP_A, TCP], { copies: false });
    world.rttMs.set('udpA', null);
    world.runFor(2_000);
    world.die();
    world.runFor(250);
    world.prepared('tcp');
    world.runFor(200);
    world.moved('tcp');
    world.take();
    return world;
  }

  test('UDP is tried again, less and less often', () => {
    const world = onTcp();
    const trials: number[] = [];
    for (let i = 0; i < 20 * 600; i++) {
      world.runFor(50);
      if (world.last?.reason !== 'udp_again' || trials.at(-1) === world.last.at) continue;
      trials.push(world.last.at);
    }
    const waits = trials.slice(1).map((at, i) => at - trials[i]!);
    expect(trials.length).toBeGreaterThan(3);
    expect(trials.length).toBeLessThan(8);
    for (const [i, wait] of waits.entries()) if (i > 0) expect(wait).toBeGreaterThan(1.5 * waits[i - 1]!);
    expect(world.monitor.line).toBe('tcp');
  });

  test('UDP that answers five of five, one of full size, is gone back to', () => {
    const world = onTcp();
    world.rttMs.set('udpA', 50);
    world.runFor(15_000);
    expect(world.take()).toEqual(['prepare udpA']);
    expect(world.last).toMatchObject({ reason: 'udp_again', inputs: { sent: 5, answered: 5 } });
    world.prepared('udpA');
    world.moved('udpA');
    world.runFor(11_000);
    expect(world.monitor.state).toBe('active');
  });

  test('UDP that answers, but is much slower, is not gone back to', () => {
    const world = onTcp();
    world.rttMs.set('udpA', 250);
    world.runFor(60_000);
    expect(world.take()).toEqual([]);
    expect(world.last).toMatchObject({ action: 'stay', reason: 'udp_again' });
  });

  test('another network: UDP is tried at once, and the line in use asked', () => {
    const world = onTcp();
    world.runFor(120_000);
    world.take();
    world.rttMs.set('udpA', 50);
    world.tell((monitor, now) => {
      monitor.networkChanged(now);
    });
    expect(world.count('challenge')).toBe(1);
    world.runFor(1_000);
    expect(world.take()).toEqual(['prepare udpA']);
  });
});

describe('a survey', () => {
  function reportOf(scores: Readonly<Record<string, number>>): LineReport {
    const lines = Object.entries(scores).map(([id, ms]): LineEvidence => {
      const parts = { rttMs: ms, jitterMs: 0, retransmissionMs: 0, carrierMs: 0, loadMs: 0 };
      return {
        ...{ line: lineOf(id), address: undefined, sent: 5, answered: 5, rttsMs: [ms, ms, ms, ms, ms] },
        ...{ medianRttMs: ms, jitterMs: 0, fullSize: true, load: 0, draining: false, notReady: false },
        ...{ seenAs: null, score: { ms, minMs: ms, maxMs: ms, parts }, fault: null },
      };
    });
    return { best: lines[0]!.line, lines, otherAddresses: [], reason: '', tookMs: 100 };
  }

  test('at the start: a clearly better line is gone to at once', () => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.runFor(500);
    world.tell((monitor, now) => {
      monitor.surveyed(now, reportOf({ udpB: 30, udpA: 50 }));
    });
    expect(world.take()).toEqual(['prepare udpB']);
    expect(world.last).toMatchObject({ reason: 'faster_at_start', inputs: { currentMs: 50, newMs: 30 } });
  });

  test.each([
    ['a little better', 500, { udpB: 46, udpA: 50 }],
    ['late', 20_000, { udpB: 30, udpA: 50 }],
    ['of lines that are not known', 500, { other: 30, udpA: 50 }],
  ])('%s: not', (_, afterMs, scores) => {
    const world = new WatchedLine([UDP_A, UDP_B]);
    world.runFor(afterMs);
    world.take();
    world.tell((monitor, now) => {
      monitor.surveyed(now, reportOf(scores));
    });
    expect(world.take()).toEqual([]);
  });
});

test('the application moves the session itself: that counts, and is not taken back', () => {
  const world = new WatchedLine([UDP_A, UDP_B]);
  world.rttMs.set('udpA', 50);
  world.runFor(1_000);
  world.take();
  world.signal({ srttMs: 80 });
  world.moved('udpB');
  expect(world.last).toMatchObject({ reason: 'requested', to: 'udpB', outcome: { result: 'done' } });
  world.runFor(25_000);
  expect(world.take()).toEqual([]);
});

test('control traffic keeps to its budget', () => {
  const lines = Array.from({ length: 12 }, (_, i) => ({ id: `udp${i}`, transport: 'udp' as const }));
  const world = new WatchedLine(lines, { sweepMs: 2_000 });
  for (const { id } of lines) world.rttMs.set(id, 60);
  world.signal({ srttMs: 60 });
  const startAt = world.now;
  for (let i = 0; i < 1_000; i++) {
    // Hardly any traffic.
    world.isFlowing = i % 30 === 0;
    world.runFor(600);
  }
  const asked = world.count('probe') * 2 * (64 + 28) + world.count('challenge') * 200;
  expect(world.monitor.controlBytes).toBe(asked);
  const { sentBytes, receivedBytes } = world.signals;
  const allowed = Math.max(0.01 * (sentBytes + receivedBytes), ((world.now - startAt) / 1_000) * 125);
  expect(world.monitor.controlBytes).toBeLessThanOrEqual(1.05 * allowed + 7_500);
});

test('answers nobody waits for are ignored', () => {
  const world = new WatchedLine([UDP_A, TCP]);
  world.tell((monitor, now) => {
    monitor.prepared(now, 'tcp');
    monitor.prepared(now, 'nowhere');
    monitor.prepareFailed(now, 'tcp', 'why');
    monitor.moveFailed(now, 'tcp', 'why');
    monitor.probeLost(now, 'nowhere');
    monitor.challengeAnswered(now, 10);
  });
  expect(world.take()).toEqual([]);
  expect(world.monitor.state).toBe('active');
});
