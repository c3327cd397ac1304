import { describe, expect, it } from 'vitest';
import { onFedGateway, type FedGateway, type Line } from './fed-gateway.ts';
import type { HandMadeClient } from './hand-made-client.ts';
import { sendText } from './login-pair.ts';

/*
 * Somebody on the way sends a copy of a datagram from an address of its own, and the copy comes first. It cannot read or
 * change anything; it must not get the session either.
 */

const where = (gateway: FedGateway): string => {
  const { remoteAddress } = gateway.session;
  return remoteAddress === null ? '' : remoteAddress.address;
};

/** A client on slot 1 of a line whose datagram reaches the gateway from elsewhere first. */
function copied(gateway: FedGateway, line: Line, from: number): HandMadeClient {
  const client = gateway.open(line, 1);
  const datagram = client.datagram([client.push(0, 'data')]);
  gateway.feed('udp', from, datagram);
  gateway.feed(line, 1, datagram);
  return client;
}

describe('a copy that comes first from another address', () => {
  for (const line of ['udp', 'tcp'] as const) {
    it(`of a datagram on ${line} moves the session, until the client says something`, () => {
      onFedGateway({}, (gateway) => {
        const client = copied(gateway, line, 9);
        expect(where(gateway)).toBe('10.0.0.9');
        expect(gateway.sinks[0]!.text).toBe('data');
        expect(gateway.drops(line === 'udp' ? 0 : 1)).toMatchObject({ replayed: 1 });
        gateway.sent(line);
        gateway.feed(line, 1, client.datagram([client.tell()]));
        expect(where(gateway)).toBe('10.0.0.1');
        sendText(gateway.sinks[0]!.port, 'answer');
        gateway.loop.runFor(1);
        expect(gateway.heard(client, line, 1).at(-1)).toMatchObject({ type: 'push', una: 1 });
      });
    });

    it(`of a datagram on ${line} moves the session, until nobody answers there`, () => {
      onFedGateway({}, (gateway) => {
        const client = copied(gateway, line, 9);
        gateway.sent(line);
        gateway.loop.runFor(5_000);
        expect(where(gateway)).toBe('10.0.0.1');
        expect(gateway.session.paths).toHaveLength(1);
        // What was acknowledged at the wrong address is said again where the client does not send its data again.
        const heard = gateway.heard(client, line, 1);
        expect(heard).toMatchObject(line === 'tcp' ? [{ type: 'windowTell', una: 1 }] : []);
      });
    });

    it(`of datagrams on ${line}, again and again from ever new addresses, does not cost the way back`, () => {
      onFedGateway({}, (gateway) => {
        const client = gateway.open(line, 1);
        for (let i = 0; i < 10; i++) {
          gateway.feed('udp', 10 + i, client.datagram([client.push(i, 'x')]));
          expect(gateway.session.paths.length).toBeLessThanOrEqual(4);
        }
        expect(gateway.session.paths.map(({ validated }) => validated)).toContain(true);
        expect(gateway.tcp.ended.size).toBe(0);
        gateway.feed(line, 1, client.datagram([client.tell()]));
        expect(where(gateway)).toBe('10.0.0.1');
        expect(gateway.session.paths[0]).toMatchObject({ validated: true });
        gateway.loop.runFor(5_000);
        expect(gateway.session.paths).toHaveLength(1);
        expect(gateway.udp.retained.length + gateway.tcp.retained.length).toBe(1);
      });
    });
  }

  it('is sent little: three times what came from there', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      sendText(gateway.sinks[0]!.port, 'x'.repeat(50_000));
      const datagram = client.datagram([client.push(0, 'data')]);
      gateway.feed('udp', 9, datagram);
      gateway.loop.runFor(5_000);
      const bytes = gateway.sent('udp', 9).reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThanOrEqual(3 * datagram.length);
    });
  });
});

describe('a datagram that does not move its session', () => {
  it('is a late one, an old one, and one that comes twice', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      const [late, twice] = [client.datagram([client.tell()]), client.datagram([client.tell()])];
      gateway.feed('udp', 1, twice);
      gateway.feed('udp', 2, late);
      gateway.feed('udp', 3, twice);
      gateway.feed('udp', 4, client.datagram([client.tell()], { pn: 0 }));
      expect(where(gateway)).toBe('10.0.0.1');
      expect(gateway.session.moves).toBe(0);
      expect(gateway.drops()).toEqual({ replayed: 2 });
    });
  });

  it('is one that only tries a path with another id', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.challenge(7)], { pathId: 1 }));
      expect(where(gateway)).toBe('10.0.0.1');
      expect(gateway.heard(client, 'udp', 2)).toMatchObject([
        { type: 'pathResponse', data: new Uint8Array(8).fill(7) },
        { type: 'pathChallenge' },
      ]);
      gateway.feed('udp', 2, client.datagram([client.challenge(), client.tell()], { pathId: 1 }));
      expect(where(gateway)).toBe('10.0.0.2');
    });
  });

  it('but one that only asks, with the id in use, does: a NAT gave its client another port', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.challenge()], { pathId: 0 }));
      expect(where(gateway)).toBe('10.0.0.2');
    });
  });

  it('is none that cannot be opened: nothing of it counts', () => {
    onFedGateway({ session: { idleTimeoutMs: 2_000 } }, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.loop.runFor(1_500);
      const forged = client.datagram([client.tell()]);
      forged[forged.length - 1]! ^= 1;
      gateway.feed('udp', 2, forged);
      expect(gateway.drops()).toEqual({ open_failed: 1 });
      expect(gateway.session.paths).toHaveLength(1);
      gateway.loop.runFor(1_600);
      expect(gateway.stats.closedSessions).toEqual({ idle_timeout: 1 });
      expect(gateway.heard(client, 'udp')[0]).toMatchObject({ type: 'kick', code: 3000 });
    });
  });
});

describe('a path that is to be proved', () => {
  it('is not by an answer from elsewhere, nor by other bytes, nor by an old answer', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.tell()]));
      const asked = gateway.heard(client, 'udp', 2);
      const response = client.responseTo(asked);
      gateway.feed('udp', 3, client.datagram([response], { pathId: 9 }));
      expect(gateway.session.paths[0]).toMatchObject({ validated: false });
      const [wrong] = [{ ...response, data: new Uint8Array(8) }];
      gateway.feed('udp', 2, client.datagram([wrong]));
      expect(gateway.session.paths[0]).toMatchObject({ validated: false });
      gateway.loop.runFor(5);
      gateway.feed('udp', 2, client.datagram([response]));
      expect(gateway.session.paths[0]).toMatchObject({ validated: true, rttMs: 5 });
    });
  });

  it('is asked three times, and again when something comes from there', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.tell()]));
      gateway.feed('udp', 2, client.datagram([client.responseTo(gateway.heard(client, 'udp', 2))]));
      gateway.loop.runFor(5_000);
      gateway.sent('udp');
      gateway.feed('udp', 3, client.datagram([client.push(0, 'x'.repeat(100))]));
      gateway.loop.runFor(5_000);
      const asked = gateway.heard(client, 'udp', 3).filter(({ type }) => type === 'pathChallenge');
      expect(asked).toHaveLength(3);
      expect(where(gateway)).toBe('10.0.0.2');
      gateway.feed('udp', 3, client.datagram([client.tell()]));
      expect(gateway.heard(client, 'udp', 3)).toMatchObject([{ type: 'pathChallenge' }]);
    });
  });
});
