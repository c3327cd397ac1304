import { describe, expect, test } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import { createMemoryPair } from '../../../src/carrier/memory.ts';
import { Endpoint } from '../../../src/endpoint/index.ts';
import { FloodGuard } from '../../../src/endpoint/flood-guard.ts';
import { resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';

describe('a flood of junk', () => {
  test('is one that goes on: then who reads rests after a little junk, never after anything of use', () => {
    const guard = new FloodGuard();
    for (let now = 100; now < 110; now++) {
      for (let i = 0; i < 30; i++) expect(guard.afterBatch(now, 1, 1)).toBe(false);
    }
    expect(guard.afterBatch(110, 1, 1)).toBe(true);
    expect(guard.afterBatch(111, 5, 5)).toBe(true);
    expect(guard.afterBatch(111, 5, 4)).toBe(false);
    // Enough at a time.
    expect(guard.afterBatch(111, 64, 64)).toBe(false);
  });

  test('is over when a window passes with less', () => {
    const guard = new FloodGuard();
    for (let now = 100; now < 120; now++) guard.afterBatch(now, 60, 60);
    expect(guard.afterBatch(120, 1, 1)).toBe(true);
    expect(guard.afterBatch(131, 1, 1)).toBe(false);
  });

  test('that ended long ago is none', () => {
    const guard = new FloodGuard();
    for (let now = 100; now < 109; now++) guard.afterBatch(now, 60, 60);
    expect(guard.afterBatch(5000, 1, 1)).toBe(false);
    expect(guard.afterBatch(5001, 1, 1)).toBe(false);
  });
});

describe('an endpoint', () => {
  test('rests while it is flooded with junk, and not for sessions', () => {
    const [attacker, own] = createMemoryPair();
    let now = 1000;
    let rests = 0;
    const endpoint = new Endpoint({
      clock: { now: () => now },
      logger: NO_LOG,
      acceptor: { accept: () => CloseCode.blocked },
      rest: () => {
        rests++;
      },
    });
    const admission = {
      maxSessions: 1,
      maxSessionsPerSource: 1,
      newSessionsPerSecond: 1,
      newSessionsPerSourcePerSecond: 1,
    };
    endpoint.attach(own, {
      name: 'port',
      kcp: resolveKcpConfig({ conv: 0 }),
      pool: new SegmentPool(),
      session: { idleTimeoutMs: 30_000, keepAliveMs: 0, closeTimeoutMs: 1000, lingerMs: 0 },
      admission,
      allowStock: false,
    });
    endpoint.start();
    const throwJunk = (): void => {
      for (let i = 0; i < 20; i++) {
        const at = attacker.arena.reserve(100);
        attacker.arena.bytes.fill(0, at, at + 100);
        attacker.arena.target = 1;
        attacker.arena.commit(100);
      }
      attacker.flush();
      own.deliver();
    };
    for (; now < 1011; now++) for (let i = 0; i < 2; i++) throwJunk();
    expect(endpoint.stats().drops.unknown_kind).toBe(440);
    expect(rests).toBe(2);
    now = 2000;
    throwJunk();
    expect(rests).toBe(2);
    void endpoint.close();
  });
});
