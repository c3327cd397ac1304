import type { KcpPresetName } from '../../src/kcp/presets.ts';

/** How the engine under test is set up. */
export interface ProgramConfig {
  readonly preset: KcpPresetName;
  readonly stream: boolean;
  readonly mtu: number;
  readonly sendWindow: number;
  readonly receiveWindow: number;
  readonly maxQueueBytes: number;
  /** 0 = no limit. */
  readonly maxMessageBytes: number;
  readonly initialSequence: number;
  /** Payload slots of the pool; few of them make memory run out. */
  readonly poolSlots: number;
  /** First reading of the clock. */
  readonly startMs: number;
}

/** One thing done to the engine under test. */
export type Operation =
  | { readonly kind: 'advance'; readonly ms: number }
  /** One datagram arrives. */
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array }
  | { readonly kind: 'send'; readonly bytes: number }
  /** The application takes at most this many pieces. */
  | { readonly kind: 'receive'; readonly pieces: number }
  /** Drains what is to be sent, through an arena of this many bytes, in datagrams of at most `limit` bytes. */
  | { readonly kind: 'transmit'; readonly arenaBytes: number; readonly limit?: number }
  /** The path loses nothing, or may lose something again. */
  | { readonly kind: 'reliable'; readonly on: boolean }
  /** What is in flight is to be sent again on another path. */
  | { readonly kind: 'resend' }
  /** Another path; `rttMs` -1 = nothing was measured on it. */
  | { readonly kind: 'reset'; readonly rttMs: number }
  | { readonly kind: 'mtu'; readonly bytes: number }
  | { readonly kind: 'trim' };

/** One input of the fuzzer: a set-up and what is done to it. Complete in itself, so that a finding can be kept. */
export interface Program {
  readonly config: ProgramConfig;
  readonly operations: readonly Operation[];
}

/** A program as text, one operation a line; `#` starts a comment line. */
export function formatProgram(program: Program, comment: string): string {
  const config = Object.entries(program.config).map(([name, value]) => `${name}=${String(value)}`);
  const lines = [`# ${comment}`, `config ${config.join(' ')}`, ...program.operations.map(formatOperation)];
  return `${lines.join('\n')}\n`;
}

/** The inverse of {@link formatProgram}. Throws on text that is no program. */
export function parseProgram(text: string): Program {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const [first, ...rest] = lines;
  if (first?.startsWith('config ') !== true) throw new Error('a program starts with its config');
  const settings = new Map(first.split(' ').slice(1).map(splitSetting));
  const numberOf = (name: keyof ProgramConfig): number => toNumber(settings.get(name));
  return {
    config: {
      preset: (settings.get('preset') ?? 'fast3') as KcpPresetName,
      stream: settings.get('stream') === 'true',
      mtu: numberOf('mtu'),
      sendWindow: numberOf('sendWindow'),
      receiveWindow: numberOf('receiveWindow'),
      maxQueueBytes: numberOf('maxQueueBytes'),
      maxMessageBytes: Number(settings.get('maxMessageBytes') ?? 0),
      initialSequence: numberOf('initialSequence'),
      poolSlots: numberOf('poolSlots'),
      startMs: numberOf('startMs'),
    },
    operations: rest.map(parseOperation),
  };
}

function formatOperation(operation: Operation): string {
  switch (operation.kind) {
    case 'advance':
      return `advance ${String(operation.ms)}`;
    case 'datagram':
      return `datagram ${Buffer.from(operation.bytes).toString('hex')}`;
    case 'send':
      return `send ${String(operation.bytes)}`;
    case 'receive':
      return `receive ${String(operation.pieces)}`;
    case 'transmit':
      return operation.limit === undefined
        ? `transmit ${String(operation.arenaBytes)}`
        : `transmit ${String(operation.arenaBytes)} ${String(operation.limit)}`;
    case 'reliable':
      return `reliable ${operation.on ? '1' : '0'}`;
    case 'resend':
      return 'resend';
    case 'reset':
      return `reset ${String(operation.rttMs)}`;
    case 'mtu':
      return `mtu ${String(operation.bytes)}`;
    case 'trim':
      return 'trim';
  }
}

function parseOperation(line: string): Operation {
  const [kind, argument, second] = line.split(' ');
  switch (kind) {
    case 'advance':
      return { kind, ms: toNumber(argument) };
    case 'datagram':
      return { kind, bytes: Uint8Array.from(Buffer.from(argument ?? '', 'hex')) };
    case 'send':
      return { kind, bytes: toNumber(argument) };
    case 'receive':
      return { kind, pieces: toNumber(argument) };
    case 'transmit':
      return second === undefined
        ? { kind, arenaBytes: toNumber(argument) }
        : { kind, arenaBytes: toNumber(argument), limit: toNumber(second) };
    case 'reliable':
      return { kind, on: toNumber(argument) === 1 };
    case 'resend':
      return { kind };
    case 'reset':
      return { kind, rttMs: toNumber(argument) };
    case 'mtu':
      return { kind, bytes: toNumber(argument) };
    case 'trim':
      return { kind };
    default:
      throw new Error(`no such operation: ${line}`);
  }
}

function splitSetting(setting: string): [string, string] {
  const [name = '', value = ''] = setting.split('=');
  return [name, value];
}

function toNumber(text: string | undefined): number {
  const number = Number(text);
  if (text === undefined || text === '' || !Number.isFinite(number))
    throw new Error(`not a number: ${String(text)}`);
  return number;
}
