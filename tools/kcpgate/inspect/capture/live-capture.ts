import { spawn } from 'node:child_process';
import { GatewayError } from '../../../../src/base/errors.ts';
import type { ByteReader } from './read-file.ts';

export interface LiveCaptureOptions {
  /** Name of a network interface; `any` for all, on Linux. */
  readonly interface: string;
  /** Only what is from or to one of these ports, UDP and TCP; everything when there are none. */
  readonly ports: readonly number[];
  readonly reader: ByteReader;
  /** Ends the capture, and lets what was captured until then be read. */
  readonly stop: AbortSignal;
  /** Called once packets are being captured. */
  readonly onStarted?: () => void;
  /** Program that captures. Default `tcpdump`. */
  readonly program?: string;
}

/** What became of a capture. */
export interface LiveCaptureResult {
  /** Packets that came while nobody took them, as tcpdump says; 0 when it does not. */
  readonly lostPackets: number;
}

/**
 * Captures with tcpdump, and hands on each packet as soon as it is there. Ends when it is stopped, and finishes the reader.
 * @throws GatewayError `config_invalid` without tcpdump or with an interface there is none of, `permission_denied` without the
 *   right to capture, `io_failed` when tcpdump fails otherwise.
 */
export async function captureLive(options: LiveCaptureOptions): Promise<LiveCaptureResult> {
  const { program = 'tcpdump', reader, stop } = options;
  const isStopped = (): boolean => stop.aborted;
  if (isStopped()) return { lostPackets: 0 };
  const child = spawn(program, tcpdumpArguments(options), { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => void child.kill('SIGINT');
  stop.addEventListener('abort', end, { once: true });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const isNew = !said.includes(STARTED);
    said = (said + text).slice(-MAX_SAID_LENGTH);
    if (isNew && said.includes(STARTED)) options.onStarted?.();
  });
  child.stdout.on('data', (chunk: Buffer) => reader.push(chunk));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (error) => reject(startError(program, error)));
      child.once('close', resolve);
    });
    if (code !== 0 && !isStopped()) throw captureError(options.interface, said);
  } finally {
    stop.removeEventListener('abort', end);
  }
  reader.finish();
  return { lostPackets: Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? 0) };
}

/** A filter in the language of pcap; empty for everything. Only the first fragment of a packet has ports, so the others come along. */
export function portFilter(ports: readonly number[]): string {
  if (ports.length === 0) return '';
  const named = ports.map((port) => `port ${port}`).join(' or ');
  return `${named} or (ip[6:2] & 0x1fff != 0) or (ip6 proto 44)`;
}

function tcpdumpArguments(options: LiveCaptureOptions): string[] {
  const filter = portFilter(options.ports);
  const fixed = [
    '-i',
    options.interface,
    '-n',
    '-w',
    '-',
    '-U',
    '--immediate-mode',
    '-s',
    String(SNAPSHOT_BYTES),
    '-B',
    String(BUFFER_KIB),
  ];
  return filter === '' ? fixed : [...fixed, filter];
}

function startError(program: string, error: NodeJS.ErrnoException): GatewayError {
  const why = error.code === 'ENOENT' ? 'is not installed' : `cannot be started: ${error.message}`;
  const cure = error.code === 'ENOENT' ? '; it captures (package tcpdump)' : '';
  return new GatewayError('config_invalid', `${program} ${why}${cure}`, { cause: error });
}

function captureError(interfaceName: string, said: string): GatewayError {
  if (/no such device|doesn't exist|SIOCGIFHWADDR/i.test(said)) {
    return new GatewayError('config_invalid', `there is no interface ${interfaceName}`);
  }
  if (/permission|not permitted/i.test(said)) {
    return new GatewayError(
      'permission_denied',
      'capturing needs the right to: run it as root, or give tcpdump CAP_NET_RAW',
    );
  }
  const lines = said.split('\n').filter((line) => line.trim() !== '' && !line.includes(STARTED));
  return new GatewayError('io_failed', `capturing failed: ${lines.at(-1) ?? 'tcpdump says nothing'}`);
}

/** What tcpdump says when it is ready. */
const STARTED = 'listening on';
const MAX_SAID_LENGTH = 16_384;
/** The longest IP packet, and what may stand before it. The buffer has room for so many bytes for each packet, however short. */
const SNAPSHOT_BYTES = 65_600;
/** 1000 packets. */
const BUFFER_KIB = 65_536;
