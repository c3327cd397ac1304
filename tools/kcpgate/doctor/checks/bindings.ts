import { once } from 'node:events';
import { createServer } from 'node:net';
import { formatSocketAddress, type SocketAddress } from '../../../../src/base/address.ts';
import { createUdpCarrier } from '../../../../src/carrier/node/udp.ts';
import { messageOf } from '../message.ts';
import type { Finding, Patient } from '../finding.ts';

/** Whether the listeners and the admin address of a given configuration could be opened now. */
export async function checkBindings({ config, isConfigured, native }: Patient): Promise<readonly Finding[]> {
  if (!isConfigured) return [];
  const findings: Finding[] = [];
  for (const { name, type, bind } of config.listeners) {
    const isUdp = type === 'kcp-udp' || type === 'relay';
    const open = isUdp ? () => openUdp(bind, native) : () => openTcp(bind);
    findings.push(await tryToBind(`listener ${name}`, bind, open));
  }
  const { adminAddress } = config.common;
  if (adminAddress !== null)
    findings.push(await tryToBind('admin address', adminAddress, () => openTcp(adminAddress)));
  return findings;
}

async function tryToBind(check: string, bind: SocketAddress, open: () => Promise<void>): Promise<Finding> {
  try {
    await open();
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

async function openUdp(bind: SocketAddress, native: Patient['native']): Promise<void> {
  const carrier = await createUdpCarrier({ bind, bufferBytes: 0, native });
  await carrier.close();
}

async function openTcp({ address, port }: SocketAddress): Promise<void> {
  const server = createServer().listen(port, address);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
