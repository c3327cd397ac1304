import type { Finding } from '../finding.ts';
import { systemSetting } from './system-setting.ts';

/** Whether reading the time is cheap: a gateway does it for every batch. */
export function checkClock(): Finding {
  const startedAt = performance.now();
  for (let i = 0; i < READS; i++) performance.now();
  const microseconds = ((performance.now() - startedAt) * 1000) / READS;
  return judgeClock(microseconds, systemSetting(SOURCE));
}

/** @param source the kernel's name of the clock; undefined: unknown. */
export function judgeClock(microseconds: number, source: string | undefined): Finding {
  const check = 'clock';
  const named = source === undefined ? '' : ` (${source})`;
  const text = `${microseconds.toFixed(2)} us a reading${named}`;
  const details = { microseconds, source };
  if (microseconds <= SLOW_MICROSECONDS) return { check, status: 'ok', text, details };
  return {
    check,
    status: 'warning',
    text: `${text}: slow`,
    ...(source !== undefined && {
      advice: [
        `a faster clock source, if ${SOURCE.replace('current', 'available')} names one (tsc, kvm-clock)`,
      ],
    }),
    details,
  };
}

const SOURCE = '/sys/devices/system/clocksource/clocksource0/current_clocksource';
const READS = 20_000;
/** A clock that the processor gives takes a tenth of this; one that has to be asked of a chip takes more. */
const SLOW_MICROSECONDS = 1;
