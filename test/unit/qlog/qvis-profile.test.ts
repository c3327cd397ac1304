import { describe, expect, it } from 'vitest';
import type { RecordedSegment } from '../../../src/qlog/event-row.ts';
import { QvisProfile } from '../../../src/qlog/qvis-profile.ts';
import { Command } from '../../../src/wire/command.ts';
import { recordedSession, transfer, type Recorded } from './recorded.ts';

interface Frame {
  readonly frame_type: string;
  readonly offset?: number;
  readonly length?: number;
  readonly acked_ranges?: readonly (readonly [number, number])[];
}

interface Packet {
  readonly header: { readonly packet_number: number };
  readonly frames: readonly Frame[];
}

const recordsOf = (side: Recorded): { name: string; data: unknown }[] =>
  side.files[0]!.records.slice(1) as { name: string; data: unknown }[];

const packets = (side: Recorded, way: 'sent' | 'received'): Packet[] =>
  recordsOf(side).flatMap(({ name, data }) => (name === `transport:packet_${way}` ? [data as Packet] : []));

describe('recordings for viewers of QUIC', () => {
  it('say the same in the words of qlog 0.3', async () => {
    const { client } = await recordedSession(transfer(60), { profile: 'qvis' });
    expect(client.files[0]!.records[0]).toMatchObject({
      qlog_version: '0.3',
      qlog_format: 'JSON-SEQ',
      trace: { vantage_point: { type: 'client' } },
    });
    const sent = packets(client, 'sent');
    expect(sent.map(({ header }) => header.packet_number)).toEqual(sent.map((_, i) => i));
    // Frames of the stream cover it without a gap, some of them twice.
    const frames = sent.flatMap((packet) =>
      packet.frames.filter(({ frame_type: type }) => type === 'stream'),
    );
    const first = new Map(frames.map(({ offset, length }) => [offset!, length!]));
    const ordered = [...first].sort(([a], [b]) => a - b);
    let end = 0;
    for (const [offset, length] of ordered) {
      expect(offset).toBe(end);
      end += length;
    }
    expect(end).toBe(60 * 1024);
    expect(frames.length).toBeGreaterThan(first.size);
    // Whatever is acknowledged was sent before, each packet once.
    const acknowledged = packets(client, 'received').flatMap((packet) =>
      packet.frames.flatMap(({ acked_ranges: ranges = [] }) =>
        ranges.flatMap(([from, to]) => span(from, to)),
      ),
    );
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    expect(acknowledged.length).toBeGreaterThan(40);
    expect(acknowledged.every((number) => number < sent.length)).toBe(true);
    const lost = recordsOf(client).filter(({ name }) => name === 'recovery:packet_lost');
    expect(lost.length).toBe(frames.length - first.size);
    expect(recordsOf(client).some(({ name }) => name === 'recovery:metrics_updated')).toBe(true);
  });
});

const span = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('the place of data in the stream', () => {
  const profile = new QvisProfile();
  const wire = { timeMs: 0, path: 0, wireBytes: 0, isCopy: false, isHandshake: false } as const;
  const segmentOf = (cmd: number, sn: number, length: number): RecordedSegment => ({
    ...{ cmd, sn, length },
    ...{ frg: 0, wnd: 32, ts: 0, una: 0 },
  });
  const offsetOf = (isSent: boolean, number: number, segment: RecordedSegment): unknown => {
    const [record] = profile.records({ type: 'datagram', ...wire, isSent, number, segments: [segment] });
    return (record?.data as Packet).frames[0]?.offset;
  };

  it('stays the same when what was acknowledged comes once more', () => {
    expect(offsetOf(false, 0, segmentOf(Command.push, 0, 100))).toBe(0);
    offsetOf(true, 0, segmentOf(Command.ack, 0, 0));
    expect(offsetOf(false, 1, segmentOf(Command.push, 0, 100))).toBe(0);
    expect(offsetOf(false, 2, segmentOf(Command.push, 1, 50))).toBe(100);
  });
});
