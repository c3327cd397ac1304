import { GatewayError } from '../../../../src/base/errors.ts';
import { formatSocketAddress, type SocketAddress } from '../../../../src/base/address.ts';
import type { CaptureCounters } from '../capture/capture-counters.ts';
import { startListenRelay } from '../capture/listen-relay.ts';
import { captureLive } from '../capture/live-capture.ts';
import { CaptureReader } from '../capture/read-capture.ts';
import type { ByteReader } from '../capture/read-file.ts';
import type { SourceTarget } from './sources.ts';

/** Who gets what a live source finds, and when it ends. */
export interface LiveTarget extends SourceTarget {
  /** Takes words for the person who waits. */
  readonly tell: (text: string) => void;
  /** Ends it from outside. */
  readonly stop: AbortSignal;
}

/**
 * Captures from an interface until it is stopped.
 * @throws GatewayError as `captureLive`.
 */
export async function captureInterface(
  name: string,
  ports: readonly number[],
  target: LiveTarget,
): Promise<CaptureCounters> {
  const reader = new CaptureReader(target);
  const { stop, endWhenDone } = stoppedBy(target.stop);
  try {
    const { lostPackets } = await captureLive({
      interface: name,
      ports,
      reader: watched(reader, target, endWhenDone),
      stop,
      onStarted: () => {
        target.tell(`capturing on ${name}; Ctrl-C ends it`);
      },
    });
    reader.counters.lostPackets = lostPackets;
  } catch (error) {
    throw isWrongUse(error) ? new GatewayError('config_invalid', `kcpgate: ${error.message}`) : error;
  }
  return reader.counters;
}

/**
 * Passes what comes to another address, and shows it, until it is stopped.
 * @throws GatewayError as `startListenRelay`.
 */
export async function relayLive(
  listen: SocketAddress,
  to: SocketAddress,
  target: LiveTarget,
): Promise<CaptureCounters> {
  const reader = new CaptureReader(target);
  const { stop, endWhenDone } = stoppedBy(target.stop);
  const relay = await startListenRelay({ listen, to, reader: watched(reader, target, endWhenDone) });
  const place = formatSocketAddress({ ...listen, address: relay.address, port: relay.port });
  target.tell(`passing on from ${place} to ${formatSocketAddress(to)}, UDP and TCP; Ctrl-C ends it`);
  if (!stop.aborted) {
    await new Promise<void>((resolve) => {
      stop.addEventListener('abort', () => {
        resolve();
      });
    });
  }
  await relay.close();
  return reader.counters;
}

/** A reader whose pieces are told before and after. */
function watched(reader: ByteReader, { beforePiece, afterPiece }: SourceTarget, end: () => void): ByteReader {
  return {
    push: (chunk) => {
      beforePiece();
      reader.push(chunk);
      if (!afterPiece()) end();
    },
    finish: () => {
      reader.finish();
    },
  };
}

/** Ends when it is stopped from outside, or no more is wanted. */
function stoppedBy(outside: AbortSignal): { readonly stop: AbortSignal; readonly endWhenDone: () => void } {
  const inside = new AbortController();
  return {
    stop: AbortSignal.any([outside, inside.signal]),
    endWhenDone: () => {
      inside.abort();
    },
  };
}

const isWrongUse = (error: unknown): error is GatewayError =>
  error instanceof GatewayError && error.code === 'config_invalid';
