import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ListenerConfig } from '../../../../src/gateway/config/config.ts';
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
] as const satisfies readonly (keyof ListenerConfig)[];

it('gives each worker its part of what a listener may use, together the whole and hardly more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 64 }), fc.integer({ min: 1, max: 1e9 }), (workers, limit) => {
      const [listener] = config.listeners;
      const limits = Object.fromEntries(SHARED.map((key) => [key, limit]));
      const share = shareLimits({ ...config, listeners: [{ ...listener!, ...limits }] }, workers)
        .listeners[0]!;
      for (const key of SHARED) {
        expect(share[key] * workers).toBeGreaterThanOrEqual(limit);
        expect(share[key] * workers).toBeLessThan(limit + workers);
      }
    }),
  );
});

it('leaves everything else as it is', () => {
  const share = shareLimits(config, 4);
  const without = (listener: ListenerConfig): object =>
    Object.fromEntries(
      Object.entries(listener).filter(([key]) => !(SHARED as readonly string[]).includes(key)),
    );
  expect({ ...share, listeners: [] }).toEqual({ ...config, listeners: [] });
  expect(share.listeners.map(without)).toEqual(config.listeners.map(without));
});
