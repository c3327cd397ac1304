import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  kcpUdpListeners,
  type KcpUdpListenerConfig,
  type ListenerConfig,
  type SessionsConfig,
} from '../../../../src/gateway/config/config.ts';
import { loadConfig } from '../../../../src/gateway/config/load.ts';
import { shareLimits } from '../../../../src/gateway/workers/share-limits.ts';

const loaded = loadConfig({ env: {} });
if (!loaded.ok) throw new Error('the default configuration is not valid');
const { config } = loaded;

const SHARED = [
  'maxSessions',
  'maxSessionsPerSource',
  'newSessionsPerSecond',
  'newSessionsPerSourcePerSecond',
  'maxMemoryBytes',
] as const satisfies readonly (keyof KcpUdpListenerConfig & keyof SessionsConfig)[];

it('gives each worker its part of what may be used, together the whole and hardly more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 64 }), fc.integer({ min: 1, max: 1e9 }), (workers, limit) => {
      const [listener] = kcpUdpListeners(config);
      const limits = Object.fromEntries(SHARED.map((key) => [key, limit]));
      const share = shareLimits(
        {
          ...config,
          listeners: [{ ...listener!, ...limits }],
          sessions: { ...config.sessions, ...limits, maxHalfOpen: limit },
        },
        workers,
      );
      const [ofListener] = kcpUdpListeners(share);
      const parts = SHARED.flatMap((key) => [ofListener![key], share.sessions[key]]);
      for (const part of [...parts, share.sessions.maxHalfOpen]) {
        expect(part * workers).toBeGreaterThanOrEqual(limit);
        expect(part * workers).toBeLessThan(limit + workers);
      }
    }),
  );
});

it('leaves everything else as it is', () => {
  const share = shareLimits(config, 4);
  const without = (limits: ListenerConfig | SessionsConfig): object =>
    Object.fromEntries(Object.entries(limits).filter(([key]) => ![...SHARED, 'maxHalfOpen'].includes(key)));
  expect({ ...share, listeners: [], sessions: {} }).toEqual({ ...config, listeners: [], sessions: {} });
  expect(share.listeners.map(without)).toEqual(config.listeners.map(without));
  expect(without(share.sessions)).toEqual(without(config.sessions));
});
