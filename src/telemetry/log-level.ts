/** Levels by name, from the most to the least talkative. */
export type LogThreshold = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export const SEVERITY: Readonly<Record<LogThreshold, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
};

/** The most talkative of some levels. */
export function mostTalkative(levels: readonly LogThreshold[]): LogThreshold {
  return levels.reduce((most, level) => (SEVERITY[level] < SEVERITY[most] ? level : most), 'error');
}
