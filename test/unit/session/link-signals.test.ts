import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { SEALED_OVERHEAD_BYTES } from '../../../src/wire/sealed-header.ts';
import { onLoginPair, sendText } from '../endpoint/login-pair.ts';
import { SessionPair } from './session-pair.ts';

describe('what a session tells of the path in use', () => {
  it('is since when something waits to be acknowledged and nothing was', () => {
    const pair = new SessionPair();
    pair.run(1_000);
    const signals = () => pair.client.linkSignals();
    expect(signals()).toMatchObject({ stalledSince: NEVER, segmentsSent: 0 });
    const sentAt = pair.clock.now();
    pair.send(pair.client, 'x'.repeat(5_000));
    expect(signals().stalledSince).toBe(NEVER);
    pair.run(5);
    expect(signals()).toMatchObject({ stalledSince: sentAt, activeAt: sentAt });
    pair.run(500);
    expect(signals()).toMatchObject({ stalledSince: NEVER, activeAt: sentAt, srttMs: 20 });
    // Nothing comes through any more: more that is sent does not make it look younger, nor do repeats.
    pair.passes = () => false;
    const brokenAt = pair.clock.now();
    for (let i = 0; i < 5; i++) {
      pair.send(pair.client, 'y');
      pair.run(300);
    }
    expect(signals()).toMatchObject({
      stalledSince: brokenAt,
      heardAt: sentAt + 20,
      activeAt: brokenAt + 1_200,
    });
    expect(signals().timeoutRetransmits).toBeGreaterThan(2);
    expect(signals().rtoMs).toBeLessThan(100);
  });

  it('counts the time anew with every acknowledgement while more is under way', () => {
    const pair = new SessionPair({ kcp: { sendWindow: 4 } });
    pair.run(1_000);
    pair.send(pair.client, 'x'.repeat(100_000));
    const from = pair.clock.now();
    pair.run(200);
    expect(pair.client.linkSignals().stalledSince).toBeGreaterThan(from + 150);
  });

  it('is when data moved: not keepalives, and not repeats', () => {
    onLoginPair({ client: { session: { keepAliveMs: 1_000 } } }, (pair) => {
      const client = pair.open('udp');
      const { session } = client;
      const { activeAt } = session.linkSignals();
      pair.loop.runFor(5_000);
      expect(session.linkSignals().activeAt).toBe(activeAt);
      expect(session.linkSignals().heardHereAt).toBeGreaterThan(pair.loop.now() - 1_300);
      session.sendDatagram(Uint8Array.of(1), 0, 1);
      pair.loop.runFor(1);
      expect(session.linkSignals().activeAt).toBe(pair.loop.now() - 1);
      pair.loop.runFor(100);
      pair.gateway.sinks[0]!.port.sendDatagram(Uint8Array.of(1), 0, 1);
      pair.loop.runFor(10);
      expect(session.linkSignals().activeAt).toBe(pair.loop.now());
    });
  });

  it('is not blamed for what the path before it did', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(200);
      line.blackHole('both', 60_000);
      client.send('x');
      pair.loop.runFor(700);
      const before = client.session.linkSignals();
      expect(pair.loop.now() - before.stalledSince).toBe(700);
      client.moveTo(client.openUdp());
      pair.loop.runUntil(() => client.session.moves === 1, 1_000);
      const movedAt = pair.loop.now();
      expect(client.session.linkSignals()).toMatchObject({ stalledSince: movedAt, heardHereAt: movedAt });
      pair.loop.runFor(100);
      const after = client.session.linkSignals();
      expect(after.stalledSince).toBe(NEVER);
      expect(after.heardHereAt).toBeGreaterThan(movedAt);
      expect(after.sentBytes).toBeGreaterThan(before.sentBytes);
    });
  });

  it('counts every byte both ways', () => {
    onLoginPair({}, (pair) => {
      const client = pair.open('udp');
      const before = client.session.linkSignals();
      const count = { up: 0, down: 0 };
      client.session.sendDatagram(new Uint8Array(100), 0, 100);
      count.up += 100 + 24 + SEALED_OVERHEAD_BYTES;
      pair.gateway.sinks[0]!.port.sendDatagram(new Uint8Array(50), 0, 50);
      count.down += 50 + 24 + SEALED_OVERHEAD_BYTES;
      pair.loop.runFor(100);
      const after = client.session.linkSignals();
      expect(after.sentBytes - before.sentBytes).toBe(count.up);
      expect(after.receivedBytes - before.receivedBytes).toBe(count.down);
    });
  });
});

describe('a client that asks whether the peer is still there', () => {
  it('is told the round trip, at once, also when it asks again', () => {
    onLoginPair({}, (pair) => {
      const client = pair.open('udp');
      client.checks.length = 0;
      client.session.checkPath();
      pair.loop.runFor(20);
      expect(client.checks).toEqual(['0 20']);
      client.session.checkPath();
      pair.loop.runFor(5);
      client.session.checkPath();
      pair.loop.runFor(15);
      // The first answer to either.
      expect(client.checks).toEqual(['0 20', '0 20']);
      pair.loop.runFor(10_000);
      expect(client.checks.length).toBeLessThanOrEqual(3);
    });
  });

  it('is told that nobody answers, and stays', () => {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(200);
      client.checks.length = 0;
      line.blackHole('down', 5_000);
      client.session.checkPath();
      pair.loop.runFor(5_000);
      expect(client.events).toEqual(['failed 0']);
      client.session.checkPath();
      pair.loop.runFor(100);
      expect([client.events, client.checks]).toEqual([['failed 0'], ['0 20']]);
      sendText(client.session, 'still here');
      pair.loop.runFor(100);
      expect(pair.gateway.sinks[0]!.text).toBe('still here');
    });
  });
});
