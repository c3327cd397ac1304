import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendText } from '../http/send-text.ts';
import {
  livenessReport,
  readinessReport,
  statusOfHealth,
  type GatewayHealth,
  type HealthReport,
} from './health-report.ts';

/** Where it is said whether the process answers. */
export const LIVENESS_PATH = '/api/health/live';
/** Where it is said whether the gateway takes new sessions. */
export const READINESS_PATH = '/api/health/ready';

/**
 * Answers the health endpoints of the public HTTP listener: to anybody, over plain HTTP too, because they tell nothing that
 * is not to be seen from outside anyway. @returns whether the path was one of them.
 */
export function answerHealth(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  health: () => GatewayHealth,
): boolean {
  const report = reportAt(path, health);
  if (report === undefined) return false;
  const { method } = request;
  // Whatever body comes is not read.
  const headers = method === 'GET' || method === 'HEAD' ? {} : { connection: 'close', allow: 'GET, HEAD' };
  if ('allow' in headers) {
    sendText(response, 405, 'application/problem+json', METHOD_NOT_ALLOWED, headers);
  } else {
    sendText(response, statusOfHealth(report), 'application/json', JSON.stringify(report), headers);
  }
  return true;
}

function reportAt(path: string, health: () => GatewayHealth): HealthReport | undefined {
  if (path === READINESS_PATH) return readinessReport(health(), Date.now());
  return path === LIVENESS_PATH ? livenessReport(Date.now()) : undefined;
}

const METHOD_NOT_ALLOWED = JSON.stringify({ type: 'about:blank', title: 'Method Not Allowed', status: 405 });
