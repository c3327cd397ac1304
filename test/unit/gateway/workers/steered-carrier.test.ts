import { describe, expect, it } from 'vitest';
import { NO_LOG } from '../../../../src/base/logger.ts';
import type { ReceiveBatch } from '../../../../src/carrier/carrier.ts';
import { HandOver, type HandedDatagrams } from '../../../../src/gateway/workers/hand-over.ts';
import { HandOverLedger } from '../../../../src/gateway/workers/hand-over-ledger.ts';
import { SteeredCarrier } from '../../../../src/gateway/workers/steered-carrier.ts';
import type { ProxyMode } from '../../../../src/wire/proxy-header.ts';
import { datagramsOf } from '../../../contract/received.ts';
import { addressOfSlot, HandFedCarrier } from '../../../support/hand-fed-carrier.ts';
import { joined, v1, v2, spp, client } from '../../carrier/proxy-datagrams.ts';
import { probe, sealed, textOf } from './joined-line.ts';

const WORKERS = 3;

interface Steered {
  readonly inner: HandFedCarrier;
  readonly carrier: SteeredCarrier;
  readonly handOver: HandOver;
  readonly handed: [number, HandedDatagrams][];
  /** Text and slot of what was delivered, by batch. */
  readonly batches: [string, number][][];
}

function steered(worker: number, mode: ProxyMode = 'off', capabilities = {}): Steered {
  const inner = new HandFedCarrier(capabilities);
  const handed: [number, HandedDatagrams][] = [];
  const handOver = new HandOver(WORKERS, (to, datagrams) => {
    handed.push([to, structuredClone(datagrams, { transfer: [datagrams.datagrams.memory] })]);
  });
  const place = { worker, workers: WORKERS, socket: 2, mode };
  const carrier = new SteeredCarrier(inner, place, handOver, NO_LOG);
  const batches: [string, number][][] = [];
  carrier.start((batch: ReceiveBatch) => {
    batches.push(datagramsOf(batch).map(({ bytes, slot }) => [textOf(bytes), slot]));
  });
  return { inner, carrier, handOver, handed, batches };
}

describe('a UDP socket of one of several workers', () => {
  it('delivers its own datagrams as they came, in one batch', () => {
    const { inner, batches, handed } = steered(1);
    const glued = joined(sealed(1, 'a'), sealed(4, 'b'), sealed(7, 'c'));
    inner.feed({ slot: 5, bytes: glued, segmentSize: 25 }, { slot: 6, bytes: sealed(10, 'd') });
    expect(batches).toEqual([
      [
        ['a', 5],
        ['b', 5],
        ['c', 5],
        ['d', 6],
      ],
    ]);
    expect(handed).toEqual([]);
  });

  it('hands over what is for others, out of glued ones too, in one message for each', () => {
    const { inner, batches, handed, handOver } = steered(0);
    const glued = joined(sealed(3, 'a'), sealed(4, 'b'), sealed(5, 'c'), sealed(6, 'd'), sealed(7, 'e'));
    inner.feed(
      { slot: 5, bytes: sealed(8, 'x') },
      { slot: 6, bytes: glued, segmentSize: 25 },
      { slot: 5, bytes: sealed(9, 'y') },
      { slot: 5, bytes: probe(5) },
    );
    expect(batches).toEqual([
      [
        ['a', 6],
        ['d', 6],
        ['y', 5],
      ],
    ]);
    expect(handed.map(([to, { socket, senders }]) => [to, socket, senders])).toEqual([
      [1, 2, [addressOfSlot(6)]],
      [2, 2, [addressOfSlot(5), addressOfSlot(6), addressOfSlot(5)]],
    ]);
    expect(handOver.handedOn).toBe(5);

    const other = steered(2);
    other.carrier.take(handed[1]![1]);
    expect(other.batches).toEqual([
      [
        ['x', 5],
        ['c', 6],
        ['probe', 5],
      ],
    ]);
    // Nobody retained them.
    expect(other.inner.retained).toEqual([]);
    expect(other.inner.flushes).toBe(0);
  });

  it('keeps what says nothing of a session, and conversation 0', () => {
    const { inner, batches, handed } = steered(1);
    const fec = sealed(2, 'fec');
    fec[4] = 0xf1;
    const unknown = sealed(2, 'unknown');
    unknown[4] = 3;
    const rows = [new Uint8Array(0), new Uint8Array(7), fec, unknown, probe(0)];
    inner.feed(...rows.map((bytes) => ({ slot: 1, bytes })));
    expect(batches.flat()).toHaveLength(rows.length);
    expect(handed).toEqual([]);
  });

  it.each([
    ['PROXY version 1', 'proxy', v1(client(1))],
    ['PROXY version 2', 'proxy', v2(client(1))],
    ['SPP', 'spp', spp(client(1))],
  ] as const)('looks behind the header of %s, and hands it over with what follows', (_, mode, head) => {
    const { inner, batches, handed } = steered(1, mode);
    inner.feed(
      { slot: 4, bytes: joined(head, sealed(4, 'mine')) },
      { slot: 4, bytes: joined(head, sealed(5, 'not mine')) },
      { slot: 4, bytes: sealed(6, 'nor is this') },
      { slot: 4, bytes: head },
    );
    expect(batches.flat()).toHaveLength(2);
    expect(handed.map(([to]) => to)).toEqual([0, 2]);
    const other = new HandFedCarrier();
    const place = { worker: 2, workers: WORKERS, socket: 2, mode };
    const carrier = new SteeredCarrier(other, place, new HandOver(WORKERS, () => undefined), NO_LOG);
    const raw: Uint8Array[] = [];
    carrier.start((batch) => raw.push(...datagramsOf(batch).map(({ bytes }) => bytes)));
    carrier.take(handed[1]![1]);
    expect(raw).toEqual([joined(head, sealed(5, 'not mine'))]);
  });

  it('answers what it was handed over from its own socket', () => {
    const { handed, inner } = steered(0);
    inner.feed({ slot: 9, bytes: sealed(1, 'question') });
    const other = new HandFedCarrier();
    const place = { worker: 1, workers: WORKERS, socket: 2, mode: 'off' } as const;
    const carrier = new SteeredCarrier(other, place, new HandOver(WORKERS, () => undefined), NO_LOG);
    carrier.start((batch) => {
      const [{ slot } = { slot: -1 }] = datagramsOf(batch);
      const answer = sealed(1, 'answer');
      carrier.arena.target = slot;
      carrier.arena.bytes.set(answer, carrier.arena.reserve(answer.length));
      carrier.arena.commit(answer.length);
    });
    carrier.take(handed[0]![1]);
    expect(other.sent.map(({ slot, bytes }) => [slot, textOf(bytes)])).toEqual([[9, 'answer']]);
  });

  it('goes on when a callback throws, and counts', () => {
    const { handed, inner } = steered(0);
    inner.feed({ slot: 9, bytes: sealed(1, 'question') });
    const other = new HandFedCarrier();
    const place = { worker: 1, workers: WORKERS, socket: 2, mode: 'off' } as const;
    const carrier = new SteeredCarrier(other, place, new HandOver(WORKERS, () => undefined), NO_LOG);
    carrier.start(() => {
      throw new Error('boom');
    });
    carrier.take(handed[0]![1]);
    expect(carrier.stats().batchErrors).toBe(1);
    expect(other.retained).toEqual([]);
  });

  it('drops and counts senders that it cannot reach, and more than may be on its way', () => {
    const { inner, carrier, handed, handOver, batches } = steered(0, 'off', { maxBatch: 4 });
    const large = sealed(1, new Uint8Array(1500));
    for (let i = 0; i < 1000; i++) inner.feed({ slot: 1, bytes: large });
    expect(carrier.stats().receiveDrops).toBe(1000 - handed.length);
    const bytes = handed.reduce((sum, [, { datagrams }]) => sum + datagrams.memory.byteLength, 0);
    expect(bytes).toBeGreaterThan(1000 * 1024);
    expect(bytes).toBeLessThan(1050 * 1024);
    // The others are not in its way.
    inner.feed({ slot: 1, bytes: sealed(2, 'for another') });
    expect(handed.at(-1)![0]).toBe(2);
    handOver.arrived(1, handed[0]![1].datagrams.memory.byteLength);
    inner.feed({ slot: 1, bytes: large });
    expect(handed.at(-1)![0]).toBe(1);

    const far: HandedDatagrams = {
      ...handed.at(-1)![1],
      senders: [{ address: '2001:db8::1', family: 6, port: 1 }],
    };
    const drops = carrier.stats().receiveDrops;
    carrier.take(far);
    expect(carrier.stats().receiveDrops).toBe(drops + 1);
    expect(batches).toEqual([]);
  });

  it('delivers in pieces what does not fit into one batch', () => {
    const { inner, batches, handed } = steered(0, 'off', { maxBatch: 4 });
    const glued = joined(...Array.from({ length: 12 }, (_, i) => sealed(i === 5 ? 1 : 3, String(i % 10))));
    inner.feed({ slot: 1, bytes: glued, segmentSize: 25 });
    expect(batches.map((batch) => batch.length)).toEqual([4, 4, 3]);
    expect(handed).toHaveLength(1);
  });
});

describe('what is handed over', () => {
  function ledger() {
    const log: unknown[] = [];
    const running = [true, true, true];
    const made = new HandOverLedger({
      count: 3,
      isRunning: (worker) => running[worker] === true,
      giveTo: (worker, { socket }) => log.push(['give', worker, socket]),
      tell: (worker, to, bytes) => log.push(['tell', worker, to, bytes]),
    });
    const handed = (socket: number, bytes: number): HandedDatagrams => ({
      socket,
      datagrams: { count: 1, memory: new ArrayBuffer(bytes) },
      senders: [],
    });
    return { made, log, running, handed };
  }

  it('is passed on, and whoever handed it over is told when it was taken', () => {
    const { made, log, handed } = ledger();
    made.pass(0, 2, handed(7, 100));
    made.pass(1, 2, handed(8, 200));
    expect(log.splice(0)).toEqual([
      ['give', 2, 7],
      ['give', 2, 8],
    ]);
    made.taken(2);
    made.taken(2);
    made.taken(2);
    expect(log).toEqual([
      ['tell', 0, 2, 100],
      ['tell', 1, 2, 200],
    ]);
  });

  it('is written off when the worker it is for is dead, or dies', () => {
    const { made, log, running, handed } = ledger();
    made.pass(0, 1, handed(7, 100));
    made.pass(2, 1, handed(7, 200));
    running[1] = false;
    log.length = 0;
    made.handleDeath(1);
    made.pass(0, 1, handed(7, 300));
    expect(log).toEqual([
      ['tell', 0, 1, 100],
      ['tell', 2, 1, 200],
      ['tell', 0, 1, 300],
    ]);
    made.taken(1);
    expect(log).toHaveLength(3);
  });

  it('is not more than none when an answer for a predecessor comes', () => {
    const posted: number[] = [];
    const handOver = new HandOver(2, (_to, { datagrams }) => posted.push(datagrams.memory.byteLength));
    handOver.arrived(1, 1_000_000_000);
    handOver.arrived(9, 1);
    const bytes = new Uint8Array(60_000);
    while (handOver.add(1, 0, bytes, 0, bytes.length, 0, addressOfSlot)) handOver.flush();
    expect(posted.length).toBe(17);
    expect(handOver.add(9, 0, bytes, 0, 1, 0, addressOfSlot)).toBe(false);
  });
});
