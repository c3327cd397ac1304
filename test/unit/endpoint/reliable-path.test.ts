import { describe, expect, it } from 'vitest';
import { SegmentPool } from '../../../src/kcp/index.ts';
import type { ConnectionLine } from '../../simulation/connection-line.ts';
import { onFedGateway } from './fed-gateway.ts';
import { onLoginPair, sendText, type LoginPair, type TestClient } from './login-pair.ts';

/** Takes all payload memory. @returns what gives it back. */
function hog(pool: SegmentPool): () => void {
  const slots: number[] = [];
  for (let slot = pool.acquire(); slot >= 0; slot = pool.acquire()) slots.push(slot);
  return () => {
    for (const slot of slots) pool.release(slot);
  };
}

/** A client that connects anew whenever its connection breaks. */
function redialing(pair: LoginPair): TestClient {
  const client = pair.open('tcp');
  client.onLost = () => client.moveTo(client.connect());
  return client;
}

describe('what arrives on a connection and cannot be kept', () => {
  it('at the gateway comes again over the next connection', () => {
    onLoginPair({}, (pair) => {
      const client = redialing(pair);
      const sink = pair.gateway.sinks[0]!;
      sink.room = 1;
      client.send('a');
      pair.loop.runFor(100);
      const giveBack = hog(pair.gateway.sessions.pool);
      client.send('b');
      pair.loop.runFor(1_000);
      expect(pair.gateway.session.kcp.memoryDrops).toBe(1);
      giveBack();
      client.send('c');
      sink.room = Infinity;
      sink.port.resume();
      pair.loop.runFor(2_000);
      expect(sink.text).toBe('abc');
      expect(client.events).toEqual(['lost 0', 'validated 1', 'moved 0 1']);
      expect(client.session.isFlushed).toBe(true);
    });
  });

  it('at the client comes again over the next connection', () => {
    onLoginPair({}, (pair) => {
      const client = redialing(pair);
      client.sink.room = 1;
      const { port } = pair.gateway.sinks[0]!;
      sendText(port, 'a');
      pair.loop.runFor(100);
      const giveBack = hog(client.pool);
      sendText(port, 'b');
      pair.loop.runFor(1_000);
      giveBack();
      client.sink.room = Infinity;
      client.session.resume();
      pair.loop.runFor(2_000);
      expect(client.sink.text).toBe('ab');
      expect(client.events).toEqual(['lost 0', 'validated 1', 'moved 0 1']);
    });
  });

  it('at a client that has another connection at hand costs nothing of what it sends, either', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.connect();
      client.dial(line);
      pair.loop.runFor(100);
      const spare = client.tryOut(client.connect());
      client.sink.room = 1;
      const { port } = pair.gateway.sinks[0]!;
      sendText(port, 'a');
      pair.loop.runFor(100);
      line.stall('up', 60_000);
      expect(client.send('in flight')).toBe(9);
      hog(client.pool);
      sendText(port, 'b');
      client.onLost = () => {
        client.session.moveTo(pair.loop.now(), spare);
      };
      pair.loop.runFor(4_000);
      expect(client.events).toContain('moved 0 1');
      expect(pair.gateway.sinks[0]!.text).toBe('in flight');
    });
  });

  it('costs nothing when it comes again by itself', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('tcp', 1);
      gateway.sinks[0]!.room = 1;
      gateway.feed('tcp', 1, client.datagram([client.push(0, 'a')]));
      const giveBack = hog(gateway.sessions.pool);
      gateway.feed('tcp', 1, client.datagram([client.push(1, 'b')]));
      giveBack();
      gateway.loop.runFor(1_900);
      gateway.feed('tcp', 1, client.datagram([client.push(1, 'b')]));
      gateway.loop.runFor(5_000);
      expect(gateway.tcp.alive.has(1)).toBe(true);
    });
  });
});

describe('a connection that takes nothing more', () => {
  it('is sent nothing more but what must be said, wakes nobody, and goes on when it takes again', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('tcp', 1);
      gateway.tcp.clog(1, true);
      sendText(gateway.sinks[0]!.port, 'held');
      expect(gateway.wakeUps(3_000)).toBeLessThan(20);
      expect(gateway.heard(client, 'tcp')).toEqual([]);
      gateway.feed('tcp', 1, client.datagram([client.challenge()]));
      expect(gateway.heard(client, 'tcp')).toMatchObject([{ type: 'pathResponse' }]);
      gateway.tcp.clog(1, false);
      gateway.loop.runFor(1);
      expect(gateway.heard(client, 'tcp')).toMatchObject([{ type: 'push' }]);
    });
  });

  it('does not stop a session that moves away from it', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('tcp', 1);
      gateway.tcp.clog(1, true);
      sendText(gateway.sinks[0]!.port, 'held');
      gateway.loop.runFor(10);
      gateway.feed('udp', 2, client.datagram([client.push(0, 'x'.repeat(100))], { pathId: 1 }));
      expect(gateway.heard(client, 'udp', 2).map(({ type }) => type)).toContain('push');
    });
  });

  it('is not a session of its own: nothing is left when it breaks and nobody comes back', () => {
    onFedGateway({ session: { idleTimeoutMs: 10_000 } }, (gateway) => {
      gateway.open('tcp', 1);
      sendText(gateway.sinks[0]!.port, 'x'.repeat(100_000));
      gateway.loop.runFor(10);
      gateway.tcp.breakOff(1);
      expect(gateway.wakeUps(9_000)).toBeLessThan(50);
      expect(gateway.stats.openSessions).toBe(1);
      gateway.loop.runFor(15_000);
      expect(gateway.stats).toMatchObject({ openSessions: 0, closedSessions: { idle_timeout: 1 } });
      expect(gateway.tcp.retained).toEqual([]);
      expect(gateway.sessions.pool.usedSlots).toBe(0);
    });
  });
});

describe('the end of a direction', () => {
  /** The client has ended its direction, and the network is gone for longer than a FIN would be repeated on UDP. */
  const endsInto = (silence: (pair: LoginPair, client: TestClient, line: ConnectionLine) => void) => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.connect();
      client.dial(line);
      pair.loop.runFor(500);
      client.send('ques');
      pair.loop.runFor(500);
      expect(client.session.stats().rtoMs).toBeLessThan(100);
      silence(pair, client, line);
      client.send('tion');
      client.session.end();
      pair.loop.runFor(20_000);
      const sink = pair.gateway.sinks[0]!;
      expect([sink.text, sink.events]).toEqual(['question', ['end']]);
      sendText(sink.port, 'answer');
      sink.port.end();
      pair.loop.runFor(2_000);
      expect(client.sink.text).toBe('answer');
      expect(client.sink.events).toEqual(['opened', 'end', 'close 1000 finished']);
      expect(pair.leftovers()).toEqual({});
    });
  };

  it('waits for a connection that stalls', () => {
    endsInto((_pair, _client, line) => {
      line.stall('both', 15_000);
    });
  });

  it('waits for the next connection when this one broke', () => {
    endsInto((pair, client, line) => {
      line.breakDown();
      pair.loop.at(pair.loop.now() + 15_000, () => client.moveTo(client.connect()));
    });
  });

  it('is said again at once on another path', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('tcp', 1);
      gateway.sinks[0]!.port.end();
      gateway.loop.runFor(10);
      expect(gateway.heard(client, 'tcp')).toMatchObject([{ type: 'fin', acknowledges: false, finalSn: 0 }]);
      gateway.tcp.connect(2);
      gateway.feed('tcp', 2, client.datagram([client.tell()], { pathId: 1 }));
      expect(gateway.heard(client, 'tcp', 2).map(({ type }) => type)).toContain('fin');
    });
  });

  it('that a peer never acknowledges on a connection ends the session all the same', () => {
    onFedGateway({ session: { idleTimeoutMs: 600_000 } }, (gateway) => {
      const client = gateway.open('tcp', 1);
      gateway.sinks[0]!.port.end();
      gateway.loop.runFor(200_000);
      expect(gateway.stats.closedSessions).toEqual({ dead_link: 1 });
      const fins = gateway.heard(client, 'tcp').filter(({ type }) => type === 'fin');
      expect(fins).toHaveLength(10);
    });
  });
});
