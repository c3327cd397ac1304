import { describe, expect, it, vi } from 'vitest';
import type { NativeBindings, NativeLoad } from '../../../native-bindings/index.ts';
import type { PacketCipher } from '../../../src/base/packet-cipher.ts';
import { createPacketCipher, nativeCipherSupport } from '../../../src/crypto/create-packet-cipher.ts';
import { fakeBindings } from '../../support/native.ts';

describe('choosing a packet cipher', () => {
  it('takes the native one where the addon can use the crypto library', () => {
    const { load, table } = loaded({ available: true, reason: '' });
    expect(createPacketCipher(load)).toBe(table);
    expect(nativeCipherSupport(load)).toEqual({ supported: true });
  });

  it('takes the other where it cannot, and says why', () => {
    const { load } = loaded({ available: false, reason: 'no OpenSSL' });
    expect(createPacketCipher(load).implementation).toBe('node');
    expect(nativeCipherSupport(load)).toEqual({ supported: false, reason: 'no OpenSSL' });
  });

  it.each(['off', 'missing', 'broken'] as const)('takes the other when the addon is %s', (status) => {
    const load: NativeLoad = { status, reason: 'because' };
    expect(createPacketCipher(load).implementation).toBe('node');
    expect(nativeCipherSupport(load)).toEqual({ supported: false, reason: 'because' });
  });

  it('heeds KCPGATE_NATIVE=off', () => {
    vi.stubEnv('KCPGATE_NATIVE', 'off');
    expect(createPacketCipher().implementation).toBe('node');
    expect(nativeCipherSupport()).toEqual({ supported: false, reason: 'KCPGATE_NATIVE=off' });
  });
});

function loaded(probe: ReturnType<NativeBindings['probeAead']>): {
  load: NativeLoad;
  table: PacketCipher;
} {
  const nothing = (): void => undefined;
  const table = {
    implementation: 'native',
    addKey: () => 1,
    removeKey: nothing,
    seal: () => 0,
    open: () => 0,
    close: nothing,
  } as const;
  const bindings = fakeBindings({ probeAead: () => probe, openKeyTable: () => table });
  return { load: { status: 'loaded', bindings, file: 'kcpgate.node' }, table };
}
