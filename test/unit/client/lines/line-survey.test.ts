import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LineReport } from '../../../../src/client/lines/line-report.ts';
import { LineSurvey, type SurveyCommand } from '../../../../src/client/lines/line-survey.ts';
import type { Line, ProbeTerms } from '../../../../src/client/login-answer.ts';
import type { ProbeAck } from '../../../../src/wire/probe-ack.ts';
import { runSurvey, type SimulatedLine } from '../../../simulation/simulated-lines.ts';
import { candidatesOf, lineOf } from './lines.ts';

const TERMS: ProbeTerms = { count: 5, intervalMs: 100, deadlineMs: 4000 };
const T0 = 5000;

function surveyOf(lines: readonly Line[], terms: Partial<ProbeTerms> = {}): LineSurvey {
  return new LineSurvey(candidatesOf(...lines), {
    now: T0,
    terms: { ...TERMS, ...terms },
    random: () => 0.5,
  });
}

function ackOf(command: Extract<SurveyCommand, { type: 'probe' }>, more: Partial<ProbeAck> = {}): ProbeAck {
  return {
    type: 'probeAck',
    conv: 0,
    index: 0,
    ts: 0,
    number: command.number,
    nonce: command.nonce,
    load: 0,
    draining: false,
    notReady: false,
    address: null,
    nodeId: 1,
    epochSeconds: 1,
    retryAfterMs: 0,
    ...more,
  };
}

type Probe = Extract<SurveyCommand, { type: 'probe' }> & { readonly at: number };

/** Runs a survey in which every line opens at once, or as `opensAfterMs` says, and answers as `answer` says. */
function run(
  survey: LineSurvey,
  answer: (probe: Probe) => { readonly afterMs: number; readonly says?: Partial<ProbeAck> } | undefined,
  opensAfterMs: (candidate: number) => number = () => 1,
): { readonly report: LineReport; readonly probes: Probe[] } {
  const probes: Probe[] = [];
  const waiting: { readonly at: number; readonly give: (now: number) => void }[] = [];
  let now = T0;
  for (; !survey.isOver(now); now++) {
    for (const due of waiting.filter(({ at }) => at === now)) due.give(now);
    for (const command of survey.poll(now)) {
      if (command.type === 'open') {
        const at = now + opensAfterMs(command.candidate);
        waiting.push({ at, give: (openedAt) => survey.opened(command.candidate, openedAt) });
        continue;
      }
      const probe = { ...command, at: now };
      probes.push(probe);
      const given = answer(probe);
      if (given === undefined) continue;
      const give = (at: number): void => survey.answered(command.candidate, ackOf(command, given.says), at);
      waiting.push({ at: now + given.afterMs, give });
    }
  }
  return { report: survey.report(now, 0), probes };
}

const evidenceOf = (report: LineReport, id: string): LineReport['lines'][number] =>
  report.lines.find(({ line }) => line.id === id)!;

describe('a survey', () => {
  test('of one line ends with the second answer, the one to a large probe', () => {
    const { report, probes } = run(surveyOf([lineOf('a')]), () => ({ afterMs: 30 }));
    expect(probes.map(({ bytes }) => bytes)).toEqual([64, 1200]);
    expect(report.tookMs).toBe(132);
    expect(evidenceOf(report, 'a')).toMatchObject({ rttsMs: [30, 30], fullSize: true, sent: 2, answered: 2 });
  });

  test('ends when nobody can come up to the leader any more', () => {
    const { report } = run(surveyOf([lineOf('near'), lineOf('far'), lineOf('dead')]), ({ candidate }) =>
      candidate === 2 ? undefined : { afterMs: candidate === 0 ? 10 : 150 },
    );
    expect(report.best?.id).toBe('near');
    expect(report.tookMs).toBeLessThan(200);
    // What was not asked long ago does not count as lost.
    expect(evidenceOf(report, 'dead')).toMatchObject({
      sent: 0,
      answered: 0,
      fault: 'no_answer',
      score: null,
    });
  });

  test('goes on with five probes where lines are alike, spaced as the login says', () => {
    const { report, probes } = run(surveyOf([lineOf('a'), lineOf('b')]), () => ({ afterMs: 40 }));
    const own = probes.filter(({ candidate }) => candidate === 1);
    expect(own.map(({ at }) => at - own[0]!.at)).toEqual([0, 100, 200, 300, 400]);
    expect(report.tookMs).toBe(442);
  });

  test('spaces probes by chance, 20 % more or less', () => {
    for (const [luck, expected] of [
      [0, 80],
      [0.999999, 120],
    ] as const) {
      const survey = new LineSurvey(candidatesOf(lineOf('a')), { now: T0, terms: TERMS, random: () => luck });
      const { probes } = run(survey, () => undefined);
      expect(probes[1]!.at - probes[0]!.at).toBe(expected);
    }
  });

  test('waits for nobody but whoever may still answer first: dead lines do not keep it', () => {
    const lines = ['a', 'b', 'dead'].map((id) => lineOf(id));
    const { report } = run(surveyOf(lines), ({ candidate }) =>
      candidate === 2 ? undefined : { afterMs: 20 },
    );
    expect(report.tookMs).toBeLessThan(500);
  });

  test('of dead lines ends at the deadline', () => {
    const { report, probes } = run(surveyOf([lineOf('a'), lineOf('b')]), () => undefined);
    expect(report).toMatchObject({ best: null, reason: 'no line answered', tookMs: 4000 });
    expect(probes).toHaveLength(10);
    expect(evidenceOf(report, 'a')).toMatchObject({ sent: 5, answered: 0 });
  });

  test('takes an answer that comes late for an answer', () => {
    const { report } = run(surveyOf([lineOf('a')]), () => ({ afterMs: 2000 }));
    expect(evidenceOf(report, 'a')).toMatchObject({ answered: 2, medianRttMs: 2000 });
  });

  test('is no longer and asks no more than it may, whatever the login says', () => {
    const generous = { count: 100, intervalMs: 60_000, deadlineMs: 600_000 };
    const { report, probes } = run(surveyOf([lineOf('a')], generous), () => undefined);
    expect(probes).toHaveLength(5);
    expect(report.tookMs).toBe(4000);
    const strict = run(surveyOf([lineOf('a')], { count: 1, deadlineMs: 100 }), () => undefined);
    expect([strict.probes.length, strict.report.tookMs]).toEqual([1, 100]);
    expect(run(surveyOf([lineOf('a')], { count: 1 }), () => ({ afterMs: 5 })).report.tookMs).toBe(7);
  });

  test('without lines, or with none that opens, is over at once', () => {
    expect(surveyOf([]).isOver(T0)).toBe(true);
    const survey = surveyOf([lineOf('a')]);
    expect(survey.poll(T0)).toEqual([{ type: 'open', candidate: 0 }]);
    survey.failed(0, 'connect_failed');
    expect(survey.isOver(T0)).toBe(true);
    expect(survey.report(T0, 0).lines[0]).toMatchObject({ fault: 'connect_failed', sent: 0 });
  });

  test('gives what it may ask to the best where there are many, and says what was not tried', () => {
    const lines = Array.from({ length: 70 }, (_, i) => lineOf(String(i)));
    const { report, probes } = run(surveyOf(lines), ({ candidate }) => ({ afterMs: 90 - candidate }));
    expect(probes).toHaveLength(64);
    const counts = new Map<number, number>();
    for (const { candidate } of probes) counts.set(candidate, (counts.get(candidate) ?? 0) + 1);
    expect(counts.size).toBe(32);
    for (const candidate of [31, 30, 29, 28, 27, 26]) expect(counts.get(candidate)).toBe(5);
    expect(counts.get(0)).toBe(1);
    expect(evidenceOf(report, '69')).toMatchObject({ fault: 'not_tried', sent: 0 });
  });

  test('tries more lines when none of the first answers', () => {
    const lines = Array.from({ length: 40 }, (_, i) => lineOf(String(i)));
    const { report } = run(surveyOf(lines), ({ candidate }) =>
      candidate < 35 ? undefined : { afterMs: 30 },
    );
    expect(Number(report.best?.id)).toBeGreaterThanOrEqual(35);
  });

  test('asks no more than it may when lines that were tried later open late', () => {
    const lines = Array.from({ length: 64 }, (_, i) => lineOf(String(i)));
    const { probes } = run(
      surveyOf(lines),
      ({ candidate }) => (candidate < 32 ? { afterMs: 1_100 + 10 * candidate } : undefined),
      (candidate) => (candidate < 32 ? 1 : 600),
    );
    expect(probes).toHaveLength(64);
  });

  test('asks lines of a lower rank once, when one of a higher rank will do', () => {
    const lines = [lineOf('a'), lineOf('backup', { priority: 1 })];
    const { report, probes } = run(surveyOf(lines), ({ candidate }) => ({
      afterMs: candidate === 0 ? 50 : 1,
    }));
    expect(report.best?.id).toBe('a');
    expect(probes.filter(({ candidate }) => candidate === 1).length).toBeLessThanOrEqual(2);
    expect(report.tookMs).toBeLessThan(200);
  });

  test('leaves draining and not-ready gateways for last', () => {
    const says = [{ draining: true }, { notReady: true }, {}];
    const { report } = run(surveyOf(['a', 'b', 'c'].map((id) => lineOf(id))), ({ candidate }) => {
      return { afterMs: 10 * (candidate + 1), says: says[candidate]! };
    });
    expect(report.lines.map(({ line }) => line.id)).toEqual(['c', 'a', 'b']);
  });
});

describe('large probes', () => {
  const small = (id: string, delayMs: number): SimulatedLine => {
    return { line: lineOf(id), link: { delayMs, mtuBytes: 1000 } };
  };

  test('that never come back make a line worse than a slower one', () => {
    const { report } = runSurvey([small('a', 10), { line: lineOf('b'), link: { delayMs: 60 } }], 1);
    expect(report.best?.id).toBe('b');
    expect(evidenceOf(report, 'a').fullSize).toBe(false);
  });

  test('that never come back on any line are said', () => {
    const { report } = runSurvey([small('a', 10), small('b', 60)], 1);
    expect(report.best?.id).toBe('a');
    expect(report.reason).toMatch(/large datagrams do not pass/);
  });

  test('are sent again when one is lost', () => {
    let lost = 0;
    const lines = [lineOf('a'), lineOf('b')];
    const { report, probes } = run(surveyOf(lines), ({ candidate, bytes }) =>
      candidate === 0 && bytes > 64 && lost++ === 0 ? undefined : { afterMs: candidate === 0 ? 10 : 60 },
    );
    expect(evidenceOf(report, 'a').fullSize).toBe(true);
    expect(probes.filter(({ candidate, bytes }) => candidate === 0 && bytes === 1200)).toHaveLength(2);
    expect(report.best?.id).toBe('a');
  });
});

test('connections are made 200 ms later, at once where there is nothing else', () => {
  const tcp = lineOf('tcp', { transport: 'tcp' });
  const opens = (survey: LineSurvey, now: number): number[] =>
    survey.poll(now).flatMap((command) => (command.type === 'open' ? [command.candidate] : []));
  const both = surveyOf([tcp, lineOf('udp')]);
  expect(opens(both, T0)).toEqual([1]);
  expect(opens(both, T0 + 199)).toEqual([]);
  expect(opens(both, T0 + 200)).toEqual([0]);
  expect(opens(surveyOf([tcp]), T0)).toEqual([0]);
});

describe('answers', () => {
  /** A survey of two lines that has sent one probe on each. */
  function asked(): {
    readonly survey: LineSurvey;
    readonly probes: Extract<SurveyCommand, { type: 'probe' }>[];
  } {
    const survey = new LineSurvey(candidatesOf(lineOf('a'), lineOf('b')), {
      now: T0,
      terms: TERMS,
      random: () => 0.25,
    });
    survey.poll(T0);
    survey.opened(0, T0);
    survey.opened(1, T0);
    const probes = survey.poll(T0).flatMap((command) => (command.type === 'probe' ? [command] : []));
    return { survey, probes };
  }

  test('to what was not asked there are dropped and counted', () => {
    const { survey, probes } = asked();
    const [first, second] = probes;
    survey.answered(0, ackOf(first!, { nonce: first!.nonce ^ 1 }), T0 + 5);
    survey.answered(0, ackOf(first!, { number: 2 }), T0 + 5);
    survey.answered(0, ackOf(first!, { number: 0xffff_ffff }), T0 + 5);
    survey.answered(0, ackOf(second!), T0 + 5);
    survey.answered(7, ackOf(first!), T0 + 5);
    expect(survey.strays).toBe(5);
    expect(survey.report(T0 + 5, 0).lines.map(({ answered }) => answered)).toEqual([0, 0]);
  });

  test('that come again are counted, and change nothing', () => {
    const { survey, probes } = asked();
    survey.answered(0, ackOf(probes[0]!), T0 + 5);
    survey.answered(0, ackOf(probes[0]!, { draining: true }), T0 + 50);
    expect(survey.strays).toBe(1);
    expect(evidenceOf(survey.report(T0 + 50, 0), 'a')).toMatchObject({ rttsMs: [5], draining: false });
  });

  test('of a line that broke no longer make it good', () => {
    const { survey, probes } = asked();
    survey.answered(0, ackOf(probes[0]!), T0 + 5);
    survey.failed(0, 'connect_failed');
    survey.answered(1, ackOf(probes[1]!), T0 + 90);
    expect(survey.report(T0 + 90, 0).best?.id).toBe('b');
  });
});

test('whatever lines do and answer: at most 64 probes, 5 a line, over within 4 s, and no answer is believed twice', () => {
  const behaviour = fc.record({
    priority: fc.integer({ min: 0, max: 2 }),
    isTcp: fc.boolean(),
    opensAfterMs: fc.option(fc.nat(5000), { freq: 8 }),
    breaksAfterMs: fc.option(fc.nat(5000), { nil: Infinity, freq: 2 }),
    rttMs: fc.nat(3000),
    copies: fc.nat(3),
    wrongNonce: fc.boolean(),
    wrongNumber: fc.nat(80),
    draining: fc.boolean(),
    load: fc.nat(255),
  });
  const all = fc.record({
    lines: fc.array(behaviour, { maxLength: 80 }),
    luck: fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 1, maxLength: 20 }),
    count: fc.integer({ min: 1, max: 100 }),
    intervalMs: fc.integer({ min: 1, max: 60_000 }),
    deadlineMs: fc.integer({ min: 1, max: 600_000 }),
  });
  fc.assert(
    fc.property(all, ({ lines, luck, ...terms }) => {
      let drawn = 0;
      const random = (): number => luck[drawn++ % luck.length]!;
      const made = lines.map(({ priority, isTcp }, i) =>
        lineOf(String(i), { priority, transport: isTcp ? 'tcp' : 'udp' }),
      );
      const survey = new LineSurvey(candidatesOf(...made), { now: T0, terms, random });
      const later = new Map<number, ((now: number) => void)[]>();
      const plan = (at: number, action: (now: number) => void): void => {
        later.set(Math.floor(at), [...(later.get(Math.floor(at)) ?? []), action]);
      };
      lines.forEach(({ breaksAfterMs }, i) =>
        plan(T0 + breaksAfterMs, () => survey.failed(i, 'connect_failed')),
      );
      const perLine = new Map<number, number>();
      let now = T0;
      for (; !survey.isOver(now); now += 1) {
        for (const action of later.get(now) ?? []) action(now);
        for (const command of now % 5 === 0 ? survey.poll(now) : []) {
          const { candidate } = command;
          const { opensAfterMs, rttMs, copies, wrongNonce, wrongNumber, draining, load } = lines[candidate]!;
          if (command.type === 'open') {
            if (opensAfterMs === null) survey.failed(candidate, 'connect_failed');
            else plan(now + 1 + opensAfterMs, (at) => survey.opened(candidate, at));
            continue;
          }
          perLine.set(candidate, (perLine.get(candidate) ?? 0) + 1);
          const { number, nonce } = command;
          expect([64, 1200]).toContain(command.bytes);
          expect(nonce).toBe(nonce >>> 0);
          for (let copy = 0; copy < copies; copy++) {
            const ack = ackOf(command, { draining, load, nonce: wrongNonce ? nonce ^ 2 : nonce });
            plan(now + 1 + rttMs, (at) => survey.answered(candidate, ack, at));
            plan(now + 1 + rttMs, (at) => survey.answered(candidate, { ...ack, number: wrongNumber }, at));
          }
          expect(number).toBeLessThan(64);
        }
      }
      expect(now - T0).toBeLessThanOrEqual(Math.min(4000, terms.deadlineMs));
      for (const count of perLine.values()) expect(count).toBeLessThanOrEqual(Math.min(5, terms.count));
      const { lines: evidence, best, tookMs } = survey.report(now, random());
      expect(tookMs).toBeLessThanOrEqual(4000);
      expect(evidence).toHaveLength(lines.length);
      for (const { line, answered, sent, rttsMs } of evidence) {
        expect(answered).toBeLessThanOrEqual(sent);
        expect(sent).toBeLessThanOrEqual(rttsMs.length);
        expect(rttsMs).toHaveLength(perLine.get(Number(line.id)) ?? 0);
        if (lines[Number(line.id)]!.wrongNonce) expect(answered).toBe(0);
      }
      if (best === null)
        expect(evidence.every(({ answered, fault }) => answered === 0 || fault !== null)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
