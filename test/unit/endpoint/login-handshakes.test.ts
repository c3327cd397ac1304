import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { onFedGateway, type FedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';
import { onLoginPair } from './login-pair.ts';

/** What a gateway answers to a HELLO it will not serve. */
function refusal(gateway: FedGateway, client: HandMadeClient, slot = 1): unknown {
  return gateway.greet(client, 'udp', slot);
}

const kick = (code: CloseCode) => [{ type: 'kick', code }];

/** Nothing is kept of anybody. */
function expectNothingLeft(gateway: FedGateway): void {
  expect(gateway.stats).toMatchObject({ openSessions: 0, lingeringSessions: 0, halfOpen: 0 });
  expect(gateway.cipher.slots.size).toBe(0);
  expect(gateway.udp.retained).toEqual([]);
  expect(gateway.sessions.pool.usedSlots).toBe(0);
}

describe('a handshake', () => {
  it('opens nothing before the client has used its key', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login({ subject: 'anna', claims: '{"a":1}' }));
      expect(gateway.greet(client, 'udp', 1)).toMatchObject([
        { type: 'windowTell', wnd: 256 },
        { type: 'pathChallenge' },
      ]);
      expect(gateway.stats).toMatchObject({ halfOpen: 1, hellos: 1, openSessions: 0 });
      expect(gateway.openings).toEqual([]);
      gateway.feed('udp', 1, client.datagram([client.push(0, 'hello')]));
      expect(gateway.stats).toMatchObject({ halfOpen: 0, openSessions: 1 });
      expect(gateway.openings).toMatchObject([
        { conv: client.conv, login: { subject: 'anna', claims: '{"a":1}', isClear: false } },
      ]);
      expect(gateway.sinks[0]!.text).toBe('hello');
      expect(gateway.session.paths).toMatchObject([{ validated: true }]);
    });
  });

  it('that nobody finishes is forgotten after 10 s, with everything that was kept for it', () => {
    onFedGateway({}, (gateway) => {
      for (const conv of [1, 2, 3]) gateway.greet(new HandMadeClient(gateway.login({ conv })), 'udp', conv);
      expect([gateway.cipher.slots.size, gateway.udp.retained]).toEqual([6, [1, 2, 3]]);
      gateway.loop.runFor(9_999);
      expect(gateway.stats.halfOpen).toBe(3);
      gateway.loop.runFor(2);
      expectNothingLeft(gateway);
    });
  });

  it('is answered again when its HELLO is repeated, also after it is finished', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'udp', 1);
      gateway.feed('udp', 1, client.hello());
      expect(client.takeAck(gateway.sent('udp', 1)[0]!)).toMatchObject([
        { type: 'windowTell' },
        { type: 'pathChallenge' },
      ]);
      expect(gateway.stats.halfOpen).toBe(1);
      gateway.feed('udp', 1, client.datagram([client.tell()]));
      gateway.sent('udp');
      gateway.feed('udp', 1, client.hello());
      expect(client.takeAck(gateway.sent('udp', 1)[0]!)).toMatchObject([{ type: 'windowTell' }]);
      gateway.feed('udp', 1, client.datagram([client.push(0, 'still here')]));
      expect(gateway.sinks.map(({ text }) => text)).toEqual(['still here']);
    });
  });

  it('is not forgotten while its client says HELLO again: a later answer may be the first that arrives', () => {
    onLoginPair({ delayMs: 700 }, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      // What answers the HELLOs of the first two seconds is lost.
      line.blackHole('down', 4_440);
      client.dial(line);
      client.send('here');
      pair.loop.runFor(5_800);
      expect(client.session.state).toBe('open');
      expect(pair.gateway.stats).toMatchObject({ halfOpen: 1 });
      pair.loop.runFor(700);
      expect(client.session.state).toBe('open');
      expect(pair.gateway.sinks[0]!.text).toBe('here');
    });
  });

  it('finished by any of the first datagrams takes all of them, in any order', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'udp', 1);
      const [a, b, c] = ['a', 'b', 'c'].map((text, sn) => client.datagram([client.push(sn, text)]));
      gateway.feed('udp', 1, c!, a!, b!, a!);
      expect(gateway.sinks[0]!.text).toBe('abc');
      expect(gateway.drops()).toEqual({ replayed: 1 });
    });
  });

  it('is not finished, and nothing is replaced, by a HELLO that somebody recorded', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      const recorded = new HandMadeClient(client.credentials).hello();
      for (let i = 0; i < 10; i++) gateway.feed('udp', 2, recorded);
      gateway.feed('udp', 1, client.datagram([client.push(0, 'mine')]));
      expect(gateway.sinks.map(({ text }) => text)).toEqual(['mine']);
      gateway.loop.runFor(11_000);
      expect(gateway.stats).toMatchObject({ halfOpen: 0, openSessions: 1 });
      expect(gateway.udp.retained).toEqual([1]);
      expect(gateway.cipher.slots.size).toBe(2);
    });
  });

  it('answers less than it is sent, whoever says HELLO from wherever', () => {
    onFedGateway({ admission: { maxSessions: 2 } }, (gateway) => {
      const client = new HandMadeClient(gateway.login({ conv: 0x01000001 }));
      const hellos = [
        client.hello(),
        client.hello(),
        new HandMadeClient(gateway.login({ conv: 0x01000002 })).hello(),
      ];
      const unknown = gateway.login({ conv: 0x01000003 });
      unknown.ticket[1] = 200;
      const expired = new HandMadeClient(gateway.login({ conv: 0x01000004, expiresMs: 1 }));
      hellos.push(new HandMadeClient(unknown).hello(), expired.hello());
      for (const [slot, hello] of hellos.entries()) {
        gateway.feed('udp', slot, hello);
        const sent = gateway.sent('udp', slot);
        expect(sent.length).toBe(1);
        expect(sent[0]!.length).toBeLessThan(200);
      }
    });
  });
});

describe('a HELLO', () => {
  it('on UDP is dropped when it is shorter than 1200 bytes, and is not on a connection', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.feed('udp', 1, client.hello([], 1199));
      expect(gateway.drops()).toEqual({ hello_too_short: 1 });
      expect(gateway.sent('udp')).toEqual([]);
      gateway.tcp.connect(1);
      gateway.feed('tcp', 1, client.hello([], 0));
      expect(gateway.sent('tcp')).toHaveLength(1);
    });
  });

  it('that is forged in any way is dropped, counted and not answered', () => {
    onFedGateway({}, (gateway) => {
      const hello = new HandMadeClient(gateway.login()).hello();
      for (const at of [12, 40, 1199]) {
        const forged = hello.slice();
        forged[at]! ^= 1;
        gateway.feed('udp', 1, forged);
      }
      expect(gateway.drops()).toEqual({ hello_forged: 2, ticket_forged: 1 });
      expect(gateway.sent('udp')).toEqual([]);
      expect(gateway.stats).toMatchObject({ hellos: 0, refusals: {} });
    });
  });

  it('with a ticket of an unknown key gets a RESET that its client believes', () => {
    onFedGateway({}, (gateway) => {
      const credentials = gateway.login();
      credentials.ticket[1] = 200;
      gateway.feed('udp', 1, new HandMadeClient(credentials).hello());
      const [reset] = gateway.sent('udp', 1);
      expect([reset?.[4], reset?.slice(24)]).toEqual([89, credentials.resetToken]);
      expect(gateway.drops()).toEqual({ ticket_unknown_key: 1 });
    });
  });

  it('for a session of somebody else gets a RESET, and changes nothing', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1);
      const other = new HandMadeClient(gateway.login());
      gateway.feed('udp', 2, other.hello());
      expect(gateway.sent('udp', 2).map((bytes) => bytes[4])).toEqual([89]);
      expect(gateway.drops()).toEqual({ conv_collision: 1 });
      gateway.feed('udp', 1, client.datagram([client.push(0, 'x')]));
      expect(gateway.sinks.map(({ text }) => text)).toEqual(['x']);
    });
  });

  it('is limited a second for one source, which takes nothing from the others', () => {
    onFedGateway({ admission: { newSessionsPerSourcePerSecond: 2 } }, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      for (let i = 0; i < 20; i++) gateway.feed('udp', 1, client.hello());
      expect(gateway.drops()).toEqual({ rate_limit: 12 });
      gateway.feed('udp', 2, new HandMadeClient(gateway.login({ conv: 2 })).hello());
      expect(gateway.drops()).toEqual({ rate_limit: 12 });
    });
  });
});

describe('a client that proved itself is told why it may not come in', () => {
  it('when its ticket is over: one that is open stays, and is answered', () => {
    onFedGateway({}, (gateway) => {
      const client = gateway.open('udp', 1, { conv: 1 });
      gateway.unixMs = 1_000_000;
      expect(refusal(gateway, new HandMadeClient(gateway.login({ conv: 2 })))).toMatchObject(
        kick(CloseCode.ticketExpired),
      );
      gateway.feed('udp', 1, client.hello());
      expect(gateway.sent('udp', 1)).toHaveLength(1);
      expect(gateway.stats.refusals).toEqual({ ticket_expired: 1 });
    });
  });

  it('when it wants no seal where there must be one', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login({ seal: 'clear' }));
      expect(refusal(gateway, client)).toMatchObject(kick(CloseCode.authFailed));
      expect(gateway.drops()).toEqual({ clear_not_allowed: 1 });
    });
  });

  it('when there are too many sessions, in all or of one source', () => {
    onFedGateway({ admission: { maxSessions: 2, maxSessionsPerSource: 1 } }, (gateway) => {
      gateway.open('udp', 1, { conv: 1 });
      const same = new HandMadeClient(gateway.login({ conv: 2 }));
      expect(refusal(gateway, same, 1)).toMatchObject(kick(CloseCode.overload));
      gateway.open('udp', 3, { conv: 3 });
      const third = new HandMadeClient(gateway.login({ conv: 4 }));
      expect(refusal(gateway, third, 4)).toMatchObject(kick(CloseCode.overload));
      expect(gateway.drops()).toEqual({ source_limit: 1, session_limit: 1 });
      expect(gateway.stats).toMatchObject({ openSessions: 2, refusals: { overload: 2 }, halfOpen: 0 });
    });
  });

  it('when too many shake hands', () => {
    onFedGateway({ maxHalfOpen: 2 }, (gateway) => {
      for (const conv of [1, 2]) gateway.greet(new HandMadeClient(gateway.login({ conv })), 'udp', conv);
      const third = new HandMadeClient(gateway.login({ conv: 3 }));
      expect(refusal(gateway, third, 3)).toMatchObject(kick(CloseCode.overload));
      expect(gateway.drops()).toEqual({ half_open_limit: 1 });
    });
  });

  it('and nothing is kept of it, nor does its place stay taken', () => {
    onFedGateway({ admission: { maxSessions: 1 } }, (gateway) => {
      gateway.open('udp', 1, { conv: 1 });
      for (let i = 0; i < 20; i++) refusal(gateway, new HandMadeClient(gateway.login({ conv: 2 })), 2);
      expect(gateway.cipher.slots.size).toBe(2);
      gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
      gateway.loop.runFor(60_000);
      expectNothingLeft(gateway);
      gateway.open('udp', 2, { conv: 2 });
      expect(gateway.stats.openSessions).toBe(1);
    });
  });

  it('by the one who serves, once its session is open', () => {
    const accept = () => CloseCode.blocked;
    onFedGateway({ acceptor: { accept } }, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'udp', 1);
      gateway.feed('udp', 1, client.datagram([client.tell()]));
      expect(gateway.heard(client, 'udp')).toMatchObject(kick(CloseCode.blocked));
      gateway.feed('udp', 1, client.datagram([client.fin(0, CloseCode.blocked)]));
      gateway.loop.runFor(5_000);
      expectNothingLeft(gateway);
      expect(gateway.stats.closedSessions).toEqual({ blocked: 1 });
    });
  });
});

describe('limits', () => {
  it('hold although many shake hands at the same time', () => {
    onFedGateway({ admission: { maxSessions: 2 } }, (gateway) => {
      const clients = [1, 2, 3, 4].map((conv) => new HandMadeClient(gateway.login({ conv })));
      const greeted = clients.filter((client, slot) => {
        const [first] = gateway.greet(client, 'udp', slot);
        return first?.type === 'windowTell';
      });
      for (const [slot, client] of greeted.entries())
        gateway.feed('udp', slot, client.datagram([client.tell()]));
      gateway.loop.runFor(1_500);
      expect([...gateway.endpoint.sessions()].filter(({ state }) => state === 'open')).toHaveLength(2);
      expect(gateway.stats.openSessions).toBe(2);
    });
  });

  it('count the client that a trusted proxy names in the address block, and nobody else does', () => {
    const isTrustedProxy = (address: string) => address === '10.0.0.1';
    onFedGateway({ admission: { maxSessionsPerSource: 1 }, port: { isTrustedProxy } }, (gateway) => {
      const come = (conv: number, slot: number, host: number): unknown => {
        const client = new HandMadeClient(gateway.login({ conv }));
        const block = { address: `203.0.113.${String(host)}`, family: 4, port: 1 } as const;
        gateway.sent('udp');
        gateway.feed('udp', slot, client.hello([], 1200, { block }));
        const [said] = gateway.sent('udp', slot).map((bytes) => client.takeAck(bytes));
        if (said?.[0]?.type === 'windowTell')
          gateway.feed('udp', slot, client.datagram([client.tell()], { block }));
        return said?.[0]?.type;
      };
      expect([come(1, 1, 9), come(2, 1, 9), come(3, 1, 10)]).toEqual(['windowTell', 'kick', 'windowTell']);
      expect([come(4, 2, 20), come(5, 2, 21)]).toEqual(['windowTell', 'kick']);
      const remotes = [...gateway.endpoint.sessions()].map(({ remoteAddress }) => remoteAddress?.address);
      expect(remotes).toEqual(['203.0.113.9', '203.0.113.10', '10.0.0.2']);
    });
  });
});

describe('a client that opens its session anew', () => {
  for (const line of ['udp', 'tcp'] as const) {
    it(`on ${line} takes the place of the old one, which is told, with the first datagram under its new key`, () => {
      onFedGateway({ admission: { maxSessionsPerSource: 2 } }, (gateway) => {
        const old = gateway.open(line, 1);
        const again = new HandMadeClient(old.credentials);
        gateway.greet(again, line, 2);
        gateway.feed(line, 1, old.datagram([old.push(0, 'old')]));
        expect(gateway.sinks[0]!.text).toBe('old');
        gateway.sent(line);
        gateway.feed(line, 2, again.datagram([again.push(0, 'new')]));
        expect(gateway.heard(old, line, 1)).toMatchObject(kick(CloseCode.replaced));
        expect(gateway.sinks.map(({ text }) => text)).toEqual(['old', 'new']);
        expect(gateway.sinks[0]!.events.at(-1)).toMatch(/^close 3502 /);
        expect(gateway.stats).toMatchObject({ openSessions: 1, closedSessions: { replaced: 1 } });
        // What the old one still says is not heard, nor is it told to log in again: that would end the new one.
        if (line === 'udp') gateway.feed(line, 1, old.datagram([old.push(1, 'late')]));
        expect(gateway.sinks[1]!.text).toBe('new');
        expect(gateway.cipher.slots.size).toBe(2);
        if (line === 'tcp') expect(gateway.tcp.ended.get(1)).toBe(CloseCode.replaced);
        gateway.feed(line, 2, again.datagram([again.fin(1, CloseCode.normal)]));
        gateway.loop.runFor(60_000);
        expect(gateway.stats).toMatchObject({ openSessions: 0, lingeringSessions: 0 });
        expect(gateway.cipher.slots.size).toBe(0);
        expect(gateway[line].retained).toEqual([]);
      });
    });
  }

  it('is let in again and again: its place is one place', () => {
    onFedGateway({ admission: { maxSessions: 1, maxSessionsPerSource: 1 } }, (gateway) => {
      const credentials = gateway.login();
      for (let i = 0; i < 20; i++) {
        const client = new HandMadeClient(credentials);
        gateway.greet(client, 'udp', 1);
        gateway.feed('udp', 1, client.datagram([client.tell()]));
        expect(gateway.stats.openSessions).toBe(1);
      }
      expect(gateway.stats.closedSessions).toEqual({ replaced: 19 });
      // From elsewhere it would take another source's place.
      const elsewhere = new HandMadeClient(credentials);
      expect(refusal(gateway, elsewhere, 2)).toMatchObject(kick(CloseCode.overload));
    });
  });
});

describe('early data', () => {
  const early = (client: HandMadeClient) => client.hello([client.push(0, 'early ')]);

  it('is skipped unless it is allowed', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.feed('udp', 1, early(client));
      client.takeAck(gateway.sent('udp', 1)[0]!);
      gateway.feed('udp', 1, client.datagram([client.tell()]));
      expect(gateway.sinks[0]!.text).toBe('');
      gateway.feed('udp', 1, client.datagram([client.push(0, 'late')]));
      expect(gateway.sinks[0]!.text).toBe('late');
    });
  });

  it('is held until the session opens, and applied once, whoever repeats it', () => {
    onFedGateway({ port: { earlyData: true } }, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      const hello = early(client);
      gateway.feed('udp', 1, hello);
      gateway.feed('udp', 2, hello);
      client.takeAck(gateway.sent('udp', 1)[0]!);
      expect(gateway.sinks).toEqual([]);
      gateway.feed('udp', 1, client.datagram([client.push(0, 'early '), client.push(1, 'late')]));
      gateway.feed('udp', 2, hello);
      expect(gateway.sinks.map(({ text }) => text)).toEqual(['early late']);
    });
  });

  it('gives no budget to an address it did not come from', () => {
    onFedGateway({ port: { earlyData: true } }, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.feed('udp', 1, client.hello([client.push(0, 'x'.repeat(800))]));
      client.takeAck(gateway.sent('udp', 1)[0]!);
      const first = client.datagram([client.tell()]);
      gateway.feed('udp', 2, first);
      gateway.sinks[0]!.port.send(new Uint8Array(3000), 0, 3000);
      gateway.loop.runFor(3_000);
      const bytes = gateway.sent('udp', 2).reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThanOrEqual(3 * first.length);
    });
  });
});

describe('a connection', () => {
  it('carries one session: another is not opened on it, nor heard', () => {
    onFedGateway({}, (gateway) => {
      gateway.open('tcp', 1, { conv: 1 });
      const other = new HandMadeClient(gateway.login({ conv: 2 }));
      gateway.feed('tcp', 1, other.hello());
      gateway.greet(other, 'udp', 2);
      gateway.feed('tcp', 1, other.datagram([other.tell()]));
      expect(gateway.drops(1)).toEqual({ connection_taken: 2 });
      expect(gateway.stats).toMatchObject({ openSessions: 1, halfOpen: 1 });
      gateway.feed('udp', 2, other.datagram([other.tell()]));
      expect(gateway.stats.openSessions).toBe(2);
      gateway.feed('tcp', 1, other.datagram([other.tell()]));
      expect(gateway.drops(1)).toEqual({ connection_taken: 3 });
    });
  });

  it('may stay once a session opened on it, not after a HELLO', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'tcp', 1);
      expect(gateway.tcp.confirmed.has(1)).toBe(false);
      gateway.feed('tcp', 1, client.datagram([client.tell()]));
      expect(gateway.tcp.confirmed.has(1)).toBe(true);
    });
  });

  it('that breaks between HELLO and session leaves nothing', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'tcp', 1);
      gateway.tcp.breakOff(1);
      gateway.loop.runFor(11_000);
      expect(gateway.tcp.retained).toEqual([]);
      expectNothingLeft(gateway);
    });
  });
});

describe('a clear session', () => {
  const allowed = { port: { allowClear: true } };

  it('opens with the first datagram from where HELLO came from, and is heard from there only', () => {
    onFedGateway(allowed, (gateway) => {
      const client = new HandMadeClient(gateway.login({ seal: 'clear' }));
      gateway.greet(client, 'udp', 1);
      gateway.feed('udp', 2, client.datagram([client.push(0, 'not from here, and long enough')]));
      expect(gateway.stats.openSessions).toBe(0);
      gateway.feed('udp', 1, client.datagram([client.push(0, 'hello')]));
      expect(gateway.stats).toMatchObject({ openSessions: 1, clearSessions: 1 });
      expect(gateway.openings[0]?.login?.isClear).toBe(true);
      gateway.feed('udp', 2, client.datagram([client.push(1, ' forged')]));
      expect(gateway.sinks[0]!.text).toBe('hello');
      expect(gateway.drops()).toMatchObject({ path_not_allowed: 1 });
    });
  });

  it('moves to where its HELLO comes from, after which it is heard there', () => {
    onFedGateway(allowed, (gateway) => {
      const client = gateway.open('udp', 1, { seal: 'clear' });
      gateway.feed('udp', 2, client.hello([client.challenge()]));
      const sent = gateway.sent('udp', 2);
      expect(client.takeAck(sent[0]!) ?? client.takeAck(sent[1]!)).toBeDefined();
      gateway.feed('udp', 2, client.datagram([client.push(0, 'moved')]));
      expect(gateway.sinks[0]!.text).toBe('moved');
      expect(gateway.session.moves).toBe(1);
      expect(gateway.heard(client, 'udp', 2).map(({ type }) => type)).toContain('ack');
    });
  });

  it('that is being closed moves, too, and sends the rest there', () => {
    onFedGateway(allowed, (gateway) => {
      const client = gateway.open('udp', 1, { seal: 'clear' });
      gateway.sinks[0]!.port.send(new Uint8Array(100), 0, 100);
      gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
      gateway.loop.runFor(1);
      gateway.feed('udp', 2, client.hello([client.challenge()]));
      expect(gateway.heard(client, 'udp', 2)).toMatchObject([{ type: 'pathChallenge' }, { type: 'push' }]);
      gateway.feed('udp', 2, client.datagram([client.tell(1)]));
      expect(gateway.heard(client, 'udp', 2)).toMatchObject([{ type: 'kick', code: CloseCode.kicked }]);
    });
  });

  it('sends to an address that said HELLO three times that at most, the answer counted', () => {
    onFedGateway(allowed, (gateway) => {
      const client = gateway.open('udp', 1, { seal: 'clear' });
      const hello = client.hello([client.challenge()]);
      for (let i = 0; i < 200; i++) gateway.sinks[0]!.port.sendDatagram(Uint8Array.of(i), 0, 1);
      gateway.feed('udp', 2, hello);
      gateway.loop.runFor(10_000);
      const bytes = gateway.sent('udp', 2).reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThanOrEqual(3 * hello.length);
      expect(bytes).toBeGreaterThan(hello.length);
    });
  });

  it('and a sealed one do not take the datagrams of the other kind', () => {
    onFedGateway(allowed, (gateway) => {
      const sealed = gateway.open('udp', 1, { conv: 1 });
      const clear = new HandMadeClient({ ...sealed.credentials, seal: 'clear' });
      gateway.feed('udp', 1, clear.datagram([clear.push(0, 'clear')]));
      expect(gateway.drops()).toEqual({ seal_required: 1 });
      gateway.open('udp', 2, { conv: 2, seal: 'clear' });
      const wrong = sealed.datagram([sealed.tell()]);
      wrong[0] = 2;
      gateway.feed('udp', 2, wrong);
      expect(gateway.drops()).toEqual({ seal_required: 1, kind_not_accepted: 1 });
      expect(gateway.sinks.map(({ text }) => text)).toEqual(['', '']);
    });
  });

  it('is counted while it is open', () => {
    onFedGateway(allowed, (gateway) => {
      gateway.open('udp', 1, { seal: 'clear' });
      gateway.endpoint.kick({ id: 0 }, CloseCode.kicked, 'off');
      gateway.loop.runFor(30_000);
      expect(gateway.stats.clearSessions).toBe(0);
      expectNothingLeft(gateway);
    });
  });
});
