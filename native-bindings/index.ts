export { AEAD_STRIDE } from './aead.ts';
export { loadNativeBindings, nativeLoadWarning, type NativeBindings, type NativeLoad } from './load.ts';
export {
  NATIVE_COUNTERS,
  SEGMENTATION_REFUSED,
  type NativeGroupOptions,
  type NativeSocket,
  type NativeSocketOptions,
  type NativeUdp,
  type NativeUdpFeatures,
} from './udp.ts';
