import type { NativeUdpFeatures } from '../../../../native-bindings/index.ts';
import type { Finding, Patient } from '../finding.ts';

/** What the kernel does for UDP, found out by trying. */
export function checkOffload({ native }: Patient): Finding {
  const check = 'UDP offload';
  if (native.status !== 'loaded') {
    return { check, status: 'note', text: 'not used: that takes the native addon' };
  }
  const features = native.bindings.probeUdp();
  const granted = FEATURES.filter(([name]) => features[name]).map(([, text]) => text);
  const lacking = FEATURES.filter(([name]) => !features[name]);
  const details = { ...features };
  if (lacking.length === 0) return { check, status: 'ok', text: granted.join(', '), details };
  return {
    check,
    status: 'warning',
    text: `the kernel does not grant ${lacking.map(([, text]) => text).join(', ')}`,
    advice: lacking.map(
      ([, text, since]) => `${text}: Linux ${since} or newer has it; a sandbox may forbid it`,
    ),
    details,
  };
}

const FEATURES: readonly (readonly [name: keyof NativeUdpFeatures, text: string, since: string])[] = [
  ['segmentation', 'segmentation', '4.18'],
  ['receiveOffload', 'receive offload', '5.0'],
  ['reusePort', 'port reuse', '3.9'],
  ['steering', 'steering by conversation', '4.5'],
];
