import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { resolveQlogOptions } from '../../../src/qlog/index.ts';
import type { KcpStats } from '../../../src/kcp/index.ts';
import type { QlogDatagram, QlogEvent } from '../../../tools/kcpgate/inspect/qlog/qlog-record.ts';
import { newDirectory, recordedSession, transfer, type Recorded } from './recorded.ts';

const NAME = /^\d{8}T\d{9}Z-[0-9a-f]{8}-(gateway|client)-1\.sqlog$/;

function datagrams(side: Recorded, way: 'sent' | 'received'): QlogDatagram[] {
  return side.files[0]!.events.flatMap((event) =>
    event.name === `kcp:datagram_${way}` ? [event.data as QlogDatagram] : [],
  );
}

const dataSegments = (all: readonly QlogDatagram[]): string[] =>
  all.flatMap(({ segments }) =>
    segments
      .filter(({ cmd }) => cmd === 'PUSH')
      .map(({ sn, ts, length }) => `${sn} at ${ts}, ${length} bytes`),
  );

const named = <N extends QlogEvent['name']>(side: Recorded, name: N): Extract<QlogEvent, { name: N }>[] =>
  side.files[0]!.events.filter((event): event is Extract<QlogEvent, { name: N }> => event.name === name);

const causes = (side: Recorded): Record<string, number> => {
  const counts: Record<string, number> = { timeout: 0, fast: 0, path: 0 };
  for (const { data } of named(side, 'kcp:segment_retransmitted')) counts[data.trigger]!++;
  return counts;
};

const causesOf = (stats: KcpStats): Record<string, number> => ({
  timeout: stats.timeoutRetransmits,
  fast: stats.fastRetransmits,
  path: stats.pathRetransmits,
});

describe('recordings of all sessions', () => {
  it('say of both ends what was sent, received, repeated and why it ended', async () => {
    const stats: KcpStats[] = [];
    const { gateway, client } = await recordedSession((pair, session, network) => {
      transfer(100)(pair, session, network);
      stats.push([...pair.gateway.endpoint.sessions()][0]!.kcp, session.session.stats());
      session.session.close(CloseCode.normal, 'done');
    });
    expect(gateway.files.map(({ name }) => name)).toEqual([expect.stringMatching(NAME)]);
    expect(client.files.map(({ name }) => name)).toEqual([expect.stringMatching(NAME)]);
    // Every repeat is told with its cause, as the engine counted it; there were some.
    expect(causes(gateway)).toEqual(causesOf(stats[0]!));
    expect(causes(client)).toEqual(causesOf(stats[1]!));
    expect(stats[1]!.timeoutRetransmits + stats[1]!.fastRetransmits).toBeGreaterThan(3);
    // What arrived is what was sent, less what the line lost.
    for (const [from, to] of [
      [client, gateway],
      [gateway, client],
    ] as const) {
      const sent = dataSegments(datagrams(from, 'sent'));
      const received = dataSegments(datagrams(to, 'received'));
      expect(sent.length).toBeGreaterThan(received.length);
      expect(received.filter((segment) => !sent.includes(segment))).toEqual([]);
      expect(new Set(received.map((segment) => segment.split(' ')[0])).size).toBeGreaterThan(70);
    }
    for (const side of [gateway, client]) {
      expect(named(side, 'kcp:session_closed').map(({ data }) => data.name)).toEqual(['normal']);
      expect(named(side, 'kcp:path_found').map(({ data }) => data.carrier)).toEqual(['udp']);
      expect(named(side, 'kcp:metrics_updated').length).toBeGreaterThan(20);
      const numbers = datagrams(side, 'sent').map(({ number }) => number);
      expect(numbers).toEqual(numbers.map((_, i) => i));
      const timesOf = side.files[0]!.events.map(({ time }) => time);
      expect(timesOf).toEqual([...timesOf].sort((a, b) => a - b));
      expect(side.counters.dropped).toBe(0);
    }
  });

  it('tell moves to other paths', async () => {
    const { client, gateway } = await recordedSession((pair, session, network) => {
      transfer(3)(pair, session, network);
      session.moveTo(session.connect());
      transfer(3)(pair, session, network);
    });
    expect(named(client, 'kcp:path_found').map(({ data }) => data.carrier)).toEqual(['udp', 'tcp']);
    expect(named(client, 'kcp:path_in_use').map(({ data }) => data.path)).toEqual([0, 1]);
    expect(named(gateway, 'kcp:path_in_use').map(({ data }) => data.path)).toEqual([0, 1]);
  });

  it('tell the address of every path, though their places are used again', async () => {
    const { gateway } = await recordedSession((pair, session, network) => {
      for (let move = 0; move < 4; move++) {
        transfer(3)(pair, session, network);
        session.moveTo(session.openUdp());
      }
      transfer(3)(pair, session, network);
    });
    const paths = named(gateway, 'kcp:path_found').map(({ data }) => data);
    expect(paths.map(({ path }) => path)).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(paths.map(({ remote }) => remote)).size).toBe(5);
    expect(named(gateway, 'kcp:path_in_use').map(({ data }) => data.path)).toEqual([0, 1, 2, 3, 4]);
  });

  it('say where events are missing when there is no memory for more', async () => {
    const { client } = await recordedSession(
      (pair, session, network) => {
        transfer(40)(pair, session, network);
        session.session.close(CloseCode.kicked, 'enough');
      },
      { sessions: 'abnormal', maxEvents: 128 },
    );
    expect(named(client, 'kcp:events_dropped')).toHaveLength(1);
    expect(named(client, 'kcp:events_dropped')[0]!.data.count).toBeGreaterThan(100);
    // What is there is the end of it.
    const last = client.files[0]!.events.at(-1)!;
    expect(last).toMatchObject({ name: 'kcp:session_closed', data: { code: 3500 } });
    expect(client.files[0]!.events.length).toBeLessThan(140);
  });

  it('end with the file size that was allowed', async () => {
    const { client } = await recordedSession(transfer(60), { maxFileBytes: 20_000, maxEvents: 64 });
    expect(client.files[0]!.text.length).toBeLessThanOrEqual(20_000);
    expect(client.files[0]!.text.length).toBeGreaterThan(10_000);
    expect(client.counters.dropped).toBeGreaterThan(0);
  });
});

describe('the flight recorder', () => {
  it('writes nothing about sessions that end as they should', async () => {
    const { gateway, client } = await recordedSession(
      (pair, session, network) => {
        transfer(3)(pair, session, network);
        session.session.close(CloseCode.normal, '');
      },
      { sessions: 'abnormal' },
    );
    expect([gateway.files, client.files]).toEqual([[], []]);
  });

  it('writes what it has of those that do not', async () => {
    const { gateway, client } = await recordedSession(
      (pair, session, network) => {
        transfer(3)(pair, session, network);
        pair.gateway.endpoint.kick({}, CloseCode.blocked, 'not welcome');
      },
      { sessions: 'abnormal' },
    );
    for (const side of [gateway, client]) {
      expect(side.files).toHaveLength(1);
      const [closed] = named(side, 'kcp:session_closed');
      expect(closed!.data).toEqual({ code: 3504, name: 'blocked', reason: 'not welcome' });
      expect(dataSegments(datagrams(side, 'received')).length).toBeGreaterThanOrEqual(2);
    }
  });
});

describe('the files of a directory', () => {
  it("are at most so many, and nobody else's are touched", async () => {
    const directory = await newDirectory();
    const old = [
      '20200101T000000000Z-00000001-gateway-1.sqlog',
      '20200102T000000000Z-00000001-client-2.sqlog',
    ];
    for (const name of [...old, '20200101-notes.sqlog', 'readme.txt'])
      await writeFile(join(directory, name), '');
    const { gateway } = await recordedSession(transfer(1), { maxFiles: 2 }, directory);
    const names = gateway.files.map(({ name }) => name);
    expect(names).toHaveLength(4);
    expect(names).toEqual(expect.arrayContaining(['20200101-notes.sqlog', 'readme.txt', old[1]]));
  });

  it('cost a session nothing when they cannot be written: one warning', async () => {
    const directory = join(await newDirectory(), 'file');
    await writeFile(directory, 'in the way');
    const { gateway, client } = await recordedSession(transfer(5), {}, directory);
    expect(gateway.files).toEqual([]);
    expect(gateway.logger.records.map(({ level }) => level)).toEqual(['warn']);
    expect(gateway.counters.dropped).toBeGreaterThan(10);
    expect(client.files).toHaveLength(1);
  });
});

describe('options', () => {
  it.each([
    [{ maxEvents: 63 }, 'qlog.maxEvents'],
    [{ maxMemoryBytes: 1024 }, 'qlog.maxMemoryBytes'],
    [{ maxFiles: 0 }, 'qlog.maxFiles'],
    [{ maxFileBytes: 0.5 }, 'qlog.maxFileBytes'],
  ])('%j is refused', (options, name) => {
    expect(() => resolveQlogOptions({ directory: '.', ...options })).toThrow(name);
  });
});
