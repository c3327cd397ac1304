import type { Schedule, Step } from './schedule.ts';

/**
 * A schedule that fails as another does, with as few steps as were found within the time: what is left out of it is not needed.
 * @param fails whether a schedule fails in that way.
 */
export function shrinkSchedule(
  schedule: Schedule,
  fails: (schedule: Schedule) => boolean,
  isTimeUp: () => boolean,
): Schedule {
  let { steps } = schedule;
  const keepIfFails = (fewer: readonly Step[]): boolean => {
    if (isTimeUp() || !fails({ ...schedule, steps: fewer })) return false;
    steps = fewer;
    return true;
  };
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < steps.length;) if (!keepIfFails(steps.toSpliced(at, size))) at += size;
  }
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at]!;
    for (const thenMs of SHORTER_MS) {
      if (thenMs < step.thenMs && keepIfFails(steps.with(at, { ...step, thenMs }))) break;
    }
  }
  return { ...schedule, steps };
}

/** One line a step. */
export function scheduleText({ seed, setup, steps, ending }: Schedule): string {
  const lines = steps.map(({ action, thenMs }) => {
    const { do: name, ...details } = action;
    const texts = Object.entries(details).map(
      ([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    );
    return `${[name, ...texts].join(', ')}; then ${thenMs} ms`;
  });
  return [`seed ${seed}: ${JSON.stringify(setup)}`, ...lines, `ending: ${ending}`].join('\n  ');
}

const SHORTER_MS = [0, 20, 200];
