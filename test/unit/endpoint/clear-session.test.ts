import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import type { Sink } from '../../../src/base/sink.ts';
import { PERFECT_LINK } from '../../../tools/kcpgate/relay/net-emulator.ts';
import { onLoginPair, sendText, type LoginPair, type TestClient } from './login-pair.ts';
import { TestGateway } from './login-gateway.ts';

const openClear = (pair: LoginPair, kind: 'udp' | 'tcp'): TestClient =>
  pair.open(kind, pair.gateway.login({ seal: 'clear' }));

/** The gateway is killed, and another with the same keys is in its place. */
function restart(pair: LoginPair): TestGateway {
  const { port } = pair.udp.localAddress;
  void pair.udp.close();
  void pair.gateway.endpoint.close();
  const gateway = new TestGateway(pair.loop);
  gateway.attach(pair.network.openUdp({}, port), { allowClear: true });
  gateway.endpoint.start();
  return gateway;
}

describe('a clear session', () => {
  it('whose gateway was started again is stale, and does not go on in another of its name', () => {
    onLoginPair({ port: { allowClear: true } }, (pair) => {
      const client = openClear(pair, 'udp');
      const old = pair.gateway.sinks[0]!;
      client.send('x'.repeat(5000));
      sendText(old.port, 'y'.repeat(5000));
      pair.loop.runFor(1_000);
      const gateway = restart(pair);
      client.moveTo(client.openUdp());
      pair.loop.runFor(1_000);
      client.send('more');
      pair.loop.runFor(1_000);
      expect(client.sink.events.at(-1)).toMatch(/^close 3004 /);
      expect(gateway.sinks).toEqual([]);
      pair.loop.runFor(10_000);
      expect(gateway.stats.halfOpen).toBe(0);
    });
  });

  it('is not opened anew by what its client says while it comes back', () => {
    onLoginPair({ port: { allowClear: true } }, (pair) => {
      const client = openClear(pair, 'udp');
      client.send('x'.repeat(30_000));
      const path = client.moveTo(client.openUdp());
      const gateway = restart(pair);
      client.endpoint.abandonPath(client.session, path);
      pair.loop.runFor(1_000);
      expect(client.sink.events.at(-1)).toMatch(/^close 3004 /);
      expect(gateway.sinks).toEqual([]);
    });
  });

  it('gives each message outside the order once, however often the network brings it', () => {
    onLoginPair({ port: { allowClear: true } }, (pair) => {
      const client = pair.client(pair.gateway.login({ seal: 'clear' }));
      const line = client.openUdp();
      line.setLinks({ ...PERFECT_LINK, delayMs: 10, duplicateRate: 1 });
      client.dial(line);
      pair.loop.runFor(500);
      sendText(pair.gateway.sinks[0]!.port, 'welcome');
      pair.loop.runFor(100);
      const sink: Sink = pair.gateway.sinks[0]!;
      const came: number[] = [];
      sink.datagram = (bytes, offset) => void came.push(bytes[offset]!);
      for (let number = 0; number < 50; number++) client.session.sendDatagram(Uint8Array.of(number), 0, 1);
      pair.loop.runFor(500);
      expect(came).toEqual(Array.from({ length: 50 }, (_, number) => number));
    });
  });

  it('comes back to its path when another that it tried is given up after the gateway went there', () => {
    for (const kind of ['udp', 'tcp'] as const) {
      onLoginPair({ port: { allowClear: true } }, (pair) => {
        const client = openClear(pair, 'udp');
        client.send('hello');
        pair.loop.runFor(1_000);
        const path = client.moveTo(kind === 'udp' ? client.openUdp() : client.connect());
        // The HELLO_CLEAR arrives, its answer is on its way.
        pair.loop.runFor(15);
        client.endpoint.abandonPath(client.session, path);
        pair.loop.runFor(5_000);
        sendText(pair.gateway.sinks[0]!.port, 'still there?');
        client.send(' yes');
        pair.loop.runFor(1_000);
        expect([client.sink.text, pair.gateway.sinks[0]!.text]).toEqual(['still there?', 'hello yes']);
        expect(client.events).toEqual([]);
      });
    }
  });

  it('does not call the gateway back to the path it left', () => {
    onLoginPair({ port: { allowClear: true } }, (pair) => {
      const client = pair.client(pair.gateway.login({ seal: 'clear' }));
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(1_000);
      // Nothing is answered: it asks, and asks again.
      line.blackHole('down', 12_500);
      while (client.session.path.challenge === undefined) pair.loop.runFor(10);
      client.moveTo(client.openUdp());
      pair.loop.runFor(100);
      const { moves } = pair.gateway.session;
      line.blackHole('down', 0);
      pair.loop.runFor(5_000);
      expect([moves, pair.gateway.session.moves, client.session.moves]).toEqual([1, 1, 1]);
    });
  });

  it('is heard again after a NAT gave its client another address', () => {
    onLoginPair({ port: { allowClear: true } }, (pair) => {
      const client = pair.client(pair.gateway.login({ seal: 'clear' }));
      const line = client.openUdp();
      client.dial(line);
      pair.loop.runFor(1_000);
      line.rebind();
      pair.loop.runFor(20_000);
      sendText(pair.gateway.sinks[0]!.port, 'still there?');
      pair.loop.runFor(1_000);
      expect(client.sink.text).toBe('still there?');
    });
  });
});

describe('a gateway whose client moved to a connection that breaks at once', () => {
  it('goes on where the client was', () => {
    onLoginPair({}, (pair) => {
      const client = pair.open('udp');
      const line = client.connect();
      client.moveTo(line);
      pair.loop.runFor(60);
      expect(pair.gateway.session.moves).toBe(1);
      line.breakDown({ clientAfterMs: Infinity });
      sendText(pair.gateway.sinks[0]!.port, 'x'.repeat(3000));
      pair.loop.runFor(200);
      expect(client.sink.text).toBe('x'.repeat(3000));
    });
  });
});

describe('a session that is forgotten in the moment its connection breaks', () => {
  it('holds no other connection, and nobody who comes over the next one is turned away', () => {
    onLoginPair({ session: { lingerMs: 250 }, client: { session: { lingerMs: 2_000 } } }, (pair) => {
      const client = pair.open('tcp');
      const line = client.connect();
      client.moveTo(line);
      pair.loop.runFor(60);
      expect(pair.gateway.session.moves).toBe(1);
      pair.gateway.endpoint.kick({}, CloseCode.kicked, 'out');
      while (pair.gateway.stats.lingeringSessions === 0) pair.loop.runFor(1);
      pair.loop.at(pair.loop.now() + 250, () => {
        line.breakDown({ clientAfterMs: Infinity });
      });
      pair.loop.runFor(250);
      expect(pair.gateway.stats.lingeringSessions).toBe(0);
      pair.loop.runFor(5_000);
      pair.open('tcp', pair.gateway.login({ conv: 9 }));
      expect(pair.gateway.session.conv).toBe(9);
    });
  });
});

describe('a session that is replaced while it hands over what its peer sent before it closed', () => {
  it('is not said to have ended normally', () => {
    onLoginPair({}, (pair) => {
      const credentials = pair.gateway.login();
      const client = pair.open('udp', credentials);
      const sink = pair.gateway.sinks[0]!;
      sink.room = 1;
      client.send('x'.repeat(5000));
      client.session.close(CloseCode.normal, 'done');
      pair.loop.runFor(500);
      expect(client.sink.events.at(-1)).toMatch(/^close 1000 /);
      pair.open('udp', credentials);
      expect(sink.text.length).toBeLessThan(5000);
      expect(sink.events.at(-1)).toMatch(/^close 3502 /);
    });
  });
});

describe('a gateway that closes in order and cannot get everything across', () => {
  it('does not tell its client that this was all', () => {
    onLoginPair({ kcp: { receiveWindow: 4 } }, (pair) => {
      const client = pair.open('udp');
      client.sink.room = 1;
      const { port } = pair.gateway.sinks[0]!;
      sendText(port, 'x'.repeat(50_000));
      port.close(CloseCode.normal, 'done');
      pair.loop.runFor(4_000);
      expect(pair.gateway.sinks[0]!.events.at(-1)).toMatch(/^close 3003 /);
      client.sink.room = Infinity;
      client.session.resume();
      pair.loop.runFor(4_000);
      expect(client.sink.events.at(-1)).toMatch(/^close 3003 /);
    });
  });
});
