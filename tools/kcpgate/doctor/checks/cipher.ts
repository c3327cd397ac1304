import { getCiphers } from 'node:crypto';
import type { Finding, Patient } from '../finding.ts';

/** Whether sealing has AES-128-GCM, and whether whole batches of it. */
export function checkCipher({ native }: Patient): Finding {
  const check = 'AES-128-GCM';
  if (!getCiphers().includes('aes-128-gcm')) {
    return { check, status: 'warning', text: 'this Node does not have it: sessions cannot be sealed' };
  }
  if (native.status !== 'loaded') {
    return {
      check,
      status: 'note',
      text: 'one datagram at a time, by node:crypto: batches take the native addon',
    };
  }
  const { available, reason } = native.bindings.probeAead();
  const details = { batched: available };
  if (available) return { check, status: 'ok', text: 'whole batches, by the OpenSSL of this Node', details };
  return { check, status: 'note', text: `one datagram at a time, by node:crypto: ${reason}`, details };
}
