import { once } from 'node:events';
import { CloseCode } from '../../../src/base/close-code.ts';
import { connectStock } from '../../../src/client/node/index.ts';
import { runPingPongClient, runStreamClient, startEchoServer, type KcpGoOptions } from '../kcp-go.ts';
import { startLoginGateway } from '../login-gateway.ts';
import { startRecordingUdp } from './recording-udp.ts';
import type { SceneContext } from './scene.ts';

/** kcp-go on both ends, over a line that loses, repeats and overtakes. */
export async function kcpGoScene(
  { recorder, ends, fate, isSmall }: SceneContext,
  { bytes, ...options }: KcpGoOptions & { readonly bytes: number },
): Promise<void> {
  const server = await startEchoServer(options);
  const relay = await startRecordingUdp({ recorder, ...ends, fate });
  relay.target = server.port;
  try {
    const target = { address: '127.0.0.1', port: relay.port };
    await runStreamClient(target, { bytes: isSmall ? 6000 : bytes, sha256: false }, options);
    if (!isSmall) await runPingPongClient(target, { count: 5, sizeBytes: 700, everyMs: 5 }, options);
  } finally {
    relay.close();
    await server.stop();
  }
}

/** A kcp-go client at a gateway of ours, which ends its session. */
export async function kcpGoAtGatewayScene({ recorder, ends, fate, isSmall }: SceneContext): Promise<void> {
  const { gateway, ports } = await startLoginGateway({ workers: 1 });
  const relay = await startRecordingUdp({ recorder, ...ends, fate });
  relay.target = ports.udp;
  try {
    const bytes = isSmall ? 3000 : 100_000;
    await runStreamClient({ address: '127.0.0.1', port: relay.port }, { bytes, sha256: false });
    await gateway.kick({}, CloseCode.kicked, 'enough');
  } finally {
    await gateway.stop();
    relay.close();
  }
}

/** A client of ours without login: NEW, fragments, FIN in both directions, and one that is turned away. */
export async function markedScene({ recorder, ends, fate, isSmall }: SceneContext): Promise<void> {
  const { gateway, ports } = await startLoginGateway({ workers: 1 });
  const relay = await startRecordingUdp({ recorder, ...ends, fate });
  relay.target = ports.udp;
  try {
    const options = { host: '127.0.0.1', port: relay.port, peer: 'kcpgate' } as const;
    const connection = await connectStock({ ...options, preset: 'fast3', stream: false });
    for (const bytes of isSmall ? [3000] : [1, 5000, 20_000]) {
      connection.send(new Uint8Array(bytes).fill(bytes));
      for await (const message of connection) {
        if (message.length !== bytes) throw new Error('another message came');
        break;
      }
    }
    const stream = connection.stream();
    stream.end();
    stream.resume();
    await once(stream, 'close');
    gateway.drain({ deadlineMs: 1000, jitterMs: 10, lines: ['other', 'lines'] });
    await connectStock({ ...options, connectTimeoutMs: 2000 }).catch(() => undefined);
  } finally {
    await gateway.stop();
    relay.close();
  }
}
