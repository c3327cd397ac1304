import { loadNativeBindings, type NativeLoad } from '../../native-bindings/index.ts';
import type { PacketCipher } from '../base/packet-cipher.ts';
import { NodePacketCipher } from './node-packet-cipher.ts';

/** Whether the native cipher can be used, and if not why. */
export type NativeCipherSupport =
  { readonly supported: true } | { readonly supported: false; readonly reason: string };

/**
 * The native cipher where there is one, else the one on Node's crypto module. The native one is faster for batches of any
 * size, a single datagram included.
 * @param load Default: the addon, unless `KCPGATE_NATIVE=off`.
 */
export function createPacketCipher(load: NativeLoad = loadNativeBindings()): PacketCipher {
  return load.status === 'loaded' && load.bindings.probeAead().available
    ? load.bindings.openKeyTable()
    : new NodePacketCipher();
}

/** What {@link createPacketCipher} finds, for people. */
export function nativeCipherSupport(load: NativeLoad = loadNativeBindings()): NativeCipherSupport {
  if (load.status !== 'loaded') return { supported: false, reason: load.reason };
  const { available, reason } = load.bindings.probeAead();
  return available ? { supported: true } : { supported: false, reason };
}
