import type { IncomingMessage } from 'node:http';

/** Why there is no body: it is too long, takes too long, or the client went away. */
export type BodyFault = 'too_large' | 'request_timeout' | 'aborted';

/** Whether a request says that it has a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether more than `maxBytes` may still come of a body that nobody reads. */
export function mayBeLong({ headers }: IncomingMessage, maxBytes: number): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > maxBytes;
}

/** Reads the whole body, at most `maxBytes`, within `timeoutMs` from now. Never rejects. */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  timeoutMs: number,
): Promise<Uint8Array | BodyFault> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve('too_large');
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const settle = (result: Uint8Array | BodyFault): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', finish).off('close', abort);
      request.pause();
      resolve(result);
    };
    const take = (chunk: Uint8Array): void => {
      length += chunk.length;
      if (length > maxBytes) settle('too_large');
      else chunks.push(chunk);
    };
    const finish = (): void =>
      settle(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    const abort = (): void => settle('aborted');
    const timer = setTimeout(settle, timeoutMs, 'request_timeout');
    // Stays: a connection that breaks later is no error of anybody here.
    request.on('error', abort);
    request.on('data', take).once('end', finish).once('close', abort);
  });
}
