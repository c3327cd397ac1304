import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import type { AnySegment } from '../../../src/wire/any-segment.ts';
import type { DatagramLine } from '../../simulation/datagram-line.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';
import { onLoginPair, sendText, type LoginPair, type TestClient } from './login-pair.ts';

const SEALS = ['aead', 'clear'] as const;
const ANYWHERE = { port: { allowClear: true } } as const;

/** A client that begins on lines with these delays, one way, all at once; NaN: nothing is heard there. */
function race(pair: LoginPair, seal: 'aead' | 'clear', delays: readonly number[]): TestClient {
  const client = pair.client(pair.gateway.login({ seal }));
  delays.forEach((delayMs, index) => {
    const line = client.openUdp();
    slow(line, delayMs);
    if (index === 0) client.dial(line);
    else client.alsoOpen(line);
  });
  return client;
}

function slow(line: DatagramLine, delayMs: number): void {
  const isDeaf = Number.isNaN(delayMs);
  line.setLinks(
    { ...PERFECT_LINK, delayMs: isDeaf ? 10 : delayMs },
    { ...PERFECT_LINK, delayMs: isDeaf ? 10 : delayMs },
  );
  if (isDeaf) line.blackHole('down', 1e9);
}

describe('a handshake on several paths', () => {
  for (const seal of SEALS) {
    it(`is decided by the first answer (${seal}), and the others are given up`, () => {
      onLoginPair(ANYWHERE, (pair) => {
        const client = race(pair, seal, [80, 30, 10, 50]);
        client.send('hello');
        pair.loop.runFor(25);
        expect(client.session.state).toBe('open');
        expect(client.session.path.id).toBe(2);
        expect([...client.session.paths]).toHaveLength(1);
        pair.loop.runFor(2_000);
        expect(pair.gateway.sinks.map(({ text }) => text)).toEqual(['hello']);
        sendText(pair.gateway.sinks[0]!.port, 'x'.repeat(100_000));
        pair.loop.runFor(2_000);
        expect(client.sink.text).toHaveLength(100_000);
        expect(pair.gateway.session).toMatchObject({ moves: 0, paths: [{ validated: true }] });
        expect(client.events).toEqual([]);
        client.session.close(CloseCode.normal, 'done');
        pair.loop.runFor(60_000);
        expect(pair.leftovers()).toEqual({});
      });
    });

    it(`needs no line but one that leads both ways (${seal})`, () => {
      onLoginPair(ANYWHERE, (pair) => {
        // The gateway hears all of them.
        const client = race(pair, seal, [NaN, NaN, 100, NaN]);
        pair.loop.runFor(310);
        expect(client.session.path.id).toBe(2);
        expect(pair.gateway.session.paths).toMatchObject([{ validated: true }]);
      });
    });

    it(`goes on on a line that joins late, at once (${seal})`, () => {
      onLoginPair(ANYWHERE, (pair) => {
        const client = race(pair, seal, [NaN]);
        pair.loop.runFor(1_800);
        const late = client.openUdp();
        client.alsoOpen(late);
        pair.loop.runFor(50);
        expect(client.session.state).toBe('open');
        expect(pair.gateway.session.paths).toMatchObject([{ validated: true }]);
      });
    });
  }

  it('is repeated on all of them', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const lines = [client.openUdp(), client.openUdp(), client.openUdp()];
      for (const line of lines) line.blackHole('up', 200);
      client.dial(lines[0]!);
      for (const line of lines.slice(1)) client.alsoOpen(line);
      lines[1]!.setLinks({ ...PERFECT_LINK, delayMs: 1 });
      pair.loop.runFor(260);
      expect(client.session.path.id).toBe(1);
      expect(pair.gateway.stats.hellos).toBeGreaterThanOrEqual(1);
    });
  });

  it('takes more than sixteen', () => {
    onLoginPair({}, (pair) => {
      const client = race(pair, 'aead', [...Array.from({ length: 19 }, () => NaN), 10]);
      pair.loop.runFor(100);
      expect(client.session.path.id).toBe(19);
      expect(pair.gateway.session.paths).toMatchObject([{ validated: true }]);
    });
  });

  it('has a bound: beyond it the first ones give way', () => {
    onLoginPair({}, (pair) => {
      const client = race(
        pair,
        'aead',
        Array.from({ length: 40 }, () => NaN),
      );
      expect([...client.session.paths]).toHaveLength(32);
      pair.loop.runFor(20_000);
      expect(client.sink.events.at(-1)).toBe('close 3003 no answer to the handshake');
      expect(pair.leftovers()).toEqual({});
    });
  });

  it('puts the same early data on each', () => {
    onLoginPair({ port: { earlyData: true }, client: { earlyData: true } }, (pair) => {
      const client = pair.client();
      const lines = [client.openUdp(), client.openUdp()];
      lines[0]!.blackHole('up', 1e6);
      client.dial(lines[0]!);
      client.send('early');
      client.alsoOpen(lines[1]!);
      pair.loop.runFor(31);
      expect(pair.gateway.sinks[0]!.text).toBe('early');
      pair.loop.runFor(1_000);
      expect([client.session.isFlushed, pair.gateway.sinks[0]!.text]).toEqual([true, 'early']);
    });
  });

  it('on lines of both kinds takes the rules of the one that was first', () => {
    onLoginPair({}, (pair) => {
      for (const kind of ['udp', 'tcp'] as const) {
        const client = pair.client(pair.gateway.login({ conv: kind === 'udp' ? 1 : 2 }));
        const udp = client.openUdp();
        if (kind === 'tcp') udp.blackHole('both', 1e6);
        const tcp = client.connect();
        client.dial(kind === 'udp' ? tcp : udp);
        client.alsoOpen(kind === 'udp' ? udp : tcp);
        if (kind === 'udp') tcp.stall('both', 500);
        pair.loop.runFor(100);
        expect(client.session.path.reliable).toBe(kind === 'tcp');
        client.send('y'.repeat(50_000));
        pair.loop.runFor(3_000);
        expect(pair.gateway.sinks.at(-1)!.text).toHaveLength(50_000);
      }
      // The connection that lost is gone.
      expect(pair.tcp.carrier.stats().connections?.open).toBe(1);
    });
  });

  it('does not end when a connection breaks that is not the only one', () => {
    onLoginPair({}, (pair) => {
      for (const isFirst of [true, false]) {
        const client = pair.client(pair.gateway.login({ conv: isFirst ? 1 : 2 }));
        client.onLost = () => {
          client.session.close(CloseCode.deadLink, 'the connection broke');
        };
        const tcp = client.connect();
        const udp = client.openUdp();
        udp.blackHole('up', 200);
        client.dial(isFirst ? tcp : udp);
        client.alsoOpen(isFirst ? udp : tcp);
        tcp.breakDown({});
        pair.loop.runFor(1_000);
        expect(client.session.state).toBe('open');
        expect(client.session.path.reliable).toBe(false);
        expect(client.events).toEqual([`failed ${isFirst ? '0' : '1'}`]);
      }
    });
  });

  it('when its last connection breaks waits for another path, if one comes', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const lines = [client.connect(), client.connect()];
      client.dial(lines[0]!);
      client.alsoOpen(lines[1]!);
      lines[0]!.breakDown({});
      lines[1]!.breakDown({});
      pair.loop.runFor(300);
      expect(client.events).toEqual(['failed 0', 'lost 1']);
      expect(client.session.state).toBe('opening');
      client.alsoOpen(client.openUdp());
      pair.loop.runFor(100);
      expect(client.session.state).toBe('open');
      expect([...client.session.paths]).toHaveLength(1);
    });
  });

  it('is over with a refusal on any of them', () => {
    onLoginPair({ maxHalfOpen: 0 }, (pair) => {
      const client = race(pair, 'aead', [NaN, 10]);
      pair.loop.runFor(200);
      expect(client.sink.events.at(-1)).toMatch(/^close 3006 /);
      pair.loop.runFor(5_000);
      expect(pair.leftovers()).toEqual({});
    });
  });

  it('leaves nothing of a path that comes when the session is gone', () => {
    onLoginPair({}, (pair) => {
      const client = race(pair, 'aead', [10]);
      pair.loop.runFor(100);
      client.session.destroy(CloseCode.normal, '');
      pair.loop.runFor(10);
      client.alsoOpen(client.connect());
      pair.loop.runFor(10_000);
      expect(pair.tcp.carrier.stats().connections?.open).toBe(0);
    });
  });
});

/** The segments of the answer to a HELLO from a slot. */
function greet(gateway: FedGateway, client: HandMadeClient, slot: number): AnySegment[] {
  gateway.sent('udp');
  gateway.feed('udp', slot, client.hello());
  const [ack] = gateway.sent('udp', slot);
  return (ack === undefined ? undefined : client.takeAck(ack)) ?? [];
}

describe('an address that is not the only one HELLO came from', () => {
  for (const seal of SEALS) {
    it(`is proved by the first datagram (${seal}) when that returns what its answer asked`, () => {
      onFedGateway(ANYWHERE, (gateway) => {
        const client = new HandMadeClient(gateway.login({ seal }));
        const asked = [1, 2, 3].map((slot) => greet(gateway, client, slot));
        gateway.loop.runFor(7);
        gateway.feed('udp', 2, client.datagram([client.responseTo(asked[1]!)]));
        expect(gateway.session.paths).toMatchObject([{ validated: true, rttMs: 7 }]);
        expect(gateway.sent('udp', 2)).toEqual([]);
        expect(gateway.udp.retained).toEqual([2]);
      });
    });

    it(`is not proved (${seal}) by what another address was asked`, () => {
      onFedGateway(ANYWHERE, (gateway) => {
        const client = new HandMadeClient(gateway.login({ seal }));
        const asked = [1, 2].map((slot) => greet(gateway, client, slot));
        gateway.feed('udp', 2, client.datagram([client.responseTo(asked[0]!)]));
        expect(gateway.session.paths).toMatchObject([{ validated: false }]);
        sendText(gateway.sinks[0]!.port, 'x'.repeat(50_000));
        gateway.loop.runFor(5_000);
        const bytes = gateway.sent('udp', 2).reduce((sum, { length }) => sum + length, 0);
        expect(bytes).toBeLessThanOrEqual(3 * 60);
      });
    });
  }

  it('is asked again when the answer does not come with the first datagrams', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      for (const slot of [1, 2]) greet(gateway, client, slot);
      gateway.feed('udp', 2, client.datagram([client.tell(), client.tell()]));
      gateway.loop.runFor(201);
      const heard = gateway.heard(client, 'udp', 2);
      gateway.feed('udp', 2, client.datagram([client.responseTo(heard)]));
      expect(gateway.session.paths).toMatchObject([{ validated: true }]);
    });
  });

  it('is one of a bounded number that are remembered; more are answered all the same', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      const answers = Array.from({ length: 40 }, (_, slot) => greet(gateway, client, slot).length);
      expect(answers).toEqual([
        ...Array.from({ length: 32 }, () => 2),
        ...Array.from({ length: 8 }, () => 1),
      ]);
      expect(gateway.udp.retained).toHaveLength(32);
      expect(gateway.stats.halfOpen).toBe(1);
      gateway.feed('udp', 39, client.datagram([client.tell()]));
      expect(gateway.session.paths).toMatchObject([{ validated: false }]);
      expect(gateway.udp.retained).toEqual([39]);
    });
  });

  it('is forgotten with the rest when nobody finishes', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      for (const slot of [1, 2, 3]) greet(gateway, client, slot);
      gateway.loop.runFor(11_000);
      expect([gateway.udp.retained, gateway.cipher.slots.size]).toEqual([[], 0]);
    });
  });

  it('of a clear session that is open does not move it: that HELLO is late', () => {
    onFedGateway(ANYWHERE, (gateway) => {
      const client = new HandMadeClient(gateway.login({ seal: 'clear' }));
      const asked = greet(gateway, client, 1);
      const late = client.hello();
      gateway.feed('udp', 1, client.datagram([client.responseTo(asked)]));
      gateway.feed('udp', 2, late);
      expect(gateway.session).toMatchObject({ moves: 0, remoteAddress: { address: '10.0.0.1' } });
    });
  });
});
