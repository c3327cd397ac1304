import { SERVING } from '../../../src/gateway/admin/status-schema.ts';
import { formatDuration } from '../../../src/gateway/config/units.ts';
import type { AdminClient } from './admin-client.ts';
import type { AdminOptions } from './admin-options.ts';
import type { AdminReport } from './run-admin.ts';

/** What the options of `drain` give; times in milliseconds. */
export interface DrainOptions extends AdminOptions {
  readonly deadline: number;
  readonly jitter?: number;
  readonly line: readonly string[];
}

/** Lets no new session in and asks clients to leave. */
export async function drain(
  api: AdminClient,
  { deadline, jitter, line }: DrainOptions,
): Promise<AdminReport> {
  const body = {
    deadline: formatDuration(deadline),
    ...(jitter === undefined ? {} : { jitter: formatDuration(jitter) }),
    lines: line,
  };
  const { value, json } = await api.post('api/drain', body, SERVING);
  return { text: `${value.state}; sessions that are left end in ${body.deadline}\n`, json };
}

/** Lets new sessions in again. */
export async function undrain(api: AdminClient): Promise<AdminReport> {
  const { value, json } = await api.post('api/undrain', {}, SERVING);
  return { text: `${value.state}\n`, json };
}
