import { setTimeout as delay } from 'node:timers/promises';
import { CloseCode } from '../../../src/base/close-code.ts';
import { connect, createClient, findFastestLine, type Connection } from '../../../src/client/node/index.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { writeProxyV2 } from '../../../src/wire/proxy-v2.ts';
import { SPP_BYTES, writeSpp } from '../../../src/wire/spp.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../login-gateway.ts';
import { startRecordingTcp } from './recording-tcp.ts';
import { startRecordingUdp, type RecordingUdp } from './recording-udp.ts';
import type { SceneContext } from './scene.ts';

/** A gateway whose lines lead through relays that record. */
interface RecordedGateway extends LoginGateway {
  readonly udp: RecordingUdp;
  readonly stop: () => Promise<void>;
}

interface RecordedGatewayOptions extends Pick<
  LoginGatewayOptions,
  'listeners' | 'udpListener' | 'ticketKey'
> {
  readonly login?: string;
  readonly udpHeader?: (index: number) => Uint8Array | null;
  readonly answerHeaderBytes?: number;
  readonly tcpHeader?: Uint8Array;
  readonly fragmentBytes?: number;
  readonly isGlued?: boolean;
}

/** Starts one; its lines are `udp`, `tcp` and `ws`. */
async function startRecordedGateway(
  { recorder, ends: { client, server }, fate, keyLogFile }: SceneContext,
  options: RecordedGatewayOptions = {},
): Promise<RecordedGateway> {
  const { udpHeader, answerHeaderBytes, tcpHeader, fragmentBytes, isGlued, login = '', ...rest } = options;
  const [udp, tcp, ws] = await Promise.all([
    startRecordingUdp({
      ...{ recorder, client, server, fate },
      ...(udpHeader === undefined ? {} : { header: udpHeader }),
      ...(answerHeaderBytes === undefined ? {} : { answerHeaderBytes }),
      ...(fragmentBytes === undefined ? {} : { fragmentBytes }),
      ...(isGlued === undefined ? {} : { isGlued }),
    }),
    startRecordingTcp({
      ...{ recorder, client, server: { ...server, port: 4001 } },
      ...(tcpHeader === undefined ? {} : { header: tcpHeader }),
    }),
    startRecordingTcp({ recorder, client, server: { ...server, port: 8080 } }),
  ]);
  const lines = (
    [
      ['udp', udp.port],
      ['tcp', tcp.port],
      ['ws', ws.port],
    ] as const
  ).map(
    ([name, port]) =>
      `{ id: ${name}, transport: ${name}, host: 127.0.0.1, port: ${String(port)}, allow_clear: true }`,
  );
  const running = await startLoginGateway({
    ...rest,
    workers: 1,
    login: `lines: [ ${lines.join(', ')} ], key_log_file: "${keyLogFile}", ${login}`,
  });
  udp.target = running.ports.udp;
  tcp.target = running.ports.tcp;
  ws.target = running.ports.ws;
  return {
    ...running,
    udp,
    stop: async () => {
      await running.gateway.stop();
      udp.close();
      await Promise.all([tcp.close(), ws.close()]);
    },
  };
}

/** Messages there and back; few and short ones where that is enough. */
async function echo(
  { isSmall }: SceneContext,
  connection: Connection,
  wantedBytes: number,
  wantedCount = 1,
): Promise<void> {
  const bytes = isSmall ? Math.min(wantedBytes, 1500) : wantedBytes;
  const count = isSmall ? 1 : wantedCount;
  for (let i = 0; i < count; i++) {
    const message = new Uint8Array(bytes).fill(i);
    while (connection.send(message) < bytes) await connection.writable();
  }
  let left = count;
  for await (const message of connection) {
    if (message.length !== bytes) throw new Error('another message came');
    if (--left === 0) break;
  }
}

/** Sealed sessions on every carrier: messages, DATAGRAMs, a NAT that forgets, moves, a KICK, DRAIN. */
export async function sealedScene(context: SceneContext): Promise<void> {
  const running = await startRecordedGateway(context);
  const { loginUrl, gateway } = running;
  try {
    const [udp, tcp, ws] = await Promise.all(
      ['udp', 'tcp', 'ws'].map((line) => connect({ loginUrl, line, handshakeTimeoutMs: 5000 })),
    );
    await Promise.all([
      echo(context, udp!, 3000, 60),
      echo(context, tcp!, 9000, 20),
      echo(context, ws!, 9000, 20),
    ]);
    for (let i = 0; i < (context.isSmall ? 2 : 20); i++) udp!.sendDatagram(new Uint8Array(100).fill(i));
    await running.udp.rebind();
    await echo(context, udp!, 1200, 10);
    await udp!.moveTo('tcp');
    await echo(context, udp!, 2000, 10);
    await udp!.moveTo('udp');
    await echo(context, udp!, 2000, 10);
    gateway.drain({ deadlineMs: 60_000, jitterMs: 60_000, lines: ['eu1', 'eu2'] });
    await echo(context, tcp!, 10);
    await gateway.kick({ conv: ws!.login.sessions[0]!.conv }, CloseCode.kicked, 'out with you ✓');
    await ws!.closed;
    await Promise.all([udp!.close(), tcp!.destroy()]);
  } finally {
    await running.stop();
  }
}

/** What is sent goes over two lines; the client writes the keys, too. */
export async function copiesScene(context: SceneContext): Promise<void> {
  const running = await startRecordedGateway(context);
  const { keyLogFile } = context;
  const client = createClient({ loginUrl: running.loginUrl, redundant: true, line: 'udp', keyLogFile });
  try {
    const session = await client.connect();
    for (let i = 0; i < (context.isSmall ? 3 : 40); i++) {
      session.send(new Uint8Array(50).fill(i));
      await delay(5);
    }
    await session.close();
  } finally {
    await client.destroy();
    await running.stop();
  }
}

/** Sessions without seal, on a connection and over UDP. */
export async function clearScene(context: SceneContext): Promise<void> {
  const running = await startRecordedGateway(context, {
    listeners: 'allow_clear: true',
    login: 'seal: clear',
  });
  try {
    const open = (line: string): Promise<Connection> =>
      connect({ loginUrl: running.loginUrl, line, seal: ['clear'], handshakeTimeoutMs: 5000 });
    const connections = await Promise.all(['udp', 'tcp', 'ws'].map(open));
    await Promise.all(connections.map((connection) => echo(context, connection, 4000, 10)));
    await connections[0]!.moveTo('tcp');
    await echo(context, connections[0]!, 100, 3);
    await Promise.all(connections.map((connection) => connection.close()));
  } finally {
    await running.stop();
  }
}

/** A gateway that was restarted answers RESET; the client logs in anew. */
export async function restartScene(context: SceneContext): Promise<void> {
  const ticketKey = Buffer.alloc(32, 7).toString('base64');
  const first = await startRecordedGateway(context, { ticketKey });
  const connection = await connect({ loginUrl: first.loginUrl, line: 'udp' });
  await echo(context, connection, 100, 3);
  const second = await startLoginGateway({ ticketKey, workers: 1 });
  try {
    first.udp.target = second.ports.udp;
    connection.send(new Uint8Array(10));
    await connection.closed;
  } finally {
    await connection.destroy();
    await second.gateway.stop();
    await first.stop();
  }
}

/** PROBE and PROBE_ACK on every line. */
export async function probeScene(context: SceneContext): Promise<void> {
  const running = await startRecordedGateway(context);
  try {
    const connection = await connect({ loginUrl: running.loginUrl, line: 'tcp' });
    const { lines, probe } = connection.login;
    await findFastestLine({ lines, probe: { ...probe, count: 3, intervalMs: 20 } });
    await connection.destroy();
  } finally {
    await running.stop();
  }
}

const CLIENT = { address: '203.0.113.9', family: 4, port: 40_001 } as const;
const PROXY = { address: '198.51.100.1', family: 4, port: 4000 } as const;

function proxyV2(checksum: boolean): Uint8Array {
  const memory = wireMemory(new Uint8Array(64));
  const length = writeProxyV2(memory, 0, {
    transport: 'datagram',
    source: CLIENT,
    destination: PROXY,
    checksum,
  });
  return memory.bytes.subarray(0, length);
}

const proxyV1 = Buffer.from(
  `PROXY TCP4 ${CLIENT.address} ${PROXY.address} ${String(CLIENT.port)} ${String(PROXY.port)}\r\n`,
);

/** PROXY version 1 in front of the first datagram, as nginx does it, and of connections. */
export function proxyV1Scene(context: SceneContext): Promise<void> {
  return proxiedScene(context, {
    listeners: 'proxy_protocol: proxy',
    udpHeader: (index) => (index === 0 ? proxyV1 : null),
    tcpHeader: proxyV1,
  });
}

/** PROXY version 2 in front of every datagram, some with checksum, and of connections. */
export function proxyV2Scene(context: SceneContext): Promise<void> {
  return proxiedScene(context, {
    listeners: 'proxy_protocol: proxy',
    udpHeader: (index) => proxyV2(index % 2 === 0),
    tcpHeader: proxyV2(true),
  });
}

/** SPP in front of every datagram, both ways. */
export function sppScene(context: SceneContext): Promise<void> {
  const memory = wireMemory(new Uint8Array(SPP_BYTES));
  writeSpp(memory, 0, CLIENT, PROXY);
  return proxiedScene(context, {
    udpListener: 'proxy_protocol: spp, spp_reply: true',
    udpHeader: () => memory.bytes,
    answerHeaderBytes: SPP_BYTES,
  });
}

async function proxiedScene(context: SceneContext, options: RecordedGatewayOptions): Promise<void> {
  const running = await startRecordedGateway(context, options);
  try {
    const lines = options.tcpHeader === undefined ? ['udp'] : ['udp', 'tcp'];
    const connections = await Promise.all(lines.map((line) => connect({ loginUrl: running.loginUrl, line })));
    await Promise.all(connections.map((connection) => echo(context, connection, 2000, 10)));
    await Promise.all(connections.map((connection) => connection.close()));
  } finally {
    await running.stop();
  }
}

/** What the kernel of a gateway's host glued together: sealed and clear sessions. */
export async function gluedScene(context: SceneContext): Promise<void> {
  const running = await startRecordedGateway(context, {
    isGlued: true,
    listeners: 'allow_clear: true',
  });
  const { loginUrl } = running;
  try {
    const sealed = await connect({ loginUrl, line: 'udp' });
    const clear = await connect({ loginUrl, line: 'udp', seal: ['clear'] });
    for (const connection of [sealed, clear]) {
      await echo({ ...context, isSmall: false }, connection, 6000, context.isSmall ? 1 : 30);
      await connection.close();
    }
  } finally {
    await running.stop();
  }
}

/** Datagrams that need several IP packets. */
export async function fragmentedScene(context: SceneContext): Promise<void> {
  const running = await startRecordedGateway(context, { fragmentBytes: 576 });
  try {
    const connection = await connect({ loginUrl: running.loginUrl, line: 'udp' });
    await echo(context, connection, 6000, 10);
    await connection.close();
  } finally {
    await running.stop();
  }
}
