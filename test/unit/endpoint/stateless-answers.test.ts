import { describe, expect, test } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { createMemoryPair } from '../../../src/carrier/memory.ts';
import { EndpointPort } from '../../../src/endpoint/endpoint-port.ts';
import { SourceNames } from '../../../src/endpoint/source-names.ts';
import { StatelessAnswers } from '../../../src/endpoint/stateless-answers.ts';
import { resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';

/** A port whose slots stand for the given addresses, and how often somebody asked for one. */
function portOf(addresses: readonly string[]): { port: EndpointPort; asked: () => number } {
  const [carrier] = createMemoryPair();
  const admission = {
    maxSessions: 1,
    maxSessionsPerSource: 1,
    newSessionsPerSecond: 1,
    newSessionsPerSourcePerSecond: 1,
  };
  const session = { idleTimeoutMs: 30_000, keepAliveMs: 0, closeTimeoutMs: 1000, lingerMs: 0 };
  const port = new EndpointPort(0, carrier, {
    name: 'port',
    kcp: resolveKcpConfig({ conv: 0 }),
    pool: new SegmentPool(),
    session,
    admission,
    allowStock: false,
  });
  let asked = 0;
  carrier.addressOf = (slot): SocketAddress => {
    asked++;
    return { address: addresses[slot]!, family: 4, port: 1 };
  };
  return { port, asked: () => asked };
}

const TOKENS = { tokenOf: () => new Uint8Array(16) };

describe('answers without a session', () => {
  test('what a network asks beyond its limit takes nothing from the others', () => {
    const answers = new StatelessAnswers(TOKENS, new SourceNames());
    const { port } = portOf(['192.0.2.1', '192.0.2.200', '198.51.100.1']);
    // Far more than all together may have in a second.
    for (let i = 0; i < 50_000; i++) answers.reset(0, port, i, 100, i % 2);
    const sent = port.resetsSent;
    expect(sent).toBeLessThan(1000);
    expect(answers.reset(0, port, 7, 100, 2)).toBe('unknown_session');
    expect(port.resetsSent).toBe(sent + 1);
  });

  test('a flood from one address does not ask for it again and again', () => {
    const sources = new SourceNames();
    const answers = new StatelessAnswers(TOKENS, sources);
    const { port, asked } = portOf(['192.0.2.1']);
    for (let i = 0; i < 1000; i++) answers.reset(0, port, i, 100, 0);
    expect(asked()).toBe(1);
    sources.forget();
    answers.reset(0, port, 1, 100, 0);
    expect(asked()).toBe(2);
  });

  test('when all together have had theirs, nobody is looked at any more', () => {
    const answers = new StatelessAnswers(TOKENS, new SourceNames());
    const { port, asked } = portOf(
      Array.from({ length: 2000 }, (_, i) => `10.${Math.floor(i / 256)}.${i % 256}.1`),
    );
    for (let i = 0; i < 40_000; i++) {
      if (answers.reset(0, port, i, 100, i % 2000) === 'answer_limit') break;
      port.flush(undefined);
    }
    expect(port.resetsSent).toBe(20_000);
    const before = asked();
    expect(answers.reset(0, port, 1, 100, 0)).toBe('answer_limit');
    expect(asked()).toBe(before);
  });
});

describe('names of senders', () => {
  test('are those of the slot and port that are asked for', () => {
    const sources = new SourceNames();
    const { port } = portOf(['192.0.2.1', '198.51.100.7']);
    const other = portOf(['203.0.113.9']).port;
    expect(sources.keyOf(port, 0)).toBe('192.0.2.1');
    expect(sources.networkOf(port, 1)).toBe('198.51.100.0/24');
    expect(sources.keyOf(port, 1)).toBe('198.51.100.7');
    expect(sources.keyOf(other, 0)).toBe('203.0.113.9');
    expect(sources.networkOf(port, 0)).toBe('192.0.2.0/24');
  });
});
