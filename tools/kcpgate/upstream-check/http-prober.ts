import { request, type IncomingMessage } from 'node:http';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import { READINESS_PATH } from '../../../src/gateway/health/health-handler.ts';
import { AnswerWait } from './answer-wait.ts';
import { failed, type GatewayCondition, type ProbeOutcome } from './probe-outcome.ts';

/** Asks the HTTP port of a gateway whether it is ready, on a connection of its own. */
export async function probeHttp(at: SocketAddress, timeoutMs: number): Promise<ProbeOutcome> {
  const wait = new AnswerWait(timeoutMs);
  const asked = request({
    host: at.address,
    port: at.port,
    path: READINESS_PATH,
    headers: { host: formatSocketAddress(at), accept: 'application/json', connection: 'close' },
    agent: false,
    maxHeaderSize: MAX_BYTES,
  });
  asked.once('response', (response) => {
    readAnswer(response, wait);
  });
  asked.on('error', (error) => {
    if ('code' in error && String(error.code).startsWith('HPE_')) wait.end(failed('bad_answer', 'not HTTP'));
    else wait.broke(error);
  });
  asked.on('close', () => {
    wait.end(failed('closed'));
  });
  asked.end();
  try {
    return await wait.outcome;
  } finally {
    asked.destroy();
  }
}

function readAnswer(response: IncomingMessage, wait: AnswerWait): void {
  const { statusCode = 0 } = response;
  if (statusCode !== 200 && statusCode !== 503) {
    wait.end(failed('http_status', String(statusCode)));
    return;
  }
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > MAX_BYTES) wait.end(failed('bad_answer', 'a long body'));
  });
  response.on('error', (error) => {
    wait.broke(error);
  });
  response.on('end', () => {
    const condition = conditionIn(statusCode, text);
    if (condition === undefined) wait.end(failed('bad_answer', 'a body that is no health report'));
    else wait.answered(condition);
  });
}

/** What a health report says; undefined when the text is none. */
function conditionIn(statusCode: 200 | 503, text: string): GatewayCondition | undefined {
  const report = parsed(text);
  if (!isObject(report) || typeof report.status !== 'string' || !isObject(report.checks)) return undefined;
  const { accepting } = report.checks;
  const reason = isObject(accepting) ? accepting.reason : null;
  const draining = reason === 'draining' || reason === 'stopping';
  return { load: null, draining, notReady: statusCode === 503 && !draining, epochSeconds: null };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

const MAX_BYTES = 8192;
