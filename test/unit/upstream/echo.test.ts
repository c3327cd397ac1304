import { describe, expect, test } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { SendError, type SessionPort } from '../../../src/base/sink.ts';
import { EchoUpstream } from '../../../src/upstream/index.ts';
import { FakeSession, type FakeSessionOptions, randomBytes, sha256 } from './fake-session-port.ts';

function fakeSession(options: Partial<FakeSessionOptions> = {}): FakeSession {
  return new FakeSession({
    mode: 'message',
    capacity: 100,
    random: new SeededRandom(1),
    keep: true,
    ...options,
  });
}

/** Takes everything and remembers from which memory. */
class RecordingPort implements SessionPort {
  readonly calls: string[] = [];
  readonly lent: Uint8Array[] = [];
  answer: ((length: number) => number) | undefined;

  send(bytes: Uint8Array, offset: number, length: number): number {
    this.calls.push(`send ${Buffer.from(bytes.subarray(offset, offset + length)).toString()}`);
    this.lent.push(bytes);
    return this.answer?.(length) ?? length;
  }

  sendDatagram(bytes: Uint8Array, offset: number, length: number): number {
    this.calls.push(`datagram ${Buffer.from(bytes.subarray(offset, offset + length)).toString()}`);
    return length;
  }

  end(): void {
    this.calls.push('end');
  }

  resume(): void {
    this.calls.push('resume');
  }

  close(code: CloseCode): void {
    this.calls.push(`close ${String(code)}`);
  }
}

function write(
  sink: { write: (b: Uint8Array, o: number, l: number, e: boolean) => boolean },
  text: string,
  end = true,
) {
  const bytes = Buffer.from(`..${text}..`);
  return sink.write(bytes, 2, text.length, end);
}

describe('EchoUpstream', () => {
  test('a message outside the order comes back outside the order, until the close', () => {
    const port = new RecordingPort();
    const upstream = new EchoUpstream({ name: 'demo' });
    const sink = upstream.open(port);
    sink.datagram?.(Buffer.from('hello'), 1, 3);
    expect(port.calls).toEqual(['datagram ell']);
    expect(upstream.stats()).toMatchObject({ bytesFromSessions: 3, bytesToSessions: 3 });
    sink.close(CloseCode.normal, '');
    sink.datagram?.(Buffer.from('hello'), 1, 3);
    expect(port.calls).toEqual(['datagram ell']);
  });

  test('a message of one piece is sent from the memory it came in', () => {
    const port = new RecordingPort();
    const sink = new EchoUpstream({ name: 'demo' }).open(port);
    const bytes = Buffer.from('hello');
    expect(sink.write(bytes, 1, 3, true)).toBe(true);
    expect(port.calls).toEqual(['send ell']);
    expect(port.lent[0]).toBe(bytes);
  });

  test('pieces become one message again', () => {
    const port = new RecordingPort();
    const sink = new EchoUpstream({ name: 'demo' }).open(port);
    expect(write(sink, 'ab', false)).toBe(true);
    sink.flush();
    expect(write(sink, 'cd', false)).toBe(true);
    expect(write(sink, 'ef')).toBe(true);
    expect(write(sink, 'gh')).toBe(true);
    expect(port.calls).toEqual(['send abcdef', 'send gh']);
  });

  test('a full session stops the sink until there is room', () => {
    const port = new RecordingPort();
    const upstream = new EchoUpstream({ name: 'demo' });
    const sink = upstream.open(port);
    port.answer = () => 0;
    write(sink, 'ab', false);
    expect(write(sink, 'cd')).toBe(false);
    expect(upstream.stats().heldBytes).toBe(4);
    sink.writable();
    port.answer = undefined;
    sink.writable();
    sink.writable();
    expect(port.calls).toEqual(['send abcd', 'send abcd', 'send abcd', 'resume']);
    expect(upstream.stats()).toMatchObject({ heldBytes: 0, bytesFromSessions: 4, bytesToSessions: 4 });
  });

  test('of a stream, the part that was not taken follows', () => {
    const port = new RecordingPort();
    const sink = new EchoUpstream({ name: 'demo' }).open(port);
    port.answer = () => 2;
    expect(write(sink, 'abcdef')).toBe(false);
    sink.writable();
    sink.writable();
    expect(port.calls).toEqual(['send abcdef', 'send cdef', 'send ef', 'resume']);
  });

  test('the end comes after what is held', () => {
    const port = new RecordingPort();
    const sink = new EchoUpstream({ name: 'demo' }).open(port);
    port.answer = () => 0;
    write(sink, 'ab');
    sink.end();
    expect(port.calls).toEqual(['send ab']);
    port.answer = undefined;
    sink.writable();
    expect(port.calls).toEqual(['send ab', 'send ab', 'end']);
  });

  test('drain hands over what is held and ends', () => {
    const port = new RecordingPort();
    const upstream = new EchoUpstream({ name: 'demo' });
    const sink = upstream.open(port);
    port.answer = () => 0;
    write(sink, 'ab');
    sink.drain();
    port.answer = undefined;
    sink.writable();
    const idle = new RecordingPort();
    upstream.open(idle).drain();
    expect([port.calls.at(-1), idle.calls.at(-1)]).toEqual(['end', 'end']);
  });

  test('a message that the peer can never take ends the session', () => {
    const port = new RecordingPort();
    const upstream = new EchoUpstream({ name: 'demo' });
    const sink = upstream.open(port);
    port.answer = () => SendError.tooLarge;
    write(sink, 'ab');
    write(sink, 'cd');
    expect(port.calls).toEqual(['send ab', `close ${String(CloseCode.messageTooLarge)}`]);
    expect(upstream.stats().activeSessions).toBe(0);
  });

  test('a message that does not end is not held for ever', () => {
    const port = new RecordingPort();
    const upstream = new EchoUpstream({ name: 'demo', maxMessageBytes: 1000 });
    const sink = upstream.open(port);
    let peak = 0;
    for (let i = 0; i < 100; i++) {
      write(sink, 'x'.repeat(100), false);
      peak = Math.max(peak, upstream.stats().heldBytes);
    }
    expect(peak).toBe(1000);
    expect(port.calls).toEqual([`close ${String(CloseCode.messageTooLarge)}`]);
  });

  test('a session that is closing is left alone', () => {
    const port = new RecordingPort();
    const upstream = new EchoUpstream({ name: 'demo' });
    const sink = upstream.open(port);
    port.answer = () => SendError.closed;
    expect(write(sink, 'ab')).toBe(true);
    sink.close(CloseCode.normal, '');
    sink.writable();
    expect(port.calls).toEqual(['send ab']);
    expect(upstream.stats()).toMatchObject({ activeSessions: 0, heldBytes: 0, sessions: 1 });
  });

  test('close ends open sessions and refuses new ones', async () => {
    const ports = [new RecordingPort(), new RecordingPort()];
    const upstream = new EchoUpstream({ name: 'demo' });
    upstream.open(ports[0] as SessionPort);
    await upstream.close();
    upstream.open(ports[1] as SessionPort);
    await upstream.close();
    const closed = [`close ${String(CloseCode.drain)}`];
    expect(ports.map((port) => port.calls)).toEqual([closed, closed]);
  });

  test.each(['stream', 'message'] as const)('a MiB comes back through a tiny queue (%s)', async (mode) => {
    const random = new SeededRandom(2);
    const upstream = new EchoUpstream({ name: 'demo' });
    const fake = fakeSession({ mode, capacity: 5000, drainPerTurn: 3000, random, keep: false });
    fake.heldBytes = () => upstream.stats().heldBytes;
    fake.bind((port) => upstream.open(port));
    const bytes = randomBytes(random, 1024 * 1024);
    fake.feed(bytes, 1400, true);
    await fake.until(() => fake.ended);
    expect(fake.digest()).toBe(sha256(bytes));
    expect(fake.violations).toEqual([]);
    expect(fake.peakHeld).toBeLessThanOrEqual(1400);
  });
});
