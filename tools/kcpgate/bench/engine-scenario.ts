import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  BatchArena,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
} from '../../../src/carrier/batch-arena.ts';
import { KcpEngine, resolveKcpConfig, SegmentPool, type SegmentReceiver } from '../../../src/kcp/index.ts';
import type { LoadOptions } from './load-options.ts';

/** What carrying segments through two engines costs. */
export interface EngineResult {
  readonly complete: boolean;
  readonly segments: number;
  /** Sending, receiving and acknowledging one segment, both engines together. */
  readonly nsPerSegment: number;
  /** Heap and typed-array memory allocated for one segment, after a warm-up and without garbage collection between. */
  readonly bytesPerSegment: number;
}

/**
 * Two engines joined by nothing but memory: no session, no socket, no loss, full segments. Datagrams go over in batches of
 * 32, and each batch is acknowledged, as a busy socket does it.
 */
export function runEngineScenario(load: LoadOptions): EngineResult {
  const pair = new EnginePair(load);
  const warmUp = Math.min(load.segments, WARM_UP_SEGMENTS);
  pair.carry(warmUp);
  const startedAt = performance.now();
  pair.carry(load.segments);
  const nsPerSegment = ((performance.now() - startedAt) * 1e6) / load.segments;
  return {
    complete: pair.received === warmUp + load.segments,
    segments: load.segments,
    nsPerSegment,
    bytesPerSegment: allocatedPerSegment(pair),
  };
}

/** Two engines and the arenas between them. */
class EnginePair {
  received = 0;
  private readonly sender: KcpEngine;
  private readonly receiver: KcpEngine;
  private readonly forward = new BatchArena({ maxDatagrams: BATCH_DATAGRAMS });
  private readonly backward = new BatchArena({ maxDatagrams: BATCH_DATAGRAMS });
  private readonly payload: Uint8Array;
  private readonly sink: SegmentReceiver;
  private now = 0;

  constructor({ preset, mtu, window }: LoadOptions) {
    const config = resolveKcpConfig({ conv: 1, preset, mtu, sendWindow: window, receiveWindow: window });
    const pool = new SegmentPool({ slotBytes: Math.max(1536, mtu) });
    this.sender = new KcpEngine(config, pool);
    this.receiver = new KcpEngine(config, pool);
    this.payload = new Uint8Array(mtu - SEGMENT_HEADER_BYTES).fill(7);
    this.sink = {
      write: () => {
        this.received++;
        return true;
      },
    };
  }

  /** Carries full segments until `count` more have arrived. */
  carry(count: number): void {
    const end = this.received + count;
    let queued = 0;
    while (this.received < end) {
      for (let i = 0; i < BATCH_DATAGRAMS && queued < count; i++, queued++) {
        this.sender.send(this.payload, 0, this.payload.length);
      }
      this.now++;
      while (this.sender.pollTransmit(this.now, this.forward)) {
        moveBatch(this.now, this.forward, this.receiver);
      }
      moveBatch(this.now, this.forward, this.receiver);
      this.receiver.receive(this.sink);
      while (this.receiver.pollTransmit(this.now, this.backward)) {
        moveBatch(this.now, this.backward, this.sender);
      }
      moveBatch(this.now, this.backward, this.sender);
    }
  }
}

function moveBatch(now: number, arena: BatchArena, to: KcpEngine): void {
  const { bytes, view, descriptors, count } = arena;
  for (let i = 0, at = 0; i < count; i++, at += DESCRIPTOR_STRIDE) {
    const offset = descriptors[at + DESCRIPTOR_OFFSET] ?? 0;
    to.handleDatagram(now, bytes, view, offset, descriptors[at + DESCRIPTOR_LENGTH] ?? 0);
  }
  arena.reset();
}

/** The least of several rounds: a round in which V8 compiled or collected something says nothing about a segment. */
function allocatedPerSegment(pair: EnginePair): number {
  const collected = new PerformanceObserver(() => undefined);
  collected.observe({ entryTypes: ['gc'] });
  let least = Infinity;
  for (let round = 0; round < ALLOCATION_ROUNDS; round++) {
    collectGarbage();
    collected.takeRecords();
    const before = allocatedBytes();
    pair.carry(ALLOCATION_SEGMENTS);
    const after = allocatedBytes();
    if (collected.takeRecords().length > 0) continue;
    least = Math.min(least, (after - before) / ALLOCATION_SEGMENTS);
  }
  collected.disconnect();
  return Math.max(0, least);
}

function allocatedBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}

const SEGMENT_HEADER_BYTES = 24;
const BATCH_DATAGRAMS = 32;
const WARM_UP_SEGMENTS = 200_000;
const ALLOCATION_SEGMENTS = 50_000;
const ALLOCATION_ROUNDS = 7;
