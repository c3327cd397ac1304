import { describe, expect, it } from 'vitest';
import type { NativeLoad } from '../../../../native-bindings/index.ts';
import type { GatewayConfig } from '../../../../src/gateway/config/config.ts';
import { loadConfig } from '../../../../src/gateway/config/load.ts';
import { planWorkers } from '../../../../src/gateway/workers/plan-workers.ts';
import { fakeBindings } from '../../../support/native.ts';

function configWith(workers: number | 'auto'): GatewayConfig {
  const loaded = loadConfig({ text: `common: { workers: ${String(workers)} }`, env: {} });
  if (!loaded.ok) throw new Error('not valid');
  return loaded.config;
}

function loadedWith(features: { reusePort: boolean; steering: boolean }): NativeLoad {
  const probeUdp = () => ({ segmentation: true, receiveOffload: true, ...features });
  return { status: 'loaded', file: 'x', bindings: fakeBindings({ probeUdp }) };
}

const ABLE = loadedWith({ reusePort: true, steering: true });

describe('planWorkers', () => {
  it('gives as many as configured', () => {
    expect(planWorkers(configWith(3), ABLE)).toMatchObject({ workers: 3, bindings: {} });
  });

  it.each([
    [1, undefined],
    [6, 6],
    [200, 64],
  ])('takes auto as %d processors', (processors, workers) => {
    const plan = planWorkers(configWith('auto'), ABLE, false, processors);
    if (workers === undefined) expect(plan).toEqual({ workers: 1 });
    else expect(plan).toMatchObject({ workers, bindings: {} });
  });

  it('gives one when a socket was inherited', () => {
    expect(planWorkers(configWith(3), ABLE, true)).toMatchObject({ workers: 1, wanted: 3 });
  });

  it('needs nothing for one', () => {
    expect(planWorkers(configWith(1), { status: 'missing', reason: 'not built' })).toEqual({ workers: 1 });
  });

  it.each<[string, NativeLoad, string, string]>([
    ['turned off', { status: 'off', reason: 'KCPGATE_NATIVE=off' }, 'KCPGATE_NATIVE=off', 'unset'],
    ['missing', { status: 'missing', reason: 'not built' }, 'not built', 'doctor'],
    ['broken', { status: 'broken', reason: 'file too short' }, 'file too short', 'doctor'],
    ['alone', loadedWith({ reusePort: false, steering: false }), 'share an address', 'Linux'],
    ['not steering', loadedWith({ reusePort: true, steering: false }), 'steer', 'Linux'],
  ])('says why it is one, and what to do, when the addon is %s', (_, native, reason, advice) => {
    const plan = planWorkers(configWith(2), native);
    expect(plan).toMatchObject({ workers: 1, wanted: 2 });
    expect(plan).toHaveProperty('reason', expect.stringContaining(reason));
    expect(plan).toHaveProperty('advice', expect.stringContaining(advice));
  });
});
