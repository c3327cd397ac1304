import { describe, test } from 'vitest';
import { loadNativeBindings, type NativeBindings } from '../../native-bindings/index.ts';
import { peersAreRequired } from './peer-detection.ts';

/**
 * `describe` for a suite that needs the native addon. Where it is turned off or was not built the suite is skipped and a
 * line on the console says so; with `KCPGATE_REQUIRE_PEERS=1` an addon that is not there is a failure.
 */
export function describeWithNative(
  title: string,
  suite: (bindings: NativeBindings, file: string) => void,
): void {
  const native = loadNativeBindings();
  if (native.status === 'loaded') {
    describe(title, () => suite(native.bindings, native.file));
  } else if (peersAreRequired() && native.status !== 'off') {
    describe(title, () => {
      test('needs the native addon', () => {
        throw new Error(`KCPGATE_REQUIRE_PEERS=1, but there is no native addon: ${native.reason}`);
      });
    });
  } else {
    console.warn(`SKIPPED "${title}": no native addon: ${native.reason}`);
    describe.skip(title, () => {
      test('needs the native addon', () => undefined);
    });
  }
}

/** Bindings of which a test uses these parts only; any other throws. */
export function fakeBindings(parts: Partial<NativeBindings>): NativeBindings {
  const unexpected = (): never => {
    throw new Error('this test does not expect it to be called');
  };
  return {
    version: 0,
    probeUdp: unexpected,
    openSocket: unexpected,
    bindReusePortGroup: unexpected,
    closeDescriptor: unexpected,
    probeAead: unexpected,
    openKeyTable: unexpected,
    ...parts,
  };
}
