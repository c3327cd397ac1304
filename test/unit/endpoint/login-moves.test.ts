import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import { onFedGateway } from './fed-gateway.ts';
import { onLoginPair, sendText, type LoginPair, type TestClient } from './login-pair.ts';

const LINES = ['udp', 'tcp'] as const;

const newLine = (client: TestClient, kind: (typeof LINES)[number]) =>
  kind === 'udp' ? client.openUdp() : client.connect();

/** Text that shows where something is missing. */
function longText(length: number): string {
  const random = new SeededRandom(length);
  return Array.from({ length }, () => String.fromCharCode(97 + random.nextInt(26))).join('');
}

const gatewaySays = (pair: LoginPair, text: string): number => sendText(pair.gateway.sinks[0]!.port, text);

describe('a client that moves', () => {
  for (const from of LINES) {
    for (const to of LINES) {
      it(`from ${from} to ${to} with nothing to send is followed, and stays`, () => {
        onLoginPair({}, (pair) => {
          const client = pair.open(from);
          client.send('hello');
          pair.loop.runFor(1_000);
          client.moveTo(newLine(client, to));
          pair.loop.runFor(20_000);
          expect(pair.gateway.session).toMatchObject({ moves: 1, paths: [{ id: 1, validated: true }] });
          gatewaySays(pair, 'welcome');
          pair.loop.runFor(100);
          expect(client.sink.text).toBe('welcome');
          expect(client.events).toEqual(['validated 1', 'moved 0 1']);
        });
      });

      it(`from ${from} to ${to} in the middle of a transfer each way loses and repeats nothing`, () => {
        onLoginPair({}, (pair) => {
          const client = pair.open(from);
          const [up, down] = [longText(200_000), longText(210_000)];
          client.send(up);
          gatewaySays(pair, down);
          pair.loop.runFor(30);
          client.moveTo(newLine(client, to));
          pair.loop.runFor(10_000);
          expect(pair.gateway.sinks[0]!.text).toBe(up);
          expect(client.sink.text).toBe(down);
          expect(client.events).toEqual(['validated 1', 'moved 0 1']);
        });
      });
    }
  }

  it('is followed although the first things it says on its new path are lost', () => {
    onLoginPair({}, (pair) => {
      const client = pair.open('udp');
      const line = client.openUdp();
      client.moveTo(line);
      pair.loop.runFor(25);
      // It has asked there, the answer is under way; then nothing comes through for a while.
      line.blackHole('up', 300);
      pair.loop.runFor(3_000);
      expect(pair.gateway.session.paths[0]).toMatchObject({ id: 1, validated: true });
    });
  });

  it('and is not heard there stays where it is, and forgets the path', () => {
    onLoginPair({}, (pair) => {
      const client = pair.open('udp');
      const line = client.openUdp();
      line.blackHole('both');
      client.moveTo(line);
      pair.loop.runFor(3_000);
      expect(client.events).toEqual(['failed 1']);
      expect([...client.session.paths]).toHaveLength(1);
      gatewaySays(pair, 'here');
      pair.loop.runFor(100);
      expect(client.sink.text).toBe('here');
    });
  });

  it('over and over keeps a bounded number of paths, and every socket it left is closed', () => {
    onLoginPair({}, (pair) => {
      const client = pair.open('udp');
      const left = [client.openUdp()];
      for (const line of left) client.moveTo(line);
      for (let i = 0; i < 300; i++) {
        pair.loop.runFor(40);
        const line = i % 3 === 0 ? client.connect() : client.openUdp();
        client.moveTo(line);
        pair.loop.runFor(40);
        expect([...client.session.paths].length).toBeLessThanOrEqual(4);
        expect(pair.gateway.session.paths.length).toBeLessThanOrEqual(4);
      }
      pair.loop.runFor(2_000);
      expect([...client.session.paths]).toHaveLength(1);
      expect(pair.gateway.session.paths).toHaveLength(1);
      expect(pair.tcp.carrier.stats().connections?.open).toBe(0);
      expect(pair.network.unreachable).toBeGreaterThanOrEqual(0);
    });
  });
});

describe('a connection that a client tries', () => {
  it('may stay from its first authentic datagram on, and belongs to that session', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1, { conv: 1 });
      const other = gateway.open('udp', 2, { conv: 2 });
      gateway.tcp.connect(5);
      gateway.feed('tcp', 5, client.datagram([client.challenge()], { pathId: 1 }));
      expect(gateway.tcp.confirmed.has(5)).toBe(true);
      gateway.feed('tcp', 5, other.datagram([other.challenge()], { pathId: 1 }));
      expect(gateway.drops(1)).toEqual({ connection_taken: 1 });
    });
  });

  it('is forgotten when it breaks before the client went there', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.tcp.connect(5);
      gateway.feed('tcp', 5, client.datagram([client.challenge()], { pathId: 1 }));
      expect(gateway.session.paths).toHaveLength(2);
      gateway.tcp.breakOff(5);
      expect(gateway.session.paths).toHaveLength(1);
      expect(gateway.tcp.retained).toEqual([]);
    });
  });
});

describe('an address that changes under a session', () => {
  it('costs nothing when a NAT gives the client another port: nothing is sent again', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(100);
      const [up, down] = [longText(300_000), longText(310_000)];
      client.send(up);
      gatewaySays(pair, down);
      for (let i = 0; i < 10; i++) {
        pair.loop.runFor(7);
        line.rebind({ keepOld: true });
      }
      pair.loop.runFor(5_000);
      expect(pair.gateway.sinks[0]!.text).toBe(up);
      expect(client.sink.text).toBe(down);
      expect(pair.gateway.session.kcp).toMatchObject({ pathRetransmits: 0 });
      expect(pair.gateway.session.moves).toBeGreaterThan(3);
    });
  });

  it('sends at once what timed out at the old port, and says again that all was sent', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(100);
      line.rebind();
      gatewaySays(pair, 'there');
      pair.gateway.sinks[0]!.port.end();
      // Its timeout has grown to seconds meanwhile, and nothing that arrives says that this side waits.
      pair.loop.runFor(6_000);
      expect(client.sink.text).toBe('');
      client.send('x');
      pair.loop.runFor(60);
      expect(client.sink.text).toBe('there');
      // What may be sent to an address that is not proved yet is little: the first may have been too much.
      pair.loop.runFor(250);
      expect(client.sink.events).toContain('end');
    });
  });

  it('does not stop what it interrupts: the slow start after a change of host', () => {
    onLoginPair({ kcp: { sendWindow: 1024, receiveWindow: 1024 } }, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(100);
      const down = longText(1_000_000);
      let said = gatewaySays(pair, down.slice(0, 52_000));
      pair.loop.runFor(1);
      line.rebind({ newHost: true });
      client.send('a');
      pair.loop.runUntil(() => pair.gateway.session.moves > 0, 5_000);
      // More than may be sent before anything is acknowledged; all of that is lost.
      said += gatewaySays(pair, down.slice(said));
      pair.loop.runFor(30);
      line.rebind();
      pair.loop.runFor(700);
      client.send('b');
      pair.loop.runFor(2_000);
      expect(client.sink.text.length).toBe(said);
      expect(said).toBeGreaterThan(200_000);
    });
  });

  it('is told by the next datagram, and what was under way to the old port comes again', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(100);
      const down = longText(100_000);
      gatewaySays(pair, down);
      pair.loop.runFor(15);
      line.rebind({ newHost: true });
      client.send('x');
      pair.loop.runFor(5_000);
      expect(client.sink.text).toBe(down);
      expect(pair.gateway.session.paths[0]).toMatchObject({ validated: true, id: 0 });
    });
  });

  it.each([
    ['more of it', (pair: LoginPair) => gatewaySays(pair, 'more')],
    ['its end', (pair: LoginPair) => pair.gateway.sinks[0]!.port.end()],
  ])('is told after a second by a client that misses something, as it has %s', (_, follow) => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(100);
      gatewaySays(pair, 'first ');
      // Long enough for keepalives, which ask for nothing that is missing.
      pair.loop.runFor(60_000);
      line.blackHole('down', 1);
      gatewaySays(pair, 'there');
      pair.loop.runFor(2);
      follow(pair);
      pair.loop.runFor(15);
      line.rebind();
      pair.loop.runFor(900);
      expect(client.sink.text).toBe('first ');
      pair.loop.runFor(200);
      expect(client.sink.text).toMatch(/^first there/);
    });
  });

  it('asks again and again for what is missing, each time after twice as long', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(100);
      gatewaySays(pair, 'first');
      pair.loop.runFor(100);
      line.blackHole('down', 1);
      gatewaySays(pair, longText(1000));
      pair.loop.runFor(2);
      gatewaySays(pair, 'more');
      pair.loop.runFor(15);
      const asked: number[] = [];
      // The gateway sends it, and all else that is short comes through.
      line.setLinks(PERFECT_LINK, { ...PERFECT_LINK, mtuBytes: 500 });
      const since = pair.loop.now();
      for (let seen = client.checks.length; pair.loop.now() - since < 12_000;) {
        pair.loop.runFor(10);
        if (client.checks.length > seen) asked.push(pair.loop.now() - since);
        seen = client.checks.length;
      }
      expect(asked).toEqual([1_000, 3_000, 7_000]);
    });
  });

  it('is told by a keepalive when the client has nothing to say', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(100);
      line.rebind({ newHost: true });
      pair.loop.runFor(13_000);
      gatewaySays(pair, 'there');
      pair.loop.runFor(100);
      expect(client.sink.text).toBe('there');
    });
  });
});

describe('the keepalive of a client', () => {
  it('comes after 10 s of silence, a fifth earlier or later, on every line', () => {
    for (const kind of LINES) {
      onLoginPair({}, (pair) => {
        const client = pair.open(kind);
        const gaps: number[] = [];
        let since = pair.loop.now();
        while (gaps.length < 30) {
          client.session.path.rttMs = -1;
          pair.loop.runUntil(() => client.session.path.rttMs >= 0, 40_000);
          gaps.push(pair.loop.now() - since);
          since = pair.loop.now();
          expect(client.session.path.rttMs).toBe(20);
        }
        expect(Math.max(...gaps.slice(1))).toBeLessThanOrEqual(12_050);
        expect(Math.min(...gaps.slice(1))).toBeGreaterThanOrEqual(8_000);
        // Not all alike: thousands of clients would ask in step.
        expect(new Set(gaps).size).toBeGreaterThan(10);
      });
    }
  });

  it('keeps a session that has nothing else to say, and does not when it is not answered', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(300_000);
      expect(client.session.state).toBe('open');
      expect(pair.gateway.stats.openSessions).toBe(1);
      line.setLinks({ ...PERFECT_LINK, lossRate: 1 });
      pair.loop.runFor(60_000);
      expect(client.sink.events.at(-1)).toMatch(/^close 3000 /);
      expect(pair.gateway.sinks[0]!.events.at(-1)).toMatch(/^close 3000 /);
      expect(pair.leftovers()).toEqual({});
    });
  });
});
