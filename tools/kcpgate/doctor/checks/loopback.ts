import { createUdpCarrier } from '../../../../src/carrier/node/udp.ts';
import type { Carrier } from '../../../../src/carrier/carrier.ts';
import { messageOf } from '../message.ts';
import type { Finding, Patient } from '../finding.ts';

/** Whether datagrams get from one socket of this machine to another, the way the gateway sends and receives them. */
export async function checkLoopback({ native }: Patient): Promise<Finding> {
  const check = 'UDP loopback';
  const carriers: Carrier[] = [];
  try {
    for (let i = 0; i < 2; i++)
      carriers.push(await createUdpCarrier({ bind: LOOPBACK, bufferBytes: 0, native }));
    const [sender, receiver] = carriers as [Carrier, Carrier];
    const startedAt = performance.now();
    const arrived = await transfer(sender, receiver);
    const milliseconds = performance.now() - startedAt;
    if (arrived === DATAGRAMS) {
      return {
        check,
        status: 'ok',
        text: `${DATAGRAMS} datagrams of ${DATAGRAM_BYTES} bytes in ${milliseconds.toFixed(1)} ms`,
        details: { milliseconds },
      };
    }
    return {
      check,
      status: 'failure',
      text: `only ${arrived} of ${DATAGRAMS} datagrams arrived within ${TIMEOUT_MS} ms`,
      advice: ['a firewall or sandbox that drops UDP on the loopback interface?'],
    };
  } catch (error) {
    return { check, status: 'failure', text: messageOf(error) };
  } finally {
    await Promise.all(carriers.map((carrier) => carrier.close()));
  }
}

/** @returns how many datagrams arrived. */
async function transfer(sender: Carrier, receiver: Carrier): Promise<number> {
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const timer = setTimeout(finish, TIMEOUT_MS);
  receiver.start(() => {
    if (receiver.stats().receivedDatagrams >= DATAGRAMS) finish();
  });
  sender.start(() => undefined);
  sender.arena.target = sender.intern(receiver.localAddress);
  for (let i = 0; i < DATAGRAMS; i++) {
    if (sender.arena.reserve(DATAGRAM_BYTES) < 0) break;
    sender.arena.commit(DATAGRAM_BYTES);
  }
  sender.flush();
  await finished;
  clearTimeout(timer);
  return receiver.stats().receivedDatagrams;
}

const LOOPBACK = { address: '127.0.0.1', family: 4, port: 0 } as const;
const DATAGRAMS = 16;
const DATAGRAM_BYTES = 1400;
const TIMEOUT_MS = 2000;
