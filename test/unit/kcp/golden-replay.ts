import { expect } from 'vitest';
import { resolveKcpConfig } from '../../../src/kcp/config.ts';
import { KcpEngine } from '../../../src/kcp/engine.ts';
import { SegmentPool } from '../../../src/kcp/segment-pool.ts';
import { Command } from '../../../src/wire/command.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { fromHex, readSegments, sizeOf, toHex, type GoldenSegment } from './golden-segments.ts';
import {
  stateOf,
  type GoldenEndpoint,
  type GoldenState,
  type GoldenStep,
  type GoldenTrace,
} from './golden-trace.ts';

/** Puts our engine in the place of one recorded object and compares after every step. */
export class GoldenReplay {
  /** Datagrams that both sides emitted in the same step and that were equal byte for byte, and those that were not. */
  identicalDatagrams = 0;
  differentDatagrams = 0;
  /** First transmissions compared. */
  firstTransmissions = 0;
  readonly engine: KcpEngine;
  readonly pool = new SegmentPool();
  readonly #trace: GoldenTrace;
  readonly #endpoint: GoldenEndpoint;
  readonly #arena = new DatagramArena(1 << 20);
  /** The recorded state before the running step; undefined until a step changed it. */
  #before: GoldenState | undefined;
  #heard = false;
  /** The peer asked for the window since the last flush. */
  #asked = false;
  /** The window in the last segment sent. */
  #toldWindow = -1;
  /** ACKs that were new in the last flush that had any. */
  #acknowledgedBefore = new Set<string>();
  /** Payload and fragment of every data segment sent so far, by sn: a retransmission must repeat them. */
  readonly #sent = new Map<number, string>();

  constructor(trace: GoldenTrace, endpoint: GoldenEndpoint) {
    const { config } = trace;
    this.#trace = trace;
    this.#endpoint = endpoint;
    expect(endpoint.sendSequence, 'both directions start at one sn').toBe(endpoint.receiveSequence);
    this.engine = new KcpEngine(
      resolveKcpConfig({
        conv: config.conversation,
        mtu: config.mtu,
        sendWindow: config.sendWindow,
        receiveWindow: config.receiveWindow,
        nodelay: config.noDelay !== 0,
        intervalMs: config.intervalMs,
        fastResend: config.resend,
        congestion: config.noCongestion === 0 ? 'reno' : 'none',
        stream: config.stream,
        initialSequence: endpoint.sendSequence,
      }),
      this.pool,
    );
  }

  run(): void {
    for (const [index, step] of this.#endpoint.steps.entries()) {
      this.#play(step, `step ${String(index)} of ${this.#endpoint.name} (${step.do} at ${String(step.now)})`);
    }
  }

  #play(step: GoldenStep, where: string): void {
    const after = step.state === undefined ? this.#before : stateOf(this.#trace, step.state);
    if (step.do === 'send') this.#send(step, where);
    else if (step.do === 'receive') this.#receive(step, where);
    else if (step.do === 'input') this.#input(step, where);
    // The recorded object flushes by itself when an input moved its snd_una.
    const flushes =
      step.do === 'flush' ||
      (step.do === 'input' && after?.sendUnacknowledged !== this.#sendUnacknowledgedBefore());
    if (flushes) this.#compareOutput(step, where, this.#transmit(step.now, where));
    if (after !== undefined) this.#compareState(after, where);
    this.#before = after;
  }

  #send(step: GoldenStep, where: string): void {
    const message = fromHex(step.data ?? '');
    expect(this.engine.send(message, 0, message.length), where).toBe(message.length);
  }

  #receive(step: GoldenStep, where: string): void {
    const pieces: string[] = [];
    this.engine.receive({
      write(bytes, offset, length, endOfMessage) {
        pieces.push(toHex(bytes.subarray(offset, offset + length)));
        return !endOfMessage;
      },
    });
    expect(pieces.join(''), where).toBe(step.data ?? '');
  }

  #input(step: GoldenStep, where: string): void {
    // At an offset, as in a receive slab.
    const datagram = fromHex(step.data ?? '');
    const slab = new Uint8Array(datagram.length + 9);
    slab.set(datagram, 5);
    const fault = this.engine.handleDatagram(step.now, slab, new DataView(slab.buffer), 5, datagram.length);
    slab.fill(0xaa);
    // -3 is an unknown command: ours skips the segment, counts it and goes on.
    const expectsFault = step.result === -1 || step.result === -2;
    expect(fault !== 0, `${where}: fault ${String(fault)}`).toBe(expectsFault);
    if (has(readSegments(datagram), Command.windowAsk)) this.#asked = true;
    if (step.state !== undefined || (step.result ?? 0) === 0) this.#heard = true;
  }

  #transmit(now: number, where: string): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    while (this.engine.pollTransmit(now, this.#arena)) {
      expect(this.#arena.count, where).toBeGreaterThan(0);
      this.#arena.drain((bytes, offset, length) => datagrams.push(bytes.slice(offset, offset + length)));
    }
    this.#arena.drain((bytes, offset, length) => datagrams.push(bytes.slice(offset, offset + length)));
    return datagrams;
  }

  #compareOutput(step: GoldenStep, where: string, ours: readonly Uint8Array[]): void {
    const theirs = step.out ?? [];
    for (const [i, datagram] of ours.entries()) {
      expect(datagram.length, where).toBeLessThanOrEqual(this.#trace.config.mtu);
      if (toHex(datagram) === theirs[i]) this.identicalDatagrams++;
      else this.differentDatagrams++;
    }
    const ourSegments = ours.flatMap(readSegments);
    expect(totalSize(ourSegments), `${where}: whole segments only`).toBe(totalLength(ours));
    const theirSegments = theirs.flatMap((text) => readSegments(fromHex(text)));

    const ourNew = this.#firstTransmissions(ourSegments, where);
    expect(ourNew, `${where}: segments sent for the first time`).toEqual(
      this.#newIn(theirSegments, this.#sendNextBefore()),
    );
    this.firstTransmissions += ourNew.length;

    this.#compareAcknowledgements(acknowledgements(ourSegments), acknowledgements(theirSegments), where);
    // The recorded object also tells when its queue was full for a moment of which the peer never heard.
    if (has(theirSegments, Command.windowTell) && (this.#asked || this.#toldWindow === 0)) {
      expect(has(ourSegments, Command.windowTell), `${where}: tells its window`).toBe(true);
    }
    this.#asked = false;
    this.#toldWindow = ourSegments.at(-1)?.window ?? this.#toldWindow;
    const last = theirSegments.at(-1);
    for (const segment of last === undefined ? [] : ourSegments) {
      expect(
        [segment.conversation, segment.window, segment.unacknowledged],
        `${where}: conv, wnd, una`,
      ).toEqual([last?.conversation, last?.window, last?.unacknowledged]);
    }
  }

  /** The same ACKs; besides, ours repeat what the flush before acknowledged. */
  #compareAcknowledgements(ours: readonly string[], theirs: readonly string[], where: string): void {
    const expected = new Set(theirs);
    const fresh = ours.filter((ack) => expected.has(ack) || !this.#acknowledgedBefore.has(ack));
    expect(new Set(fresh), `${where}: ACKs (sn, ts)`).toEqual(expected);
    expect(new Set(ours).size, `${where}: no ACK twice`).toBe(ours.length);
    if (ours.length > 0) this.#acknowledgedBefore = new Set(fresh);
  }

  /** Ours that were never sent before; the others must repeat what was sent. */
  #firstTransmissions(segments: readonly GoldenSegment[], where: string): object[] {
    const data = segments.filter((segment) => segment.command === Command.push);
    const fresh: GoldenSegment[] = [];
    for (const segment of data) {
      const content = `${String(segment.fragment)} ${segment.payload}`;
      const earlier = this.#sent.get(segment.sequence);
      if (earlier === undefined) fresh.push(segment);
      else expect(content, `${where}: retransmission of ${String(segment.sequence)}`).toBe(earlier);
      this.#sent.set(segment.sequence, content);
    }
    return fresh.map(comparable);
  }

  #newIn(segments: readonly GoldenSegment[], sendNext: number): object[] {
    return segments
      .filter((segment) => segment.command === Command.push && ((segment.sequence - sendNext) | 0) >= 0)
      .map(comparable);
  }

  #compareState(after: GoldenState, where: string): void {
    const { una, next, expected } = this.engine.sequences;
    const stats = this.engine.stats();
    const received = (after.receiveNext - after.receiveQueue) >>> 0;
    expect(
      {
        sendUnacknowledged: una,
        sendNext: next,
        receiveNext: expected,
        waiting: stats.waiting,
        undelivered: this.engine.undeliveredSequence >>> 0,
      },
      where,
    ).toEqual({
      sendUnacknowledged: after.sendUnacknowledged,
      sendNext: after.sendNext,
      receiveNext: after.receiveNext,
      waiting: after.sendQueue,
      undelivered: received,
    });
    // Before the peer spoke the two assume different windows of it.
    if (this.#heard) expect(stats.peerWindow, `${where}: peer's window`).toBe(after.remoteWindow);
    if (this.#trace.config.noCongestion === 0) {
      expect(stats.congestionWindow, `${where}: congestion window`).toBe(after.congestionWindow);
    }
  }

  #sendUnacknowledgedBefore(): number {
    return this.#before?.sendUnacknowledged ?? this.#endpoint.sendSequence;
  }

  #sendNextBefore(): number {
    return this.#before?.sendNext ?? this.#endpoint.sendSequence;
  }
}

/** What must be equal of a segment; `wnd` and `una` are compared for all segments of a step at once. */
function comparable(segment: GoldenSegment): object {
  const { conversation, command, fragment, timestamp, sequence, payload } = segment;
  return { conversation, command, fragment, timestamp, sequence, payload };
}

function acknowledgements(segments: readonly GoldenSegment[]): string[] {
  return segments
    .filter((segment) => segment.command === Command.ack)
    .map((segment) => `${String(segment.sequence)} ${String(segment.timestamp)}`);
}

function totalSize(segments: readonly GoldenSegment[]): number {
  return segments.reduce((sum, segment) => sum + sizeOf(segment), 0);
}

function totalLength(datagrams: readonly Uint8Array[]): number {
  return datagrams.reduce((sum, datagram) => sum + datagram.length, 0);
}

function has(segments: readonly GoldenSegment[], command: number): boolean {
  return segments.some((segment) => segment.command === command);
}
