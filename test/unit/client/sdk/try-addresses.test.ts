import { expect, test } from 'vitest';
import type { SocketAddress } from '../../../../src/base/address.ts';
import { GatewayError } from '../../../../src/base/errors.ts';
import { orAborted } from '../../../../src/client/sdk/time-limit.ts';
import { tryAddresses } from '../../../../src/client/sdk/try-addresses.ts';

const V6: SocketAddress = { address: '::1', family: 6, port: 1 };
const V4: SocketAddress = { address: '127.0.0.1', family: 4, port: 1 };
const { signal } = new AbortController();

test('the second address is tried when the first fails', async () => {
  const tried: string[] = [];
  const used = await tryAddresses([V6, V4], signal, (remote) => {
    const address = remote?.address ?? '';
    tried.push(address);
    return address === '::1' ? Promise.reject(new GatewayError('connect_failed')) : Promise.resolve(address);
  });
  expect([used, tried]).toEqual(['127.0.0.1', ['::1', '127.0.0.1']]);
});

test('and when nobody answers there, well before all the time is over', async () => {
  const used = await tryAddresses([V6, V4], signal, (remote, limit) =>
    remote === V6 ? orAborted(new Promise<string>(() => {}), limit) : Promise.resolve(remote?.address),
  );
  expect(used).toBe('127.0.0.1');
});

test('the failure of the last one counts', async () => {
  const attempt = (remote?: SocketAddress): Promise<never> => Promise.reject(new Error(remote?.address));
  await expect(tryAddresses([V6, V4], signal, attempt)).rejects.toThrow('127.0.0.1');
});

test('a gateway that refuses is asked once, and nobody after an abort', async () => {
  for (const stop of [
    { signal, failure: new GatewayError('session_closed') },
    { signal: AbortSignal.abort(), failure: new GatewayError('connect_failed') },
  ]) {
    let attempts = 0;
    const tried = tryAddresses([V6, V4], stop.signal, () => {
      attempts++;
      return Promise.reject(stop.failure);
    });
    await expect(tried).rejects.toBeInstanceOf(GatewayError);
    expect(attempts).toBeLessThan(2);
  }
});
