import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { Session } from '../../../src/session/index.ts';
import { Path, PathArena } from '../../../src/session/index.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';

/** A session that said HELLO from one address and opens from another, which may be anybody's. */
function openElsewhere(gateway: FedGateway, conv = 1): HandMadeClient {
  const client = new HandMadeClient(gateway.login({ conv }));
  gateway.greet(client, 'udp', 1);
  gateway.feed('udp', 2, client.datagram([client.tell()]));
  return client;
}

const bytesOf = (datagrams: readonly Uint8Array[]): number =>
  datagrams.reduce((sum, { length }) => sum + length, 0);

describe('a path that is not validated', () => {
  it('is sent three times what came from there at most, whatever is to be said', () => {
    onFedGateway({ session: { idleTimeoutMs: 5_000 } }, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'udp', 1);
      const received: Uint8Array[] = [];
      const say = (...segments: Parameters<HandMadeClient['datagram']>[0]): void => {
        received.push(client.datagram(segments));
        gateway.feed('udp', 2, received.at(-1)!);
      };
      say(client.tell());
      gateway.sinks[0]!.port.send(new Uint8Array(50_000), 0, 50_000);
      gateway.sinks[0]!.port.sendDatagram(new Uint8Array(1000), 0, 1000);
      gateway.loop.runFor(20);
      say(client.challenge(), client.push(0, 'x'));
      say(client.fin(1));
      gateway.endpoint.startDraining({ deadlineMs: 3_000, jitterMs: 0, lines: [] });
      gateway.loop.runFor(20_000);
      expect(gateway.stats.openSessions).toBe(0);
      expect(bytesOf(gateway.sent('udp', 2)) / bytesOf(received)).toBeLessThanOrEqual(3);
    });
  });

  it('does not keep a session that is over: nothing is left of it, although the KICK fits no budget', () => {
    onFedGateway({ session: { idleTimeoutMs: 5_000 } }, (gateway) => {
      openElsewhere(gateway);
      gateway.sinks[0]!.port.send(new Uint8Array(50_000), 0, 50_000);
      gateway.loop.runFor(30_000);
      expect(gateway.stats).toMatchObject({ openSessions: 0, lingeringSessions: 0 });
      expect(gateway.udp.retained).toEqual([]);
      expect(gateway.cipher.slots.size).toBe(0);
    });
  });

  it('wakes nobody again and again for what its budget does not allow', () => {
    onFedGateway({}, (gateway) => {
      const client = openElsewhere(gateway);
      gateway.feed('udp', 2, client.datagram([client.fin(0)]));
      gateway.sinks[0]!.port.end();
      expect(gateway.wakeUps(5_000)).toBeLessThan(100);
      gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'a reason for which there is no room at all');
      expect(gateway.wakeUps(20_000)).toBeLessThan(100);
      expect(gateway.stats.openSessions).toBe(0);
    });
  });

  it('is asked anew when something comes from there after nobody had answered, so that it does not stay slow', () => {
    onFedGateway({}, (gateway) => {
      const client = openElsewhere(gateway);
      gateway.loop.runFor(5_000);
      gateway.sent('udp');
      gateway.feed('udp', 2, client.datagram([client.push(0, 'x')]));
      const asked = gateway.heard(client, 'udp', 2);
      gateway.feed('udp', 2, client.datagram([client.responseTo(asked)]));
      expect(gateway.session.paths).toMatchObject([{ validated: true }]);
    });
  });

  it('does not hold up whoever ends its session at once, to replace it or to close', () => {
    // Were the last word waited for, this would never return.
    onFedGateway({}, (gateway) => {
      const client = openElsewhere(gateway);
      const session = gateway.endpoint.findLogin(client.conv)?.session;
      expect(lastWord(session!)).toBe(true);
      expect(lastWord(session!)).toBe(true);
      const again = new HandMadeClient(client.credentials);
      gateway.greet(again, 'udp', 3);
      gateway.feed('udp', 3, again.datagram([again.tell()]));
      expect(gateway.sinks[0]!.events).toEqual(['close 3502 the same client opened the session anew']);
      expect(gateway.stats.openSessions).toBe(1);
    });
  });
});

/** Whether a session has said its last word, or will never say it: as often as the budget of its path may take. */
function lastWord(session: Session): boolean {
  const arena = new DatagramArena();
  const output = { arenaOf: (_: Path) => new PathArena(arena) };
  return session.writeFarewell(output, CloseCode.replaced, 'x'.repeat(120));
}
