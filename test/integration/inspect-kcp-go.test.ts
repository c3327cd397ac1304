import { afterEach, expect, test, vi } from 'vitest';
import { kcptunKey, type KcpGoCryptName } from '../../tools/kcpgate/inspect/examine/kcp-go-key.ts';
import { runStreamClient, startEchoServer, type KcpGoOptions } from '../support/kcp-go.ts';
import { peer } from '../support/peers.ts';
import { compare, startRecordedRelay } from './inspect-record.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0).reverse()) await close();
});

/** A capture of two kcp-go programs, and what kcp-go counted of its client. */
async function record(
  options: KcpGoOptions,
  lossRate: number,
): Promise<{ capture: readonly Uint8Array[]; retransmits: number }> {
  const server = await startEchoServer(options);
  closers.push(() => server.stop());
  const link = { delayMs: 10, lossRate };
  const relay = await startRecordedRelay({ target: server, seed: 5, toTarget: link, toClient: link });
  closers.push(() => relay.close());
  const result = await runStreamClient(relay, { bytes: 200_000, seed: 4 }, { stream: true, ...options });
  expect(result.complete).toBe(true);
  await relay.close();
  return { capture: relay.capture, retransmits: result.counters.retransmits };
}

const passPhrase = "it's a secrect";
const fec = { fecData: 10, fecParity: 3 };

peer('kcp-go').describe('two kcp-go programs', () => {
  const settings: { name: string; options: KcpGoOptions; opens?: KcpGoCryptName; description: string }[] = [
    { name: 'FEC', options: fec, description: 'kcp-go, FEC 10/3, not encrypted' },
    { name: 'none', options: { crypt: 'none' }, description: 'kcp-go, not encrypted (crypt none)' },
    {
      name: 'none and FEC',
      options: { crypt: 'none', ...fec },
      description: 'kcp-go, FEC 10/3, not encrypted (crypt none)',
    },
    {
      name: 'aes',
      options: { crypt: 'aes' },
      opens: 'aes',
      description: 'kcp-go, encrypted with aes, opened',
    },
    {
      name: 'aes-192 and FEC',
      options: { crypt: 'aes-192', ...fec },
      opens: 'aes-192',
      description: 'kcp-go, FEC 10/3, encrypted with aes-192, opened',
    },
    {
      name: 'salsa20',
      options: { crypt: 'salsa20' },
      opens: 'salsa20',
      description: 'kcp-go, encrypted with salsa20, opened',
    },
  ];

  test.each(settings)('with $name are read whole', async ({ options, opens, description }) => {
    const { capture, retransmits } = await record(options, 0.05);
    const key = kcptunKey(passPhrase);
    const { examiner } = compare(
      capture,
      opens === undefined ? {} : { kcpGo: { crypt: opens, key } },
      () => null,
    );
    const [flow] = examiner.flows;
    expect(flow).toMatchObject({ description, kinds: { opaque: 0, sealed: 0, clear: 0 } });
    const [session, ...others] = examiner.sessions;
    expect(others).toEqual([]);
    expect(session).toMatchObject({
      type: 'stock',
      clientToldBy: 'opening',
      fromClient: { payloadBytes: 200_000 },
    });
    expect(session!.fromClient.retransmissions.total).toBe(retransmits);
    if (opens === undefined) return;
    const closed = compare(capture, {}, () => null).examiner;
    expect(closed.flows[0]!.description).toMatch(/^unknown/);
    expect(closed.sessions).toEqual([]);
  });
});
