import { loadNativeBindings } from '../../../native-bindings/index.ts';

/** What became of the native addon in a process that was measured. */
export interface NativeStatus {
  readonly status: 'loaded' | 'off' | 'missing' | 'broken';
  /** Why it is not in use. */
  readonly reason?: string;
}

/** Of this process. */
export function ownNativeStatus(): NativeStatus {
  const load = loadNativeBindings();
  return load.status === 'loaded' ? { status: 'loaded' } : { status: load.status, reason: load.reason };
}
