import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { SessionPort } from '../../../src/base/sink.ts';
import type { SessionEntry } from '../../../src/endpoint/session-table.ts';
import { SubjectIndex } from '../../../src/endpoint/subject-index.ts';
import { RecordingSink } from '../session/session-pair.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';

const conversations = (gateway: FedGateway): number[] =>
  [...gateway.endpoint.sessions()].map(({ conv }) => conv).sort((a, b) => a - b);

const entryOf = (id: number): SessionEntry => ({ id }) as SessionEntry;

describe('the sessions of a subject', () => {
  it('are so many at most: the oldest gives way, once', () => {
    const index = new SubjectIndex(2);
    const [a, b, c, d] = [1, 2, 3, 4].map(entryOf) as [
      SessionEntry,
      SessionEntry,
      SessionEntry,
      SessionEntry,
    ];
    expect([index.add('x', a), index.add('x', b), index.add('y', c)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(index.add('x', c)).toBe(a);
    expect(index.add('x', d)).toBe(b);
  });

  it('that ended make room, also when they are told twice or were never there', () => {
    const index = new SubjectIndex(1);
    const [a, b] = [entryOf(1), entryOf(2)];
    index.add('x', a);
    index.remove('x', a);
    index.remove('x', a);
    index.remove('nobody', a);
    expect(index.add('x', b)).toBeUndefined();
    index.remove('x', a);
    expect(index.add('x', a)).toBe(b);
  });

  it('are not counted for nobody, nor where there is no limit', () => {
    const limited = new SubjectIndex(1);
    expect([limited.add('', entryOf(1)), limited.add('', entryOf(2))]).toEqual([undefined, undefined]);
    const free = new SubjectIndex();
    expect([free.add('x', entryOf(1)), free.add('x', entryOf(2))]).toEqual([undefined, undefined]);
  });
});

describe('a gateway that holds subjects to one session', () => {
  it('closes the older one with `replaced`, and takes another after it', () => {
    onFedGateway({ maxSessionsPerSubject: 1 }, (gateway) => {
      const first = gateway.open('udp', 1, { conv: 1, subject: 'a' });
      gateway.open('udp', 2, { conv: 2, subject: 'b' });
      const third = new HandMadeClient(gateway.login({ conv: 3, subject: 'a' }));
      gateway.greet(third, 'udp', 3);
      gateway.feed('udp', 3, third.datagram([third.tell()]));
      expect(gateway.heard(first, 'udp', 1)).toMatchObject([{ type: 'kick', code: CloseCode.replaced }]);
      gateway.loop.runFor(5_000);
      expect(conversations(gateway)).toEqual([2, 3]);
      expect(gateway.sinks[0]!.events).toEqual(['close 3502 too many sessions of this subject']);
      gateway.open('udp', 4, { conv: 4, subject: 'a' });
      gateway.loop.runFor(5_000);
      expect(conversations(gateway)).toEqual([2, 4]);
    });
  });

  it('closes nobody for one that is refused itself', () => {
    const taken = { stream: true, bind: (port: SessionPort) => new RecordingSink(port) };
    const accept = ({ conv }: { readonly conv: number }) => (conv === 1 ? taken : CloseCode.blocked);
    onFedGateway({ maxSessionsPerSubject: 1, acceptor: { accept } }, (gateway) => {
      gateway.open('udp', 1, { conv: 1 });
      gateway.open('udp', 2, { conv: 2 });
      gateway.loop.runFor(10_000);
      expect(conversations(gateway)).toEqual([1]);
      expect(gateway.stats.closedSessions).toEqual({ blocked: 1 });
    });
  });
});
