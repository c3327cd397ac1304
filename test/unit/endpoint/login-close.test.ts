import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { Sink } from '../../../src/base/sink.ts';
import { RecordingSink } from '../session/session-pair.ts';
import { onFedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';
import { onLoginPair, sendText, type LoginPair, type TestClient } from './login-pair.ts';

const LINES = ['udp', 'tcp'] as const;

/** The gateway forgets its sessions without a word, as when its process is killed and comes back. */
function forgetSessions(pair: LoginPair): void {
  for (const { conv } of [...pair.gateway.endpoint.sessions()]) {
    pair.gateway.endpoint.findLogin(conv)!.session.destroy(CloseCode.drain, 'forgotten');
  }
  pair.loop.runUntil(() => pair.gateway.stats.openSessions === 0, 5_000);
}

/** A client whose data the gateway's sink does not take. */
function stuck(pair: LoginPair, kind: (typeof LINES)[number]): TestClient {
  const client = pair.open(kind);
  pair.gateway.sinks[0]!.room = 1;
  client.send('x'.repeat(1_000_000));
  pair.loop.runFor(200);
  return client;
}

describe('a session that logged in', () => {
  for (const kind of LINES) {
    it(`ends on ${kind} when both sides have said their last, and nothing is left`, () => {
      onLoginPair({}, (pair) => {
        const client = pair.open(kind);
        client.send('question');
        client.session.end();
        pair.loop.runFor(100);
        const sink = pair.gateway.sinks[0]!;
        expect(sink.events).toEqual(['end']);
        sendText(sink.port, 'answer');
        pair.loop.runFor(100);
        expect(client.sink.text).toBe('answer');
        sink.port.end();
        pair.loop.runFor(100);
        expect(client.sink.events).toEqual(['opened', 'end', 'close 1000 finished']);
        expect(sink.events).toEqual(['end', 'opened', 'close 1000 finished']);
        pair.loop.runFor(2_000);
        expect(pair.leftovers()).toEqual({});
      });
    });

    it(`is closed on ${kind} by either side after what is queued, with code and reason`, () => {
      onLoginPair({}, (pair) => {
        const client = pair.open(kind);
        const text = 'x'.repeat(300_000);
        client.send(text);
        client.session.close(CloseCode.normal, 'bye');
        pair.loop.runFor(5_000);
        expect(pair.gateway.sinks[0]!.text).toBe(text);
        expect(client.sink.events.at(-1)).toBe('close 1000 bye');
        expect(pair.gateway.sinks[0]!.events.at(-1)).toBe('close 1000 the peer closed');

        const other = pair.open(kind);
        sendText(pair.gateway.sinks[1]!.port, text);
        pair.gateway.endpoint.kick({ id: 1 }, CloseCode.blocked, 'not you');
        pair.loop.runFor(5_000);
        expect(other.sink.text).toBe(text);
        expect(other.sink.events).toEqual(['opened', 'close 3504 not you']);
        expect(pair.gateway.stats.closedSessions).toEqual({ normal: 1, blocked: 1 });
        pair.loop.runFor(2_000);
        expect(pair.leftovers()).toEqual({});
      });
    });

    it(`that is being closed on ${kind} follows its client`, () => {
      onLoginPair({}, (pair) => {
        const client = pair.open(kind);
        const text = 'x'.repeat(1_000_000);
        sendText(pair.gateway.sinks[0]!.port, text);
        pair.gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
        pair.loop.runFor(12);
        client.moveTo(kind === 'udp' ? client.connect() : client.openUdp());
        pair.loop.runFor(5_000);
        expect(client.events).toContain('moved 0 1');
        expect(client.sink.text).toBe(text);
        expect(client.sink.events.at(-1)).toBe('close 3500 off');
        expect(pair.leftovers()).toEqual({});
      });
    });

    it(`whose gateway forgot it ends at once with stale_session, on ${kind}`, () => {
      onLoginPair({}, (pair) => {
        const client = pair.open(kind);
        forgetSessions(pair);
        // A connection was ended with its session.
        if (kind === 'tcp') client.moveTo(client.connect());
        else client.send('anybody there?');
        pair.loop.runFor(100);
        expect(client.sink.events.at(-1)).toBe('close 3004 the gateway does not know the session');
        pair.loop.runFor(1_000);
        expect(pair.leftovers()).toEqual({});
      });
    });
  }

  it('tells no end in order when the gateway forgot what was still to be flushed', () => {
    onLoginPair({ client: { session: { closeTimeoutMs: 20_000 } } }, (pair) => {
      const client = pair.open('udp');
      forgetSessions(pair);
      client.send('lost');
      client.session.close(CloseCode.normal, 'bye');
      pair.loop.runFor(500);
      expect(client.sink.events).toEqual(['opened', 'close 3004 the gateway does not know the session']);
    });
  });

  it('does not wait for what a gateway that has kicked it will never take', () => {
    onLoginPair({ client: { session: { closeTimeoutMs: 20_000 } } }, (pair) => {
      const client = stuck(pair, 'udp');
      client.session.close(CloseCode.normal, 'bye');
      pair.loop.runFor(100);
      pair.gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
      // The gateway waits 2 s for its own sink, then says so.
      pair.loop.runFor(2_200);
      expect(client.sink.events).toEqual(['opened', 'close 3500 off']);
    });
  });

  it('keeps its own code when a KICK comes after everything was flushed', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      gateway.sinks[0]!.port.close(CloseCode.normal, 'done');
      gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
      gateway.loop.runFor(1);
      expect(gateway.heard(client, 'udp')).toMatchObject([{ type: 'kick', code: 1000, reason: 'done' }]);
    });
  });

  it('on a broken connection is closed in bounded time, from either side', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.connect();
      client.dial(line);
      pair.loop.runFor(100);
      client.send('x'.repeat(1_000_000));
      line.breakDown();
      client.session.close(CloseCode.normal, 'bye');
      pair.gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
      pair.loop.runFor(12_000);
      expect(client.sink.events.at(-1)).toBe('close 3003 not everything was acknowledged');
      expect(pair.leftovers()).toEqual({});
    });
  });

  it('frees its place within two round trips of a KICK that is answered', () => {
    onLoginPair({}, (pair) => {
      pair.open('udp');
      const at = pair.loop.now();
      pair.gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
      expect(pair.loop.runUntil(() => pair.gateway.stats.openSessions === 0, 5_000)).toBe(true);
      expect(pair.loop.now() - at).toBeLessThanOrEqual(40);
    });
  });
});

describe('a client whose handshake is under way', () => {
  it('and that is told by RESET that its ticket is for nobody forgets its key, too', () => {
    onFedGateway({}, (gateway) => {
      onLoginPair({}, (pair) => {
        // A ticket of another gateway, with a key that this one does not have.
        const credentials = { ...pair.gateway.login(), ticket: foreignTicket(gateway.login().ticket) };
        const client = pair.client(credentials);
        client.dial(client.openUdp());
        pair.loop.runFor(100);
        expect(client.sink.events).toEqual(['close 3004 the gateway does not know the session']);
        pair.loop.runFor(1_000);
        expect(pair.leftovers()).toEqual({});
      });
    });
  });

  it('and that nobody answers gives up in time', () => {
    onLoginPair({ client: { timeoutMs: 3_000 } }, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      line.blackHole('both');
      client.dial(line);
      pair.loop.runFor(2_900);
      expect(client.session.state).toBe('opening');
      pair.loop.runFor(200);
      expect(client.sink.events).toEqual(['close 3003 no answer to the handshake']);
      pair.loop.runFor(1_000);
      expect(pair.leftovers()).toEqual({});
    });
  });

  it('and that is closed says nothing to anybody', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      client.dial(client.openUdp());
      pair.loop.runFor(5);
      client.session.close(CloseCode.normal, 'changed my mind');
      pair.loop.runFor(11_000);
      expect(client.sink.events).toEqual(['close 1000 changed my mind']);
      expect(pair.gateway.sinks).toEqual([]);
      expect(pair.leftovers()).toEqual({});
    });
  });
});

function foreignTicket(ticket: Uint8Array): Uint8Array {
  const foreign = ticket.slice();
  foreign[1] = 77;
  return foreign;
}

describe('a RESET', () => {
  it('with another token ends nothing', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client({ ...pair.gateway.login(), resetToken: new Uint8Array(16) });
      client.dial(client.openUdp());
      pair.loop.runFor(100);
      forgetSessions(pair);
      client.send('x');
      pair.loop.runFor(1_000);
      expect(client.session.state).toBe('open');
      expect(client.endpoint.stats(0).drops.reset_not_believed).toBeGreaterThan(0);
    });
  });
});

describe('a sink that destroys its session', () => {
  /** Destroys it in the first call of that name. */
  class Destroyer extends RecordingSink {
    destroy: () => void = () => undefined;
    readonly #when: keyof Sink;
    constructor(port: RecordingSink['port'], when: keyof Sink) {
      super(port);
      this.#when = when;
    }
    override write(bytes: Uint8Array, offset: number, length: number): boolean {
      const goesOn = super.write(bytes, offset, length);
      this.#hit('write');
      return goesOn;
    }
    override end(): void {
      super.end();
      this.#hit('end');
    }
    override opened(): void {
      super.opened();
      this.#hit('opened');
    }
    override close(code: number, reason: string): void {
      super.close(code, reason);
      this.#hit('close');
    }
    #hit(call: keyof Sink): void {
      if (call === this.#when) this.destroy();
    }
  }

  for (const when of ['write', 'end', 'opened', 'close'] as const) {
    it(`in ${when} stays gone, and everything is released once`, () => {
      const sinks: Destroyer[] = [];
      const accept = {
        accept: () => ({
          stream: true,
          bind: (port: RecordingSink['port']) => {
            const sink = new Destroyer(port, when);
            sinks.push(sink);
            return sink;
          },
        }),
      };
      onFedGateway({ acceptor: accept }, (gateway) => {
        const client = new HandMadeClient(gateway.login());
        gateway.greet(client, 'tcp', 1);
        gateway.feed('tcp', 1, client.datagram([client.tell()]));
        const { session } = gateway.endpoint.findLogin(client.conv)!;
        sinks[0]!.destroy = () => {
          session.destroy(CloseCode.kicked, 'destroyed');
        };
        // Everything that could end it comes with the call, or after it.
        sendText(session, 'x');
        session.end();
        gateway.loop.runFor(1);
        gateway.feed(
          'tcp',
          1,
          client.datagram([client.push(0, 'data', 1), client.fin(1), client.fin(1, 0, true)]),
        );
        if (when === 'close') session.close(CloseCode.normal, 'bye');
        gateway.loop.runFor(1);
        expect(session.state).toBe('gone');
        gateway.loop.runFor(60_000);
        expect(session.state).toBe('gone');
        expect(gateway.stats).toMatchObject({ openSessions: 0, lingeringSessions: 0 });
        expect(gateway.tcp.retained).toEqual([]);
        expect(gateway.cipher.slots.size).toBe(0);
        expect(gateway.sessions.pool.usedSlots).toBe(0);
        expect(sinks[0]!.events.filter((event) => event.startsWith('close'))).toHaveLength(1);
      });
    });
  }
});
