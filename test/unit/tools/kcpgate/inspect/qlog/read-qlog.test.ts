import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KcpStats } from '../../../../../../src/kcp/index.ts';
import { Examiner } from '../../../../../../tools/kcpgate/inspect/examine/examiner.ts';
import { isQlog, QlogReader } from '../../../../../../tools/kcpgate/inspect/qlog/read-qlog.ts';
import { dissect } from '../../../../../../src/wire/index.ts';
import { recordedSession, transfer, type RecordedFile } from '../../../../qlog/recorded.ts';

interface Read {
  readonly lines: readonly string[];
  readonly reader: QlogReader;
  readonly notices: readonly string[];
  readonly events: readonly string[];
}

/** What comes out of a recording that is pushed in pieces of these lengths, again and again. */
function read(bytes: Uint8Array, pieces: readonly number[] = [bytes.length]): Read {
  const lines: string[] = [];
  const notices: string[] = [];
  const events: string[] = [];
  const reader = new QlogReader({
    sink: ({ packet, timeUs, flow, isFromA, bytes: all, offset, length, comment }) => {
      const { kind, units, problems } = dissect(all.subarray(offset, offset + length));
      const segments = units.map(
        ({ name, fields }) => `${name} ${String(fields.find((f) => f.name === 'sn')?.value)}`,
      );
      lines.push(
        [
          packet,
          timeUs,
          flow.carrier,
          flow.a.address,
          flow.b.port,
          isFromA,
          kind,
          problems.length,
          comment,
          segments,
        ].join(' '),
      );
    },
    notice: (record, text) => notices.push(`${record}: ${text}`),
    event: ({ name }) => events.push(name),
  });
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = Math.max(1, pieces[i % pieces.length] ?? 1);
    reader.push(bytes.subarray(at, at + length));
    at += length;
  }
  reader.finish();
  return { lines, reader, notices, events };
}

async function recorded(): Promise<{ file: RecordedFile; bytes: Uint8Array }> {
  const { gateway } = await recordedSession(transfer(30));
  const file = gateway.files[0]!;
  return { file, bytes: new TextEncoder().encode(file.text) };
}

describe('a recording that is read again', () => {
  it('gives every datagram with its segments, as the session saw them', async () => {
    const { file, bytes } = await recorded();
    const { lines, reader, notices, events } = read(bytes);
    const datagrams = file.events.filter(({ name }) => name.startsWith('kcp:datagram_'));
    expect(lines.length).toBe(datagrams.length);
    expect(reader.counters).toMatchObject({ datagrams: datagrams.length, damaged: 0 });
    expect(notices).toEqual([]);
    expect(lines.every((line) => / udp .* (true|false) clear 0 /.test(line))).toBe(true);
    expect(lines.some((line) => line.includes('PUSH 0'))).toBe(true);
    expect(lines.some((line) => /false clear 0 sent again: \d+ \((fast|timeout)\) PUSH/.test(line))).toBe(
      true,
    );
    expect(events).toEqual(
      expect.arrayContaining(['kcp:path_found', 'kcp:metrics_updated', 'kcp:path_in_use']),
    );
  });

  it('is one session with its moves, and every repeat has the cause that its sender had', async () => {
    const stats: KcpStats[] = [];
    const recordings = await recordedSession((pair, client, network) => {
      transfer(60)(pair, client, network);
      client.moveTo(client.connect());
      transfer(5)(pair, client, network);
      stats.push([...pair.gateway.endpoint.sessions()][0]!.kcp, client.session.stats());
    });
    for (const [index, side] of (['gateway', 'client'] as const).entries()) {
      const examiner = new Examiner({});
      const reader = new QlogReader({ sink: (found) => void examiner.examine(found) });
      reader.push(new TextEncoder().encode(recordings[side].files[0]!.text));
      reader.finish();
      examiner.finish();
      const [session, ...others] = examiner.sessions;
      expect(others).toEqual([]);
      expect(session).toMatchObject({ type: 'sealed', clientToldBy: 'recording', carriers: ['udp', 'tcp'] });
      expect(session!.lineChanges.map(({ from, to }) => [from.carrier, to.carrier])).toEqual([
        ['udp', 'tcp'],
      ]);
      const { retransmissions: own } = side === 'client' ? session!.fromClient : session!.fromGateway;
      const { fastRetransmits: fast, timeoutRetransmits: timeout, pathRetransmits } = stats[index]!;
      expect(own).toMatchObject({ fast, timeout, total: fast + timeout + pathRetransmits });
      expect(own.total).toBeGreaterThan(3);
    }
  });

  it('gives the same in any pieces', async () => {
    const { bytes } = await recorded();
    const { lines } = read(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 }), (pieces) => {
        expect(read(bytes, pieces).lines).toEqual(lines);
      }),
      { numRuns: 20 },
    );
  });

  it('never fails, whatever is in it', async () => {
    const { bytes } = await recorded();
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.nat(bytes.length), (changes, length) => {
        const damaged = bytes.slice(0, length);
        for (const { at, byte } of changes) if (length > 0) damaged[at % length] = byte;
        const { reader, notices } = read(damaged, [997]);
        expect(reader.counters.damaged).toBe(notices.length);
      }),
      { numRuns: 100 },
    );
  });

  it('is told by its beginning', async () => {
    expect(isQlog((await recorded()).bytes)).toBe(true);
    expect(isQlog(new Uint8Array([0x1e]))).toBe(false);
    expect(isQlog(new TextEncoder().encode('{"a":1}'))).toBe(false);
  });

  it('is refused in another schema, and a record without end is skipped', async () => {
    const { client } = await recordedSession(transfer(2), { profile: 'qvis' });
    const { notices, lines } = read(new TextEncoder().encode(client.files[0]!.text));
    expect(lines).toEqual([]);
    expect(notices[0]).toContain('urn:kcpgate:qlog:events:kcp-1');
    const long = new TextEncoder().encode(`\u001e{"a":"${'x'.repeat(3_000_000)}"}\n\u001enot JSON\n`);
    expect(read(long, [65_536]).notices).toEqual(['0: the record is too long', '1: not JSON']);
  });
});
