export { AEAD_STRIDE } from './aead.ts';
export {
  loadNativeBindings,
  nativeFolder,
  nativeLoadWarning,
  type NativeBindings,
  type NativeLoad,
} from './load.ts';
export { platformName } from './platform.ts';
export {
  NATIVE_COUNTERS,
  SEGMENTATION_REFUSED,
  type NativeGroupOptions,
  type NativeSocket,
  type NativeSocketOptions,
  type NativeUdp,
  type NativeUdpFeatures,
} from './udp.ts';
