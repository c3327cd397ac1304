import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captureLive, portFilter } from '../../tools/kcpgate/inspect/capture/live-capture.ts';
import { startListenRelay } from '../../tools/kcpgate/inspect/capture/listen-relay.ts';
import { PcapngWriter } from '../../tools/kcpgate/inspect/capture/pcapng-writer.ts';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { readCaptureFile } from '../../tools/kcpgate/inspect/capture/read-file.ts';
import { TCP_FLAG, tcpFrame } from '../../tools/kcpgate/inspect/capture/tcp-frame.ts';
import { udpFrame } from '../../tools/kcpgate/inspect/capture/udp-frame.ts';
import type { FoundDatagram } from '../../tools/kcpgate/inspect/found-datagram.ts';
import { freePorts } from '../support/free-ports.ts';
import { peer } from '../support/peers.ts';

const run = promisify(execFile);
const DATAGRAM = Buffer.from('04030201510000040000000007000000050000000300000061626301', 'hex');
const FRAME = Buffer.concat([Buffer.from([0, DATAGRAM.length]), DATAGRAM]);
const HEX = DATAGRAM.toString('hex');
const ENDS = [
  [
    { address: '192.0.2.1', port: 45_000 },
    { address: '192.0.2.2', port: 46_000 },
  ],
  [
    { address: '2001:db8::1', port: 45_001 },
    { address: '2001:db8::2', port: 46_001 },
  ],
] as const;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kcpgate-capture-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is found, and a reader that finds it. */
function collect(): { found: string[]; notices: string[]; reader: CaptureReader; next: () => Promise<void> } {
  const found: string[] = [];
  const notices: string[] = [];
  let wake: () => void = () => undefined;
  const reader = new CaptureReader({
    sink: (datagram) => {
      found.push(describeFound(datagram));
      wake();
    },
    notice: (code) => notices.push(code),
  });
  const next = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  return { found, notices, reader, next };
}

function describeFound({ bytes, offset, length, flow, isFromA, missingBytes }: FoundDatagram): string {
  const hex = Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
  return `${flow.carrier} ${isFromA ? 'up' : 'down'} ${hex}${missingBytes > 0 ? ` +${missingBytes}` : ''}`;
}

/** A capture of two UDP flows and two connections, and what is found in it. */
async function writeSample(file: string): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter({ sink: (chunk) => chunks.push(chunk) });
  let timeUs = 1_700_000_000_123_456;
  const write = (packet: Uint8Array): void => {
    writer.writePacket((timeUs += 1000), packet, 0, packet.length, 'a comment');
  };
  for (const [a, b] of ENDS) {
    write(udpFrame(a, b, DATAGRAM, 0, DATAGRAM.length));
    write(udpFrame(b, a, DATAGRAM, 0, DATAGRAM.length - 1));
    const [up, down] = [
      { sequence: 2 ** 32 - 20, acknowledged: 0 },
      { sequence: 1, acknowledged: 0 },
    ];
    const send = (isUp: boolean, flags: number, bytes = new Uint8Array(0)): void => {
      const [own, other] = isUp ? [up, down] : [down, up];
      write(tcpFrame(isUp ? a : b, isUp ? b : a, own, flags, bytes, 0, bytes.length));
      other.acknowledged = own.sequence;
    };
    send(true, TCP_FLAG.syn);
    send(false, TCP_FLAG.syn | TCP_FLAG.ack);
    send(true, TCP_FLAG.ack, FRAME);
    send(false, TCP_FLAG.ack, FRAME);
    send(true, TCP_FLAG.ack | TCP_FLAG.fin);
  }
  await writeFile(file, Buffer.concat(chunks));
  const one = [`udp up ${HEX}`, `udp down ${HEX.slice(0, -2)}`, `tcp up ${HEX}`, `tcp down ${HEX}`];
  return [...one, ...one];
}

async function readFound(file: string): Promise<string[]> {
  const { found, notices, reader } = collect();
  await readCaptureFile(file, reader);
  expect(notices).toEqual([]);
  return found;
}

peer('tshark').describe('captures and the programs of Wireshark', () => {
  test('tshark reads what is written: right checksums, nothing malformed, times and comments', async () => {
    const file = join(folder, 'written.pcapng');
    await writeSample(file);
    const checks = ['ip', 'udp', 'tcp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
    const fields = ['frame.time_epoch', 'ip.checksum.status', 'udp.checksum.status', 'tcp.checksum.status'];
    const more = ['tcp.analysis.flags', '_ws.malformed', 'frame.comment', 'udp.length', 'tcp.len'];
    const named = [...fields, ...more].flatMap((field) => ['-e', field]);
    const { stdout } = await run('tshark', [
      '-n',
      '-r',
      file,
      ...checks,
      '-T',
      'fields',
      '-E',
      'separator=|',
      ...named,
    ]);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(14);
    for (const [index, line] of lines.entries()) {
      const [time, ip, udp, tcp, flags, malformed, comment] = line.split('|');
      expect(time).toBe(`1700000000.${String(124_456 + index * 1000)}000`);
      const good = [index < 7 ? '1' : '', index % 7 < 2 ? '1' : '', index % 7 < 2 ? '' : '1'];
      expect([ip, udp, tcp]).toEqual(good);
      expect([flags, malformed, comment]).toEqual(['', '', 'a comment']);
    }
  });

  test('what editcap, mergecap and text2pcap write is read', async () => {
    const file = join(folder, 'sample.pcapng');
    const expected = await writeSample(file);
    expect(await readFound(file)).toEqual(expected);
    const convert = async (name: string, program: string, ...words: string[]): Promise<string[]> => {
      const output = join(folder, name);
      await run(
        program,
        words.map((word) => (word === 'OUT' ? output : word)),
      );
      return readFound(output);
    };
    expect(await convert('a.pcap', 'editcap', '-F', 'pcap', file, 'OUT')).toEqual(expected);
    expect(await convert('b.pcap', 'editcap', '-F', 'nsecpcap', file, 'OUT')).toEqual(expected);
    // Connections come a second time like their own retransmissions.
    const again = expected.filter((line) => line.startsWith('udp'));
    expect(await convert('c.pcapng', 'mergecap', '-a', '-w', 'OUT', file, file)).toEqual([
      ...expected,
      ...again,
    ]);
    const cut = await convert('d.pcap', 'editcap', '-s', '50', '-r', file, 'OUT', '1', '2');
    expect(cut).toEqual([`udp up ${HEX.slice(0, 44)} +6`, `udp down ${HEX.slice(0, 44)} +5`]);
    const text = join(folder, 'text');
    await writeFile(text, `0000 ${HEX.replaceAll(/../g, '$& ')}\n`);
    expect(await convert('e.pcapng', 'text2pcap', '-u', '45000,46000', text, 'OUT')).toEqual([
      `udp up ${HEX}`,
    ]);
  });
});

test('a pipe is read while it is written', async () => {
  const file = join(folder, 'piped.pcapng');
  const expected = await writeSample(file);
  const pipe = join(folder, 'pipe');
  await run('mkfifo', [pipe]);
  const { found, reader, next } = collect();
  const first = next();
  // The rest comes when it is asked for.
  const script = `exec 3>"$1"; head -c 300 "$0" >&3; read _; tail -c +301 "$0" >&3`;
  const writer = spawn('sh', ['-c', script, file, pipe], { stdio: ['pipe', 'ignore', 'inherit'] });
  const done = readCaptureFile(pipe, reader);
  await first;
  expect(found).toEqual(expected.slice(0, found.length));
  expect(found.length).toBeLessThan(expected.length);
  writer.stdin.end('go on\n');
  await done;
  expect(found).toEqual(expected);
});

describe('a live capture', () => {
  const capture = (name: string, program?: string): Promise<unknown> =>
    captureLive({
      interface: name,
      ports: [],
      reader: collect().reader,
      stop: new AbortController().signal,
      ...(program === undefined ? {} : { program }),
    });

  test('says what is missing', async () => {
    await expect(capture('lo', join(folder, 'no-such-program'))).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('is not installed') as string,
    });
    const program = join(folder, 'tcpdump');
    const says = async (text: string): Promise<void> =>
      writeFile(program, `#!/bin/sh\necho "tcpdump: ${text}" >&2\nexit 1\n`, { mode: 0o755 });
    await says("eth9: You don't have permission to perform this capture on that device");
    await expect(capture('eth9', program)).rejects.toMatchObject({ code: 'permission_denied' });
    await says('eth9: No such device exists');
    await expect(capture('eth9', program)).rejects.toThrow('no interface eth9');
    await says('something else');
    await expect(capture('eth9', program)).rejects.toThrow('something else');
  });
});

peer('tcpdump').describe('tcpdump', () => {
  test.runIf(process.getuid?.() === 0)(
    'hands on packets as they come, and the rest when it is stopped',
    async () => {
      await expect(run('tcpdump', ['-d', portFilter([4000, 443])])).resolves.toBeDefined();
      const socket = createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const { port } = socket.address();
      const { found, reader, next } = collect();
      const stop = new AbortController();
      let captured: Promise<unknown> = Promise.resolve();
      const started = new Promise<void>((resolve, reject) => {
        captured = captureLive({
          interface: 'lo',
          ports: [port],
          reader,
          stop: stop.signal,
          onStarted: resolve,
        });
        captured.catch(reject);
      });
      await started;
      for (let count = 1; count <= 3; count++) {
        const come = next();
        socket.send(DATAGRAM, port, '127.0.0.1');
        await come;
        expect(found).toHaveLength(count);
      }
      stop.abort();
      await expect(captured).resolves.toEqual({ lostPackets: 0 });
      expect(new Set(found)).toEqual(new Set([`udp up ${HEX}`]));
      socket.close();
    },
  );
});

test('a relay passes on what comes, unchanged, and shows it', async () => {
  const udpServer = createSocket('udp4');
  udpServer.on('message', (bytes, from) => udpServer.send(bytes, from.port, from.address));
  const [port] = await freePorts(1);
  udpServer.bind(port, '127.0.0.1');
  await once(udpServer, 'listening');
  const to = { address: '127.0.0.1', port: port! };
  const tcpServer = createServer((socket) => socket.pipe(socket));
  tcpServer.listen(to.port, to.address);
  await once(tcpServer, 'listening');

  const { found, notices, reader } = collect();
  const relay = await startListenRelay({ listen: { address: '127.0.0.1', port: 0 }, to, reader });
  const client = createSocket('udp4');
  client.send(DATAGRAM, relay.port, relay.address);
  const [answer] = (await once(client, 'message')) as [Buffer];
  expect(answer).toEqual(DATAGRAM);
  const socket = connect(relay.port, relay.address);
  socket.write(FRAME);
  const [echo] = (await once(socket, 'data')) as [Buffer];
  expect(echo).toEqual(FRAME);
  socket.end();
  await once(socket, 'close');
  await relay.close();
  expect(found).toEqual([`udp up ${HEX}`, `udp down ${HEX}`, `tcp up ${HEX}`, `tcp down ${HEX}`]);
  expect(notices).toEqual([]);
  client.close();
  udpServer.close();
  tcpServer.close();
});
