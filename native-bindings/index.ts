export { AEAD_STRIDE } from './aead.ts';
export { loadNativeBindings, type NativeBindings, type NativeLoad } from './load.ts';
export {
  NATIVE_COUNTERS,
  type NativeGroupOptions,
  type NativeSocket,
  type NativeSocketOptions,
  type NativeUdp,
  type NativeUdpFeatures,
} from './udp.ts';
