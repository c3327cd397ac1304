import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { AnySegment } from '../../../src/wire/any-segment.ts';
import { onFedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';
import { sendText } from './login-pair.ts';

const notice = (deadlineMs: number) => ({ deadlineMs, jitterMs: 500, lines: ['b', 'c'] });

const drains = (segments: readonly AnySegment[]): AnySegment[] =>
  segments.filter(({ type }) => type === 'drain');

describe('a gateway that is drained', () => {
  it('tells those who are there three times, with the time that is left, and closes what stays', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.endpoint.startDraining(notice(20_000));
      gateway.loop.runFor(10_000);
      const told = drains(gateway.heard(client, 'udp'));
      expect(told).toMatchObject([
        { deadlineMs: 20_000, jitterMs: 500, lines: ['b', 'c'] },
        { jitterMs: 500, lines: ['b', 'c'] },
        { jitterMs: 500, lines: ['b', 'c'] },
      ]);
      const left = told.map((segment) => (segment.type === 'drain' ? segment.deadlineMs : 0));
      expect(left[1]!).toBeLessThan(20_000);
      expect(left[2]!).toBeLessThan(left[1]!);
      gateway.loop.runFor(10_001);
      expect(gateway.heard(client, 'udp')).toMatchObject([{ type: 'kick', code: CloseCode.drain }]);
    });
  });

  it('lets nobody in, not even one whose handshake had begun', () => {
    onFedGateway({}, (gateway) => {
      gateway.open('udp', 5, { conv: 5 });
      const early = new HandMadeClient(gateway.login({ conv: 6 }));
      gateway.greet(early, 'udp', 6);
      void gateway.endpoint.drain(20_000);
      const late = new HandMadeClient(gateway.login({ conv: 7 }));
      expect(gateway.greet(late, 'udp', 7)).toMatchObject([{ type: 'kick', code: CloseCode.drain }]);
      gateway.sent('udp');
      gateway.feed('udp', 6, early.datagram([early.tell()]));
      gateway.loop.runFor(3_000);
      expect(gateway.heard(early, 'udp', 6)).toMatchObject([
        { type: 'kick', code: CloseCode.drain },
        { type: 'kick' },
        { type: 'kick' },
      ]);
      expect(gateway.stats).toMatchObject({ openSessions: 0, refusals: { drain: 1 } });
    });
  });

  it('takes it back: what was not said yet is not said, nobody is closed, others come in', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1, { conv: 1 });
      gateway.endpoint.startDraining(notice(5_000));
      gateway.loop.runFor(1);
      expect(drains(gateway.heard(client, 'udp'))).toHaveLength(1);
      gateway.endpoint.stopDraining();
      gateway.loop.runFor(10_000);
      expect(gateway.heard(client, 'udp')).toEqual([]);
      gateway.open('udp', 2, { conv: 2 });
      expect(gateway.stats.openSessions).toBe(2);
    });
  });
});

describe('what a draining gateway has to say', () => {
  it('waits for room on a connection, and wakes nobody meanwhile', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('tcp', 1);
      gateway.tcp.clog(1, true);
      sendText(gateway.sinks[0]!.port, 'held');
      gateway.endpoint.startDraining(notice(20_000));
      expect(gateway.wakeUps(3_000)).toBeLessThan(20);
      expect(gateway.heard(client, 'tcp')).toEqual([]);
      gateway.tcp.clog(1, false);
      gateway.loop.runFor(1);
      expect(gateway.heard(client, 'tcp')).toMatchObject([{ type: 'drain' }, { type: 'push' }]);
    });
  });

  it('waits for the next connection when this one broke', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('tcp', 1);
      gateway.tcp.breakOff(1);
      gateway.endpoint.startDraining(notice(20_000));
      expect(gateway.wakeUps(3_000)).toBeLessThan(20);
      gateway.tcp.connect(2);
      gateway.feed('tcp', 2, client.datagram([client.tell()], { pathId: 1 }));
      expect(drains(gateway.heard(client, 'tcp', 2))).toHaveLength(1);
    });
  });

  it('waits until the path is validated, and holds no data up', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.push(0, 'x'.repeat(100))]));
      const asked = gateway.heard(client, 'udp', 2);
      gateway.endpoint.startDraining(notice(20_000));
      sendText(gateway.sinks[0]!.port, 'data');
      gateway.loop.runFor(5);
      expect(gateway.heard(client, 'udp', 2)).toMatchObject([{ type: 'push' }]);
      gateway.feed('udp', 2, client.datagram([client.responseTo(asked)]));
      expect(drains(gateway.heard(client, 'udp', 2))).toHaveLength(1);
    });
  });

  it('is not said any more to a session that is being closed, and wakes nobody', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      const { port } = gateway.sinks[0]!;
      sendText(port, 'never acknowledged');
      gateway.endpoint.startDraining(notice(20_000));
      gateway.loop.runFor(1);
      port.close(CloseCode.normal, 'done');
      gateway.heard(client, 'udp');
      expect(gateway.wakeUps(1_900)).toBeLessThan(50);
      expect(drains(gateway.heard(client, 'udp'))).toEqual([]);
    });
  });
});

it('a message for which a path has no budget waits, and holds up neither data nor acknowledgements', () => {
  onFedGateway({}, (gateway) => {
    const client = gateway.open('udp', 1);
    const { port } = gateway.sinks[0]!;
    gateway.feed('udp', 2, client.datagram([client.push(0, 'x')]));
    const asked = gateway.heard(client, 'udp', 2);
    port.sendDatagram(new Uint8Array(1000), 0, 1000);
    gateway.feed('udp', 2, client.datagram([client.push(1, 'y')]));
    expect(gateway.heard(client, 'udp', 2)).toMatchObject([{ type: 'ack', sn: 1, una: 2 }]);
    gateway.feed('udp', 2, client.datagram([client.responseTo(asked)]));
    expect(gateway.heard(client, 'udp', 2)).toMatchObject([{ type: 'datagram' }]);
  });
});
