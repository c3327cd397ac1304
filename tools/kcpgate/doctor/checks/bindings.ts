import { formatSocketAddress } from '../../../../src/base/address.ts';
import { createUdpCarrier } from '../../../../src/carrier/node/udp.ts';
import { kcpUdpListeners, type KcpUdpListenerConfig } from '../../../../src/gateway/config/config.ts';
import { messageOf } from '../message.ts';
import type { Finding, Patient } from '../finding.ts';

/** Whether the listeners of a given configuration could be opened now. */
export async function checkBindings({ config, isConfigured, native }: Patient): Promise<readonly Finding[]> {
  if (!isConfigured) return [];
  const findings: Finding[] = [];
  for (const listener of kcpUdpListeners(config)) findings.push(await tryToBind(listener, native));
  return findings;
}

async function tryToBind({ name, bind }: KcpUdpListenerConfig, native: Patient['native']): Promise<Finding> {
  const check = `listener ${name}`;
  try {
    const carrier = await createUdpCarrier({ bind, bufferBytes: 0, native });
    await carrier.close();
    return { check, status: 'ok', text: `${formatSocketAddress(bind)} can be bound` };
  } catch (error) {
    return {
      check,
      status: 'failure',
      text: messageOf(error),
      advice: ['is a gateway running there already?'],
    };
  }
}
