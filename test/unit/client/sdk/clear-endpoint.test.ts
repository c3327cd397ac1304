import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { SeededRandom } from '../../../../src/base/seeded-random.ts';
import type { LoginPair } from '../../endpoint/login-pair.ts';
import { sendText } from '../../endpoint/login-pair.ts';
import { onClearClient, type ClearClient } from './clear-client.ts';

describe('a clear session without the endpoint of Node', () => {
  test('opens, carries bytes both ways, and ends in order; nothing is left', () => {
    onClearClient((client, pair) => {
      const line = client.dial();
      pair.loop.runFor(100);
      expect(client.session.state).toBe('open');
      expect(client.sink.events).toEqual(['opened']);
      sendText(client.session, 'x'.repeat(100_000));
      const far = pair.gateway.sinks[0]!;
      sendText(far.port, 'y'.repeat(100_000));
      pair.loop.runFor(2_000);
      expect([client.sink.text.length, far.text.length]).toEqual([100_000, 100_000]);
      client.session.close(CloseCode.normal, 'done');
      pair.loop.runFor(20_000);
      expect(far.events.at(-1)).toBe('close 1000 the peer closed');
      expect(line.isAlive).toBe(false);
      expect(pair.leftovers()).toEqual({});
      expect(client.session.state).toBe('gone');
      // No timer of it is left either.
      expect(pair.loop.step()).toBe(false);
    });
  });

  test('leaves in one batch what one turn brought up', () => {
    onClearClient((client, pair) => {
      const line = client.dial();
      pair.loop.runFor(100);
      const { sentDatagrams } = line.carrier.stats();
      for (let i = 0; i < 20; i++) sendText(client.session, 'ten bytes.');
      pair.loop.runFor(1);
      expect(line.carrier.stats().sentDatagrams - sentDatagrams).toBe(1);
    });
  });

  test('moves to another connection when the gateway answered there, and closes the one it left', () => {
    onClearClient((client, pair) => {
      const line = client.dial();
      pair.loop.runFor(100);
      client.moveTo();
      pair.loop.runFor(15);
      expect(client.events).toEqual([]);
      pair.loop.runFor(5_000);
      expect(client.events[0]).toBe('validated');
      expect([client.session.moves, pair.gateway.session.moves]).toEqual([1, 1]);
      expect(line.isAlive).toBe(false);
      sendText(client.session, 'over there');
      pair.loop.runFor(100);
      expect(pair.gateway.sinks[0]!.text).toBe('over there');
    });
  });

  test('gives up a line that leads nowhere, closes it, and stays', () => {
    onClearClient((client, pair) => {
      client.dial();
      pair.loop.runFor(100);
      const lost = client.connect();
      client.moveTo(lost);
      lost.stall('both', 1e6);
      pair.loop.runFor(12_000);
      expect(client.events).toEqual(['failed']);
      expect(lost.carrier.stats().connections?.open).toBe(0);
      const path = client.moveTo();
      client.endpoint.abandonPath(client.session, path);
      pair.loop.runFor(1_000);
      expect(client.session.moves).toBe(0);
      sendText(client.session, 'here');
      pair.loop.runFor(1_000);
      expect(pair.gateway.sinks[0]!.text).toBe('here');
    });
  });

  test('nothing is lost or comes twice, whenever its connections break', () => {
    const breaks = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(breaks, fc.integer({ min: 1, max: 300_000 }), (waits, length) => {
        onClearClient((client, pair) => {
          client.dial();
          pair.loop.runFor(100);
          const transfer = new Transfer(client, pair, length);
          for (const wait of waits) {
            transfer.run(wait);
            client.lines.at(-1)!.breakDown();
          }
          transfer.run(20_000);
          expect(transfer.result).toEqual({ up: true, down: true });
        });
      }),
      { numRuns: 30 },
    );
  });

  test('stops while its connection does not take what it is sent, and goes on', () => {
    onClearClient((client, pair) => {
      const line = client.dial();
      pair.loop.runFor(100);
      line.stall('up', 3_000);
      let sent = 0;
      for (let i = 0; i < 100; i++) {
        sent += Math.max(0, sendText(client.session, 'z'.repeat(10_000)));
        pair.loop.runFor(10);
      }
      // Not all of the window: the mark, and one flush.
      expect(line.carrier.connections!.queuedBytes(0)).toBeLessThan(40_000 + 16 * 1024);
      pair.loop.runFor(10_000);
      expect(pair.gateway.sinks[0]!.text.length).toBe(sent);
    });
  });
});

describe('its opening', () => {
  test('goes out on several lines: the first that is answered is used, the others are closed', () => {
    onClearClient((client, pair) => {
      const slow = client.dial(client.connect(80));
      const fast = client.connect(20);
      const { port, slot } = client.attach(fast);
      client.endpoint.tryOpening(client.session, port, slot);
      fast.carrier.release(slot);
      pair.loop.runFor(45);
      expect([client.session.state, client.session.path.port]).toEqual(['open', port]);
      sendText(client.session, 'first');
      pair.loop.runFor(10_000);
      expect(pair.gateway.sinks.map(({ text }) => text)).toEqual(['first']);
      expect([slow.isAlive, fast.isAlive]).toEqual([false, true]);
      expect(client.session.path.port).toBe(port);
    });
  });

  test('survives that the line it began on breaks', () => {
    onClearClient((client, pair) => {
      client.redials = false;
      const broken = client.dial();
      const { port, slot } = client.attach(client.connect(50));
      client.endpoint.tryOpening(client.session, port, slot);
      broken.breakDown();
      pair.loop.runFor(2_000);
      expect([client.session.state, client.session.path.port]).toEqual(['open', port]);
    });
  });
});

describe('its end', () => {
  test('a kick tells code and reason', () => {
    onClearClient((client, pair) => {
      client.dial();
      pair.loop.runFor(100);
      pair.gateway.endpoint.kick({}, CloseCode.kicked, 'not here');
      pair.loop.runFor(1_000);
      expect(client.sink.events.at(-1)).toBe('close 3500 not here');
    });
  });

  test('a refusal tells its code', () => {
    onClearClient(
      (client, pair) => {
        client.dial();
        pair.loop.runFor(100);
        expect(client.sink.events.at(-1)).toMatch(/^close 3501 /);
        pair.loop.runFor(10_000);
        expect(pair.leftovers()).toEqual({});
      },
      { port: { allowClear: false } },
    );
  });

  test('a gateway that lost it says so; a RESET with another token says nothing', () => {
    onClearClient((client, pair) => {
      const line = client.dial();
      pair.loop.runFor(100);
      const { conv } = client.credentials;
      for (const [token, isBelieved] of [
        [new Uint8Array(16), false],
        [client.credentials.resetToken, true],
      ] as const) {
        pair.tcp.carrier.arena.target = 0;
        const at = pair.tcp.carrier.arena.reserve(40);
        const { view, bytes } = pair.tcp.carrier.arena;
        bytes.fill(0, at, at + 40);
        view.setUint32(at, conv, true);
        view.setUint8(at + 4, 89);
        view.setUint32(at + 20, 16, true);
        bytes.set(token, at + 24);
        pair.tcp.carrier.arena.commit(40);
        pair.tcp.carrier.flush();
        pair.loop.runFor(100);
        expect(client.sink.isClosed).toBe(isBelieved);
      }
      expect(client.sink.events.at(-1)).toMatch(/^close 3004 /);
      pair.loop.runFor(1_000);
      expect(line.isAlive).toBe(false);
    });
  });

  test('a KICK that comes where the session is not ends nothing', () => {
    onClearClient((client, pair) => {
      client.dial();
      pair.loop.runFor(100);
      client.attach(client.connect());
      pair.loop.runFor(100);
      const { arena } = pair.tcp.carrier;
      for (const [slot, isHeard] of [
        [1, false],
        [0, true],
      ] as const) {
        arena.target = slot;
        const at = arena.reserve(24);
        arena.bytes.fill(0, at, at + 24);
        arena.view.setUint32(at, client.credentials.conv, true);
        arena.view.setUint8(at + 4, 85);
        arena.view.setUint32(at + 12, CloseCode.kicked, true);
        arena.commit(24);
        pair.tcp.carrier.flush();
        pair.loop.runFor(100);
        expect(client.sink.isClosed).toBe(isHeard);
      }
    });
  });

  test('nobody answers the handshake', () => {
    onClearClient((client, pair) => {
      const line = client.connect();
      line.stall('both', 1e6);
      client.dial(line);
      pair.loop.runFor(4_900);
      expect(client.session.state).toBe('opening');
      pair.loop.runFor(1_000);
      expect(client.sink.events).toEqual(['close 3003 no answer to the handshake']);
      expect(client.session.state).toBe('gone');
    });
  });

  test('silence ends it', () => {
    onClearClient((client, pair) => {
      client.redials = false;
      const line = client.dial();
      pair.loop.runFor(100);
      line.stall('both', 1e6);
      pair.loop.runFor(35_000);
      expect(client.sink.events.at(-1)).toMatch(/^close 3000 /);
    });
  });

  test('a sink that throws costs its own session only', () => {
    onClearClient((client, pair) => {
      let isThrowing = false;
      client.dial(undefined, (sink) => ({
        write: (bytes, offset, length) => {
          if (isThrowing) throw new Error('a fault of the application');
          return sink.write(bytes, offset, length);
        },
        flush: () => undefined,
        end: () => undefined,
        writable: () => undefined,
        drain: () => undefined,
        close: () => {
          throw new Error('another');
        },
      }));
      const { session, sink } = client;
      pair.loop.runFor(100);
      client.dialAnother();
      pair.loop.runFor(100);
      isThrowing = true;
      for (const { port } of pair.gateway.sinks) sendText(port, 'hello');
      pair.loop.runFor(1_000);
      expect([session.state, sink.text]).toEqual(['gone', '']);
      expect([client.session.state, client.sink.text]).toEqual(['open', 'hello']);
    });
  });

  test('closing tells the gateway, and nothing is left; twice is once', async () => {
    let gone: Promise<unknown> = Promise.reject(new Error('not closed'));
    gone.catch(() => undefined);
    onClearClient((client, pair) => {
      const line = client.dial();
      pair.loop.runFor(100);
      sendText(client.session, 'half a');
      gone = Promise.all([
        client.endpoint.gone(),
        client.endpoint.close(CloseCode.normal, 'bye'),
        client.endpoint.close(),
      ]);
      expect(client.sink.events.at(-1)).toBe('close 1000 bye');
      pair.loop.runFor(5_000);
      expect(pair.gateway.sinks[0]!.isClosed).toBe(true);
      expect(line.isAlive).toBe(false);
      pair.loop.runFor(20_000);
      expect(pair.leftovers()).toEqual({});
      expect(pair.loop.step()).toBe(false);
    });
    await gone;
  });

  test('what a sink has another session send leaves at once, whichever comes first', () => {
    onClearClient((client, pair) => {
      client.dial();
      const { session: first, sink: firstSink } = client;
      client.dialAnother((sink) => {
        const flush = (): void => void sendText(first, 'pass it on');
        return Object.assign(sink, { flush });
      });
      pair.loop.runFor(100);
      sendText(pair.gateway.sinks[1]!.port, 'hello');
      pair.loop.runFor(25);
      expect(pair.gateway.sinks[0]!.text).toBe('pass it on');
      expect(firstSink.text).toBe('');
    });
  });

  test('ports that are not used any more are given up, however often it moves', () => {
    onClearClient((client, pair) => {
      client.dial();
      pair.loop.runFor(100);
      for (let i = 0; i < 10; i++) {
        client.moveTo();
        pair.loop.runFor(5_000);
      }
      expect(client.session.moves).toBe(10);
      expect(client.session.path.port).toBeLessThan(3);
    });
  });

  test('a port that is given up takes its path with it', () => {
    onClearClient((client, pair) => {
      const line = client.dial();
      pair.loop.runFor(100);
      const unused = client.connect();
      const { port } = client.attach(unused);
      void client.endpoint.detach(port);
      void client.endpoint.detach(port);
      pair.loop.runFor(1_000);
      expect([unused.isAlive, line.isAlive]).toEqual([false, true]);
      expect(client.session.state).toBe('open');
    });
  });
});

test('bytes of nobody change nothing', () => {
  onClearClient((client, pair) => {
    client.dial();
    pair.loop.runFor(100);
    const random = new SeededRandom(7);
    for (let i = 0; i < 2_000; i++) {
      const { arena } = pair.tcp.carrier;
      const length = random.nextUint32() % 200;
      arena.target = 0;
      const at = arena.reserve(length);
      for (let j = 0; j < length; j++) arena.bytes[at + j] = random.nextUint32();
      // Half of them of this conversation, and of a kind.
      if (length > 24 && i % 2 === 0) {
        arena.view.setUint32(at, client.credentials.conv, true);
        arena.bytes[at + 4] = [80, 81, 82, 89, 94, 0xa0, 0xb1, 0xb3, 0xf1][(i / 2) % 9]!;
      }
      arena.commit(length);
      pair.tcp.carrier.flush();
      pair.loop.runFor(1);
    }
    sendText(client.session, 'still here');
    pair.loop.runFor(1_000);
    expect(client.session.state).toBe('open');
    expect(pair.gateway.sinks[0]!.text).toBe('still here');
  });
});

/** So many bytes each way at once. */
class Transfer {
  readonly #client: ClearClient;
  readonly #pair: LoginPair;
  readonly #bytes: Uint8Array;
  #up = 0;
  #down = 0;

  constructor(client: ClearClient, pair: LoginPair, length: number) {
    this.#client = client;
    this.#pair = pair;
    const random = new SeededRandom(length);
    this.#bytes = Uint8Array.from({ length }, () => random.nextUint32());
  }

  run(forMs: number): void {
    for (let ms = 0; ms < forMs; ms++) {
      const { session } = this.#client;
      const { port } = this.#pair.gateway.sinks[0]!;
      const { length } = this.#bytes;
      if (this.#up < length) this.#up += Math.max(0, session.send(this.#bytes, this.#up, length - this.#up));
      if (this.#down < length)
        this.#down += Math.max(0, port.send(this.#bytes, this.#down, length - this.#down));
      this.#pair.loop.runFor(1);
    }
  }

  get result() {
    const isEqual = (received: readonly number[]): boolean =>
      Buffer.compare(Uint8Array.from(received), this.#bytes) === 0;
    return { up: isEqual(this.#pair.gateway.sinks[0]!.received), down: isEqual(this.#client.sink.received) };
  }
}
