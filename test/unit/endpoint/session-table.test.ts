import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { MemoryHub } from '../../../src/carrier/memory.ts';
import { EndpointPort } from '../../../src/endpoint/index.ts';
import { SessionTable, type SessionEntry } from '../../../src/endpoint/session-table.ts';
import { resolveKcpConfig, SegmentPool } from '../../../src/kcp/index.ts';
import { Path, Session } from '../../../src/session/index.ts';
import { NO_PATHS } from '../session/session-pair.ts';

const pool = new SegmentPool();
const kcp = resolveKcpConfig({ conv: 0 });
const session = new Session(
  {
    role: 'gateway',
    peer: 'stock',
    kcp,
    idleTimeoutMs: 1,
    keepAliveMs: 0,
    closeTimeoutMs: 1,
    lingerMs: 0,
    copyBytesPerSecond: 0,
    earlyData: false,
  },
  pool,
  { ...NO_PATHS, wake: () => undefined },
  0,
  0,
  { path: new Path(0, 0, false, 0, { validated: true, announcing: false }) },
);

const home = new EndpointPort(0, new MemoryHub().join(), {
  name: 'port',
  kcp,
  pool,
  allowStock: true,
  session: { idleTimeoutMs: 1, keepAliveMs: 0, closeTimeoutMs: 1, lingerMs: 0 },
  admission: {
    maxSessions: 1,
    maxSessionsPerSource: 1,
    newSessionsPerSecond: 1,
    newSessionsPerSourcePerSecond: 1,
  },
});

const add = (table: SessionTable, slot: number, conv: number): SessionEntry =>
  table.add({ id: 0, key: slot, conv, source: '', group: home.group, home, hello: undefined }, () => session);

describe('the session table', () => {
  it('finds what is in it and nothing else, through growth and removal', () => {
    const random = new SeededRandom(7);
    const table = new SessionTable(random.nextUint32());
    const known = new Map<string, SessionEntry>();
    for (let step = 0; step < 20_000; step++) {
      const slot = random.nextUint32() % 40;
      const conv = (random.nextUint32() % 40) * 0x06000001;
      const key = `${String(slot)}/${String(conv)}`;
      const entry = known.get(key);
      expect(table.find(slot, conv)).toBe(entry);
      if (entry === undefined) {
        known.set(key, add(table, slot, conv));
      } else if (random.nextUint32() % 3 === 0) {
        table.remove(entry);
        table.remove(entry);
        known.delete(key);
      }
      expect(table.size).toBe(known.size);
    }
    expect(new Set(table)).toEqual(new Set(known.values()));
    for (const entry of known.values()) expect(table.at(entry.index)).toBe(entry);
  });

  it('finds the last of many conversations of one address as fast as the first', () => {
    const table = new SessionTable(99);
    const convs = Array.from({ length: 20_000 }, (_, i) => i * 64);
    let looked = 0;
    for (const conv of convs) {
      const get = (): number => {
        looked++;
        return conv;
      };
      Object.defineProperty(add(table, 1, conv), 'conv', { get });
    }
    let longest = 0;
    for (const conv of convs) {
      looked = 0;
      expect(table.find(1, conv)).toBeDefined();
      longest = Math.max(longest, looked);
    }
    expect(longest).toBeLessThan(12);
  });
});
