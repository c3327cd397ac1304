import { GatewayError } from '../../../src/base/errors.ts';
import { KICK, KICK_SOME, KICKED } from '../../../src/gateway/admin/kick-schema.ts';
import { describeFault } from '../../../src/gateway/admin/request-values.ts';
import { ExitCode } from '../exit-code.ts';
import { AdminFailure, type AdminClient } from './admin-client.ts';
import type { AdminOptions } from './admin-options.ts';
import { countOf } from './cell.ts';
import type { AdminReport } from './run-admin.ts';

/** What the options of `kick` give. */
export interface KickOptions extends AdminOptions {
  readonly subject?: string;
  readonly conv?: number;
  readonly code?: string;
  readonly reason?: string;
}

/**
 * Ends the sessions of these ids, or those that the options mean.
 * @throws GatewayError `config_invalid` when the options make no kick.
 */
export async function kick(
  api: AdminClient,
  ids: readonly string[],
  options: KickOptions,
): Promise<AdminReport> {
  const body = kickOf(options);
  const some = selectionOf(options);
  if (ids.length > 0 === some.isGiven) {
    throw wrong('name sessions by their ids, or by --subject and --conv');
  }
  if (!some.isGiven) return kickEach(api, ids, body);
  const whole = { ...some.selection, ...body };
  const checked = KICK_SOME.safeParse(whole);
  if (!checked.success) throw wrong(describeFault(checked.error));
  const { value, json } = await api.post('api/sessions/kick', whole, KICKED);
  return reportOf(value.kicked, json);
}

/** One after the other; those that are not open are told on the way, and the rest still end. */
async function kickEach(api: AdminClient, ids: readonly string[], body: object): Promise<AdminReport> {
  const missing: string[] = [];
  for (const id of ids) {
    try {
      await api.post(`api/sessions/${encodeURIComponent(id)}/kick`, body, KICKED);
    } catch (error) {
      if (!(error instanceof AdminFailure && error.code === 'no_session')) throw error;
      missing.push(id);
    }
  }
  const kicked = ids.length - missing.length;
  const report = reportOf(kicked, { kicked, missing });
  if (missing.length === 0) return report;
  return { ...report, text: `${report.text}not open: ${missing.join(', ')}\n`, exitCode: ExitCode.failure };
}

/** Ending nothing is a failure: most likely the name was wrong. */
function reportOf(kicked: number, json: unknown): AdminReport {
  return {
    text: `${countOf(kicked, 'session')} ended\n`,
    json,
    exitCode: kicked === 0 ? ExitCode.failure : ExitCode.ok,
  };
}

function kickOf({ code, reason }: KickOptions): object {
  const body = {
    ...(code === undefined ? {} : { code: /^\d+$/.test(code) ? Number(code) : code }),
    ...(reason === undefined ? {} : { reason }),
  };
  const checked = KICK.safeParse(body);
  if (!checked.success) throw wrong(`--${describeFault(checked.error)}`);
  return body;
}

function selectionOf({ subject, conv }: KickOptions): {
  readonly isGiven: boolean;
  readonly selection: object;
} {
  const selection = {
    ...(subject === undefined ? {} : { subject }),
    ...(conv === undefined ? {} : { conv }),
  };
  return { isGiven: Object.keys(selection).length > 0, selection };
}

const wrong = (text: string): GatewayError => new GatewayError('config_invalid', `error: ${text}`);
