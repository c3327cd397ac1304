import { once } from 'node:events';
import { expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { Sink } from '../../../src/base/sink.ts';
import { StockConnection } from '../../../src/client/node/stock-connection.ts';
import { SessionPair } from '../session/session-pair.ts';

const NO_ENDPOINT = { gone: () => Promise.resolve(), close: () => Promise.resolve() };

/** A connection whose session is played by the test. */
function connection(): { connection: StockConnection; sink: Sink } {
  const made = new StockConnection(NO_ENDPOINT, true);
  return { connection: made, sink: made.attach(new SessionPair().client) };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(stream, 'end');
  return text;
}

it('a stream that is asked for late has the data and the end that came before', async () => {
  const { connection: late, sink } = connection();
  sink.write(Buffer.from('bye'), 0, 3, true);
  sink.flush();
  sink.end();
  expect(await textOf(late.stream())).toBe('bye');
  expect(late.stream()).toBe(late.stream());
});

it('a stream that is asked for after the close has the data, then the end or the error', async () => {
  const orderly = connection();
  orderly.sink.write(Buffer.from('bye'), 0, 3, true);
  orderly.sink.close(CloseCode.normal, 'finished');
  expect(await textOf(orderly.connection.stream())).toBe('bye');

  const broken = connection();
  broken.sink.write(Buffer.from('by'), 0, 2, true);
  broken.sink.close(CloseCode.upstreamUnavailable, 'connection reset');
  const stream = broken.connection.stream();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [error] = (await once(stream, 'error')) as [Error];
  expect(text).toBe('by');
  expect(error).toMatchObject({ code: 'session_closed', details: { code: CloseCode.upstreamUnavailable } });
});

it('messages end where the peer ended, whether it was asked before or after', async () => {
  const { connection: early, sink } = connection();
  const messages = early[Symbol.asyncIterator]();
  const first = messages.next();
  sink.write(Buffer.from('one'), 0, 3, true);
  sink.flush();
  sink.end();
  expect(Buffer.from((await first).value ?? []).toString()).toBe('one');
  expect((await messages.next()).done).toBe(true);
});
