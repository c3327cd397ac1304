import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { Path } from '../../../src/session/index.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import type { DatagramLine } from '../../simulation/datagram-line.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';
import {
  onLoginPair,
  sendText,
  type LoginPair,
  type LoginPairOptions,
  type TestClient,
} from './login-pair.ts';

/** A client on one line with another at hand. */
interface TwoLines {
  readonly pair: LoginPair;
  readonly client: TestClient;
  readonly first: DatagramLine;
  readonly second: DatagramLine;
  readonly other: Path;
}

function onTwoLines(options: LoginPairOptions, run: (bench: TwoLines) => void): void {
  onLoginPair(options, (pair) => {
    const client = pair.client();
    const first = client.openUdp();
    client.dial(first);
    pair.loop.runFor(200);
    const second = client.openUdp();
    const other = client.tryOut(second);
    pair.loop.runFor(200);
    client.events.length = 0;
    run({ pair, client, first, second, other });
  });
}

const gatewayEnd = (pair: LoginPair) => pair.gateway.sinks[0]!;
const where = (gateway: FedGateway): string | undefined => gateway.session.remoteAddress?.address;

describe('copies of what a client sends', () => {
  it('come on the other line when the one in use is dead, both ways, and nothing moves', () => {
    onTwoLines({}, ({ pair, client, first, other }) => {
      expect(client.session.copyTo(other)).toBe(true);
      pair.loop.runFor(100);
      first.blackHole('both', 1e9);
      const before = client.session.linkSignals();
      client.send('up');
      sendText(gatewayEnd(pair).port, 'down');
      pair.loop.runFor(50);
      expect([gatewayEnd(pair).text, client.sink.text]).toEqual(['up', 'down']);
      expect([client.session.moves, pair.gateway.session.moves]).toEqual([0, 0]);
      // Everybody was heard, but not on the path in use.
      const after = client.session.linkSignals();
      expect(after.heardAt).toBeGreaterThan(before.heardAt);
      expect(after.heardHereAt).toBe(before.heardHereAt);
      expect(client.session.traffic.copiesReceived).toBeGreaterThan(0);
    });
  });

  it('end when the client says so: the gateway sends none a while later', () => {
    onTwoLines({}, ({ pair, client, first, other }) => {
      client.session.copyTo(other);
      pair.loop.runFor(10_000);
      // It has nothing to say, but asks all the same, little.
      const { copiesSent, copyBytesSent } = client.session.traffic;
      expect(copiesSent).toBeGreaterThanOrEqual(9);
      expect(copyBytesSent).toBeLessThan(11 * 60);
      sendText(gatewayEnd(pair).port, 'one');
      pair.loop.runFor(30);
      expect(client.session.traffic.copiesReceived).toBeGreaterThan(0);
      expect(client.session.copyTo(undefined)).toBe(false);
      pair.loop.runFor(2_100);
      const { copiesReceived } = client.session.traffic;
      const sent = client.session.traffic.copiesSent;
      sendText(gatewayEnd(pair).port, 'two');
      client.send('x');
      pair.loop.runFor(500);
      expect(client.session.traffic).toMatchObject({ copiesReceived, copiesSent: sent });
      first.blackHole('both', 500);
      sendText(gatewayEnd(pair).port, 'three');
      pair.loop.runFor(400);
      expect(client.sink.text).toBe('onetwo');
    });
  });

  it('bring every message outside the order once, whichever is first, and what is lost on one line', () => {
    for (const slow of ['first', 'second', 'neither'] as const) {
      onTwoLines({}, ({ pair, client, first, second, other }) => {
        const lossy = { ...PERFECT_LINK, delayMs: 10, lossRate: 0.3 };
        first.setLinks(slow === 'first' ? { ...PERFECT_LINK, delayMs: 150 } : lossy);
        second.setLinks(slow === 'second' ? { ...PERFECT_LINK, delayMs: 150 } : lossy);
        const up: number[] = [];
        const down: number[] = [];
        const [client_, gateway] = [client.sink, gatewayEnd(pair)];
        Object.assign(gateway, { datagram: (bytes: Uint8Array, at: number) => void up.push(bytes[at]!) });
        Object.assign(client_, { datagram: (bytes: Uint8Array, at: number) => void down.push(bytes[at]!) });
        // It takes messages from when the client was heard.
        sendText(gateway.port, 'welcome');
        pair.loop.runFor(500);
        // Before the first copy, too.
        client.session.sendDatagram(Uint8Array.of(255), 0, 1);
        gateway.port.sendDatagram(Uint8Array.of(255), 0, 1);
        pair.loop.runFor(1);
        client.session.copyTo(other);
        pair.loop.runFor(100);
        for (let i = 0; i < 200; i++) {
          client.session.sendDatagram(Uint8Array.of(i), 0, 1);
          gateway.port.sendDatagram(Uint8Array.of(i), 0, 1);
          pair.loop.runFor(5);
        }
        pair.loop.runFor(1_000);
        for (const came of [up, down]) {
          expect(new Set(came).size).toBe(came.length);
          expect(came.length).toBeGreaterThan(slow === 'neither' ? 165 : 195);
        }
      });
    }
  });

  it('keep to their budget, each side to its own; the rest goes out once', () => {
    onTwoLines({ session: { copyBytesPerSecond: 5_000 } }, ({ pair, client, other }) => {
      client.session.copyTo(other, 10_000);
      pair.loop.runFor(100);
      const text = 'x'.repeat(300_000);
      client.send(text);
      sendText(gatewayEnd(pair).port, text);
      pair.loop.runFor(3_000);
      expect([gatewayEnd(pair).text.length, client.sink.text.length]).toEqual([300_000, 300_000]);
      const { copyBytesSent, copyBytesReceived, copiesSkipped } = client.session.traffic;
      expect(copyBytesSent).toBeGreaterThan(10_000);
      expect(copyBytesSent).toBeLessThan(42_000);
      expect(copyBytesReceived).toBeGreaterThan(5_000);
      expect(copyBytesReceived).toBeLessThan(22_000);
      expect(copiesSkipped).toBeGreaterThan(100);
    });
  });

  it('come from the gateway only where it is allowed to', () => {
    onTwoLines({ session: { copyBytesPerSecond: 0 } }, ({ pair, client, other }) => {
      client.session.copyTo(other);
      pair.loop.runFor(100);
      sendText(gatewayEnd(pair).port, 'down');
      client.send('up');
      pair.loop.runFor(500);
      expect(client.session.traffic.copiesSent).toBeGreaterThan(0);
      expect(client.session.traffic.copiesReceived).toBe(0);
    });
  });

  it('end when the session goes there', () => {
    onTwoLines({}, ({ pair, client, other }) => {
      client.session.copyTo(other);
      pair.loop.runFor(100);
      client.session.moveTo(pair.loop.now(), other);
      pair.loop.runFor(100);
      const { copiesSent, copiesReceived } = client.session.traffic;
      client.send('x'.repeat(5_000));
      sendText(gatewayEnd(pair).port, 'y'.repeat(5_000));
      pair.loop.runFor(3_000);
      expect(client.session.traffic).toMatchObject({ copiesSent, copiesReceived });
      expect([client.sink.text.length, gatewayEnd(pair).text.length]).toEqual([5_000, 5_000]);
    });
  });

  it('go back to the path that was left, which is not forgotten meanwhile', () => {
    onTwoLines({}, ({ pair, client, other }) => {
      const { path } = client.session;
      client.session.moveTo(pair.loop.now(), other);
      pair.loop.runFor(40);
      expect(client.session.copyTo(path)).toBe(true);
      for (let i = 0; i < 40; i++) {
        pair.loop.runFor(50);
        expect(pair.gateway.session.paths.map(({ validated }) => validated)).toEqual([true, true]);
      }
      pair.loop.runFor(20_000);
      expect([...client.session.paths]).toHaveLength(2);
      expect(pair.gateway.session.paths).toHaveLength(2);
      const { copiesReceived } = client.session.traffic;
      const ids = new Set<number>();
      for (let i = 0; i < 30; i++) {
        sendText(gatewayEnd(pair).port, 'y');
        pair.loop.runFor(100);
        for (const { id, validated } of pair.gateway.session.paths) if (validated) ids.add(id);
        expect(pair.gateway.session.paths.every(({ validated }) => validated)).toBe(true);
      }
      // Each message and the answer to what the client sends.
      expect(client.session.traffic.copiesReceived - copiesReceived).toBeGreaterThanOrEqual(30);
      expect([...ids].sort()).toEqual([0, 1]);
      expect(pair.gateway.session.moves).toBe(1);
    });
  });

  it('go over a connection as well, and end with it', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const first = client.openUdp();
      client.dial(first);
      pair.loop.runFor(200);
      const tcp = client.connect();
      const path = client.tryOut(tcp);
      pair.loop.runFor(200);
      client.session.copyTo(path);
      pair.loop.runFor(100);
      first.blackHole('both', 2_000);
      client.send('up');
      sendText(gatewayEnd(pair).port, 'down');
      pair.loop.runFor(100);
      expect([gatewayEnd(pair).text, client.sink.text]).toEqual(['up', 'down']);
      tcp.breakDown({});
      pair.loop.runFor(2_500);
      client.send(' again');
      pair.loop.runFor(500);
      expect(gatewayEnd(pair).text).toBe('up again');
      expect(client.session.copyTo(path)).toBe(false);
    });
  });

  it('of what goes over a connection bring the gateway back when that breaks', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.connect();
      client.dial(line);
      pair.loop.runFor(200);
      const udp = client.openUdp();
      const path = client.tryOut(udp);
      pair.loop.runFor(200);
      client.session.copyTo(path);
      pair.loop.runFor(100);
      line.breakDown({ clientAfterMs: Infinity });
      pair.loop.runFor(5);
      expect(pair.gateway.session.moves).toBe(1);
      sendText(gatewayEnd(pair).port, 'down');
      pair.loop.runFor(100);
      expect(client.sink.text).toBe('down');
    });
  });

  it('harm neither the round trip nor what counts as lost on a line three times as slow', () => {
    onTwoLines({}, ({ pair, client, first, second, other }) => {
      first.setLinks({ ...PERFECT_LINK, delayMs: 60 });
      second.setLinks({ ...PERFECT_LINK, delayMs: 20 });
      client.session.copyTo(other, 1e6);
      pair.loop.runFor(500);
      const before = client.session.stats();
      for (let i = 0; i < 200; i++) {
        client.send('x'.repeat(100));
        pair.loop.runFor(30);
      }
      const { fastRetransmits, timeoutRetransmits, rtoMs } = client.session.stats();
      expect(fastRetransmits - before.fastRetransmits).toBe(0);
      expect(timeoutRetransmits - before.timeoutRetransmits).toBe(0);
      // Not for less than the line itself takes: when copies end nothing is to be repeated in vain.
      expect(rtoMs).toBeGreaterThan(100);
      client.session.copyTo(undefined);
      for (let i = 0; i < 50; i++) {
        client.send('x'.repeat(100));
        pair.loop.runFor(30);
      }
      expect(client.session.stats().timeoutRetransmits - timeoutRetransmits).toBeLessThan(3);
      pair.loop.runFor(500);
      expect(gatewayEnd(pair).text).toHaveLength(25_000);
    });
  });

  it('are not for clear sessions, nor for paths that are none', () => {
    onLoginPair({ port: { allowClear: true } }, (pair) => {
      const client = pair.open('udp', pair.gateway.login({ seal: 'clear' }));
      const path = client.tryOut(client.openUdp());
      pair.loop.runFor(100);
      expect(client.session.copyTo(path)).toBe(false);
    });
    onTwoLines({}, ({ client, other }) => {
      expect(client.session.copyTo(client.session.path)).toBe(false);
      expect(client.session.copyTo(other)).toBe(true);
      client.endpoint.abandonPath(client.session, other);
      expect(client.session.copyTo(other)).toBe(false);
    });
  });

  it('leave nothing behind when their session ends', () => {
    onTwoLines({}, ({ pair, client, other }) => {
      client.session.copyTo(other);
      client.send('x'.repeat(10_000));
      pair.loop.runFor(200);
      client.session.close(CloseCode.normal, 'done');
      pair.loop.runFor(60_000);
      expect(client.sink.events.at(-1)).toMatch(/^close 1000 /);
      expect(pair.leftovers()).toEqual({});
    });
  });
});

describe('a datagram that says it is a copy', () => {
  const copy = { pathId: 1, isCopy: true } as const;

  it('moves nothing, whatever it holds and whatever its number', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.push(0, 'data')], copy));
      gateway.feed('udp', 3, client.datagram([client.push(1, ' more')], { ...copy, pathId: 0 }));
      expect([gateway.sinks[0]!.text, where(gateway), gateway.session.moves]).toEqual([
        'data more',
        '10.0.0.1',
        0,
      ]);
    });
  });

  it('does not keep the client from moving with a lower number', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      const move = client.datagram([client.tell()], { pathId: 1 });
      gateway.feed('udp', 3, client.datagram([client.push(0, 'x')], { ...copy, pathId: 2 }));
      gateway.feed('udp', 2, move);
      expect(where(gateway)).toBe('10.0.0.2');
    });
  });

  it('is answered with copies once the address is proved, and not before', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.push(0, 'x')], copy));
      const asked = gateway.heard(client, 'udp', 2);
      expect(asked.map(({ type }) => type)).toEqual(['pathChallenge']);
      sendText(gateway.sinks[0]!.port, 'one');
      gateway.loop.runFor(10);
      expect(gateway.heard(client, 'udp', 2)).toEqual([]);
      gateway.feed('udp', 2, client.datagram([client.responseTo(asked)], { pathId: 1 }));
      gateway.feed('udp', 2, client.datagram([client.tell(1)], copy));
      sendText(gateway.sinks[0]!.port, 'two');
      gateway.loop.runFor(1);
      const [datagram] = gateway.udp.sent.filter(({ slot }) => slot === 2).slice(-1);
      expect([datagram!.bytes[4], datagram!.bytes[5]]).toEqual([0xa8, 1]);
      expect(client.open(datagram!.bytes)).toMatchObject([{ type: 'push', sn: 1 }]);
      expect(where(gateway)).toBe('10.0.0.1');
    });
  });

  it('is asked for once and answered by a copy of each datagram, every one to its address', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.challenge()], { pathId: 1 }));
      const response = client.responseTo(gateway.heard(client, 'udp', 2));
      gateway.feed('udp', 2, client.datagram([response], { pathId: 1 }));
      gateway.feed('udp', 2, client.datagram([client.tell()], copy));
      const from = gateway.udp.sent.length;
      const { port } = gateway.sinks[0]!;
      for (let i = 0; i < 5; i++) port.sendDatagram(Uint8Array.of(i), 0, 1);
      sendText(port, 'x'.repeat(5_000));
      gateway.loop.runFor(1);
      const sent = gateway.udp.sent.slice(from).map(({ slot, bytes }) => ({
        ...{ slot, kind: bytes[4], pathId: bytes[5] },
        text: client.open(bytes),
      }));
      expect(sent.length).toBe(2 * (5 + 4));
      for (let i = 0; i < sent.length; i += 2) {
        expect(sent[i]).toMatchObject({ slot: 1, kind: 0xa0, pathId: 0 });
        expect(sent[i + 1]).toMatchObject({ slot: 2, kind: 0xa8, pathId: 1, text: sent[i]!.text });
      }
    });
  });

  it('that somebody sends on from elsewhere gets little, and takes the copies from nobody', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.feed('udp', 2, client.datagram([client.challenge()], { pathId: 1 }));
      const asked = gateway.heard(client, 'udp', 2);
      gateway.feed('udp', 2, client.datagram([client.responseTo(asked)], { pathId: 1 }));
      gateway.feed('udp', 2, client.datagram([client.tell()], copy));
      gateway.sent('udp');
      const recorded = client.datagram([client.tell()], copy);
      gateway.feed('udp', 9, recorded);
      sendText(gateway.sinks[0]!.port, 'x'.repeat(20_000));
      gateway.loop.runFor(1_500);
      const sent = gateway.udp.sent.filter(({ slot }) => slot === 9);
      expect(sent.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(3 * recorded.length);
      expect(gateway.udp.sent.some(({ slot, bytes }) => slot === 2 && bytes[4] === 0xa8)).toBe(true);
    });
  });

  it('cannot be made of one that is not, nor the other way round', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      for (const isCopy of [true, false]) {
        const datagram = client.datagram([client.push(0, 'x')], { isCopy });
        datagram[4]! ^= 0x08;
        gateway.feed('udp', 2, datagram);
      }
      expect(gateway.drops()).toEqual({ open_failed: 2 });
      expect(gateway.sinks[0]!.text).toBe('');
    });
  });

  it('opens no session', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'udp', 1);
      gateway.feed('udp', 2, client.datagram([client.push(0, 'a')], copy));
      expect([gateway.stats.openSessions, gateway.drops()]).toEqual([0, { open_failed: 1 }]);
      gateway.feed('udp', 1, client.datagram([client.push(0, 'a')]));
      expect(gateway.session).toMatchObject({ paths: [{ validated: true, id: 0 }] });
      expect(gateway.sinks[0]!.text).toBe('a');
    });
  });
});
