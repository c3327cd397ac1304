import type { CaptureCounters, CaptureNotice } from '../capture/capture-counters.ts';
import { newCaptureCounters } from '../capture/capture-counters.ts';
import { HexReader } from '../capture/hex-reader.ts';
import { readCaptureFile, type ByteReader } from '../capture/read-file.ts';
import type { FoundDatagramSink } from '../found-datagram.ts';
import { fileError } from './file-error.ts';
import { JoinedFlows } from './joined-flows.ts';
import { RecordedReader } from './recorded-reader.ts';

/** Who gets what a source finds. */
export interface SourceTarget {
  readonly sink: FoundDatagramSink;
  readonly notice: CaptureNotice;
  /** Called before each piece of the input. */
  readonly beforePiece: () => void;
  /** Called after each piece of the input. @returns whether to go on. */
  readonly afterPiece: () => boolean;
}

/** Reads captures and recordings, one after the other, as one. `-` is standard input. @throws GatewayError `config_invalid` */
export async function readFiles(files: readonly string[], target: SourceTarget): Promise<CaptureCounters> {
  const total = newCaptureCounters();
  const joined = new JoinedFlows(target.sink);
  for (const file of files) {
    const reader = new RecordedReader({
      sink: files.length === 1 ? target.sink : joined.sinkOf(total.packets),
      notice: (code, packet, text) => {
        const shown = files.length === 1 ? text : `${file}: ${text}`;
        target.notice(code, packet, shown);
      },
    });
    const isWhole = await readBytes(file, reader, target);
    addCounters(total, reader.counters);
    if (!isWhole) break;
  }
  return total;
}

/** Reads hex text: what the command line has, or without any standard input. */
export async function readHex(texts: readonly string[], target: SourceTarget): Promise<CaptureCounters> {
  const reader = new HexReader(target);
  if (texts.length === 0 || texts[0] === '-') await readBytes('-', reader, target);
  else {
    reader.push(Buffer.from(`${texts.join('\n')}\n`));
    reader.finish();
  }
  return reader.counters;
}

/** @returns whether the whole file was read, and not only as much as was wanted. */
async function readBytes(
  file: string,
  reader: ByteReader,
  { beforePiece, afterPiece }: SourceTarget,
): Promise<boolean> {
  const stop = new Error('no more is wanted');
  try {
    await readCaptureFile(file, {
      push: (chunk) => {
        beforePiece();
        reader.push(chunk);
        if (!afterPiece()) throw stop;
      },
      finish: () => {
        reader.finish();
      },
    });
    return true;
  } catch (error) {
    if (error === stop) return false;
    if (isFileError(error)) throw fileError(file === '-' ? 'standard input' : file, error);
    throw error;
  }
}

const isFileError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

function addCounters(total: CaptureCounters, counters: CaptureCounters): void {
  const { notices } = counters;
  total.bytes += counters.bytes;
  total.packets += counters.packets;
  total.datagrams += counters.datagrams;
  total.lostPackets += counters.lostPackets;
  for (const [code, count] of Object.entries(notices)) {
    total.notices[code as keyof typeof notices] += count;
  }
}
