import { describe, expect, it } from 'vitest';
import { TicketKeyring } from '../../../src/crypto/ticket-keyring.ts';
import { HandFedCarrier } from '../../support/hand-fed-carrier.ts';
import { onFedGateway } from './fed-gateway.ts';
import { HandMadeClient } from './hand-made-client.ts';

/* Found by test/fuzz/login-endpoint.test.ts. Slot 1 is the peer's own address; from slot 66 comes what it sends in another's name. */

const OWN = 1;
const VICTIM = 66;

const bytesIn = (datagrams: readonly Uint8Array[]): number =>
  datagrams.reduce((sum, { length }) => sum + length, 0);

describe('a reset token', () => {
  it('is not told to whoever makes up a ticket for a session that is open, or about to be', () => {
    onFedGateway({}, (gateway) => {
      const foreign = new TicketKeyring([{ id: 99, key: new Uint8Array(32).fill(99) }]);
      const credentials = gateway.login();
      const body = { conv: credentials.conv, issuedMs: 0, expiresMs: 1, secret: new Uint8Array(32) };
      const ticket = foreign.seal({ ...body, seal: 'aead', subject: '', claims: '' });
      const stranger = new HandMadeClient({ ...credentials, ticket });
      const ask = (): Uint8Array[] => {
        gateway.sent('udp');
        gateway.feed('udp', VICTIM, stranger.hello());
        return gateway.sent('udp', VICTIM);
      };
      // Nobody has it yet: the client of another gateway could not know otherwise.
      expect(ask()[0]?.subarray(24)).toEqual(credentials.resetToken);
      const client = new HandMadeClient(credentials);
      gateway.greet(client, 'udp', OWN);
      expect(ask()).toEqual([]);
      gateway.feed('udp', OWN, client.datagram([client.tell()]));
      expect(ask()).toEqual([]);
      expect(gateway.drops(0)).toMatchObject({ ticket_unknown_key: 3 });
    });
  });
});

describe('a session that is about to open', () => {
  it('is not given away by a RESET to whoever speaks in its name', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      const junk = new Uint8Array(60).fill(7);
      new DataView(junk.buffer).setUint32(0, client.conv, true);
      junk[4] = 0xa0;
      const ask = (): Uint8Array[] => {
        gateway.sent('udp');
        gateway.feed('udp', VICTIM, junk);
        return gateway.sent('udp', VICTIM);
      };
      expect(ask()).toHaveLength(1);
      gateway.greet(client, 'udp', OWN);
      expect(ask()).toEqual([]);
      gateway.feed('udp', OWN, client.datagram([client.tell()]));
      expect(ask()).toEqual([]);
      expect(gateway.drops(0)).toEqual({ unknown_session: 1, open_failed: 2 });
    });
  });

  it('nor by one on a connection, where sessions may be clear', () => {
    onFedGateway({ port: { allowClear: true } }, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      gateway.greet(client, 'udp', OWN);
      gateway.tcp.connect(VICTIM);
      const clear = new HandMadeClient({ ...client.credentials, seal: 'clear' });
      gateway.feed('tcp', VICTIM, clear.datagram([clear.push(0, 'x'.repeat(40))]));
      expect(gateway.sent('tcp', VICTIM)).toEqual([]);
      expect(gateway.drops(1)).toEqual({ seal_required: 1 });
    });
  });
});

describe('a clear session', () => {
  it('does not move to a line where there may be none', () => {
    onFedGateway({ port: { allowClear: true } }, (gateway) => {
      const client = gateway.open('tcp', OWN, { seal: 'clear' });
      const strict = new HandFedCarrier();
      const port = gateway.attach(strict);
      strict.feed({ slot: OWN, bytes: client.hello() });
      expect(strict.sent).toEqual([]);
      expect(gateway.drops(port)).toEqual({ clear_not_allowed: 1 });
      expect([...gateway.session.paths]).toHaveLength(1);
    });
  });
});

describe('a handshake that was not finished', () => {
  it('is over when a later one of the same client is: a datagram that was held back replaces nothing', () => {
    onFedGateway({}, (gateway) => {
      const credentials = gateway.login();
      const [before, after] = [new HandMadeClient(credentials), new HandMadeClient(credentials)];
      gateway.greet(before, 'udp', OWN);
      gateway.greet(after, 'udp', OWN);
      gateway.feed('udp', OWN, after.datagram([after.push(0, 'it is me')]));
      expect(gateway.stats).toMatchObject({ openSessions: 1, halfOpen: 0 });
      gateway.feed('udp', VICTIM, before.datagram([before.push(0, 'it was me')], { pn: 5 }));
      expect(gateway.stats).toMatchObject({ openSessions: 1, openedSessions: 1 });
      expect(gateway.drops(0)).toEqual({ open_failed: 1 });
      expect(gateway.sinks.map(({ text }) => text)).toEqual(['it is me']);
    });
  });

  it('is not when an earlier one is: the later one takes its place', () => {
    onFedGateway({}, (gateway) => {
      const credentials = gateway.login();
      const [before, after] = [new HandMadeClient(credentials), new HandMadeClient(credentials)];
      gateway.greet(before, 'udp', OWN);
      gateway.greet(after, 'udp', OWN);
      gateway.feed('udp', OWN, before.datagram([before.push(0, 'it was me')]));
      gateway.feed('udp', OWN, after.datagram([after.push(0, 'it is me')]));
      expect(gateway.stats).toMatchObject({ openSessions: 1, openedSessions: 2, halfOpen: 0 });
      expect(gateway.sinks.map(({ text }) => text)).toEqual(['it was me', 'it is me']);
    });
  });
});

describe('an address in whose name a peer said HELLO', () => {
  it('is not proved by the datagram that opens the session, when the answer went elsewhere too', () => {
    onFedGateway({}, (gateway) => {
      const client = new HandMadeClient(gateway.login());
      const hello = client.hello();
      gateway.feed('udp', VICTIM, hello);
      // The same HELLO from where the peer is gets the same answer, and the peer has what it needs.
      gateway.greet(client, 'udp', OWN);
      const opening = client.datagram([client.push(0, 'send me something')]);
      gateway.feed('udp', VICTIM, opening);
      expect(gateway.session.paths).toMatchObject([{ validated: false }]);
      const data = new Uint8Array(100_000);
      gateway.sinks[0]!.port.send(data, 0, data.length);
      gateway.loop.runFor(5_000);
      expect(bytesIn(gateway.sent('udp', VICTIM))).toBeLessThanOrEqual(3 * opening.length);
    });
  });
});
