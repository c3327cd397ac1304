import type { LineReport } from '../lines/line-report.ts';
import { surveyLines, type SurveyOptions } from '../sdk/survey-lines.ts';
import { createNodePlatform, type NodePlatformOptions } from './node-platform.ts';

/** What {@link findFastestLine} takes. */
export interface FindFastestLineOptions extends SurveyOptions, Pick<NodePlatformOptions, 'tls' | 'logger'> {}

/**
 * Finds the fastest of several lines by a few probes, without a session. Where lines answer it takes a second or less, else 4 s.
 *
 * ```ts
 * const { lines, probe } = await login({ loginUrl });
 * const { best, reason } = await findFastestLine({ lines, probe });
 * ```
 *
 * @returns the line to use, all lines with what was seen of them, and why that one.
 * @throws GatewayError `connect_failed` when the signal was aborted, or its reason if that is a GatewayError.
 */
export function findFastestLine(options: FindFastestLineOptions): Promise<LineReport> {
  const { tls, logger, ...survey } = options;
  const given = { ...(tls === undefined ? {} : { tls }), ...(logger === undefined ? {} : { logger }) };
  return surveyLines(createNodePlatform({ ...given, socketBufferBytes: SOCKET_BUFFER_BYTES }), survey);
}

/** Probes need little. */
const SOCKET_BUFFER_BYTES = 64 * 1024;
