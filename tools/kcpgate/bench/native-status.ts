import { loadNativeBindings } from '../../../native-bindings/index.ts';
import type { NativeStatus } from '../../../src/gateway/gateway-status.ts';

/** What became of the native addon in this process. */
export function ownNativeStatus(): NativeStatus {
  const load = loadNativeBindings();
  return load.status === 'loaded' ? { status: 'loaded' } : { status: load.status, reason: load.reason };
}
