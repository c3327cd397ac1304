import { once } from 'node:events';
import { expect, it } from 'vitest';
import WebSocket from 'ws';
import { NO_LOG } from '../../../src/base/logger.ts';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import type { HttpListenerConfig } from '../../../src/gateway/config/config.ts';
import { HttpListener } from '../../../src/gateway/http-listener.ts';
import { datagramsOf } from '../../contract/received.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/tls.ts';

function configOf(tls: HttpListenerConfig['tls']): HttpListenerConfig {
  const text = `
listeners:
  - { name: web, type: http, bind: "127.0.0.1:0", line: { id: web } }
login: { ticket_keys: [ { id: 1, key: "${Buffer.alloc(32, 1).toString('base64')}" } ] }`;
  const loaded = loadConfig({ text, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const listener = loaded.config.listeners.find(({ name }) => name === 'web');
  if (listener?.type !== 'http') throw new Error('no such listener');
  return { ...listener, tls };
}

for (const [scheme, tls] of [
  ['ws', null],
  ['wss', { certificate: TEST_CERTIFICATE, key: TEST_KEY, certificateFile: '', keyFile: '' }],
] as const) {
  it(`lets go of a WebSocket (${scheme}) when it is upgraded: closing the listener leaves it to its carrier`, async () => {
    const http = await HttpListener.open(configOf(tls), NO_LOG);
    const received: number[] = [];
    http.carrier.start((batch) => {
      for (const { bytes } of datagramsOf(batch)) received.push(...bytes);
    });
    http.start(undefined);
    const url = `${scheme}://127.0.0.1:${String(http.localAddress.port)}/kcp`;
    const client = new WebSocket(url, 'kcpgate.v1', { ca: TEST_CERTIFICATE });
    await once(client, 'open');
    const closing = http.close();
    client.send(Uint8Array.of(1, 2, 3));
    await expect.poll(() => received, { timeout: 5_000 }).toEqual([1, 2, 3]);
    const closed = once(client, 'close');
    await http.carrier.close();
    const [code] = (await closed) as [number];
    expect(code).toBe(3001);
    await closing;
  });
}
