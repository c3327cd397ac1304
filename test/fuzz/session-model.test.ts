import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { Session } from '../../src/session/index.ts';
import { seeds, withSeed } from '../simulation/seeds.ts';
import { SessionPair, type RecordingSink } from '../unit/session/session-pair.ts';

const RUNS = seeds(...Array.from({ length: 300 }, (_, index) => index + 1));

/** What one side sent so far, beside its session. */
class Side {
  readonly session: Session;
  readonly sink: RecordingSink;
  readonly sent: number[] = [];
  ended = false;

  constructor(session: Session, sink: RecordingSink) {
    this.session = session;
    this.sink = sink;
  }
}

/*
 * Two sessions over a network that loses, delays, repeats and corrupts, and applications that do random things: send,
 * end, stop reading, close, kick, drain, destroy. Whatever happens: what arrives is a prefix of what was sent, nothing
 * is told to a sink after its close, an end means that everything arrived, and in the end nothing is left.
 */
describe('sessions under random use of them', () => {
  it.each(RUNS)('seed %i', (seed) => {
    withSeed(seed, () => {
      const random = new SeededRandom(seed);
      const peer = random.nextInt(4) === 0 ? 'stock' : 'kcpgate';
      const pair = new SessionPair({
        peer,
        kcp: {
          receiveWindow: 1 + random.nextInt(40),
          sendWindow: 1 + random.nextInt(40),
          maxQueueBytes: 20_000,
          limitUntilHeard: random.nextInt(2) === 0,
          initialSequence: random.nextInt(2) === 0 ? 0 : -20,
        },
        client: { keepAliveMs: 5_000 },
      });
      const lossRate = random.nextInt(30) / 100;
      pair.passes = ({ bytes }) => {
        if (random.nextFloat() < 0.01) bytes[random.nextInt(bytes.length)]! ^= 1 << random.nextInt(8);
        return random.nextFloat() >= lossRate;
      };
      pair.delays = () =>
        Array.from({ length: random.nextInt(20) === 0 ? 2 : 1 }, () => 5 + random.nextInt(40));
      const client = new Side(pair.client, pair.clientSink);
      const gateway = new Side(pair.gateway, pair.gatewaySink);
      if (peer === 'kcpgate') pair.client.open();
      for (let step = 0; step < 60; step++) {
        act(random, random.nextInt(2) === 0 ? client : gateway, step);
        pair.run(random.nextInt(150));
        check(client, gateway);
      }
      // Enough time for every timeout there is.
      for (const side of [client, gateway]) {
        side.sink.room = Number.POSITIVE_INFINITY;
        side.session.resume();
      }
      pair.passes = () => false;
      pair.run(200_000);
      expect([client.session.state, gateway.session.state]).toEqual(['gone', 'gone']);
      expect(pair.pool.usedSlots).toBe(0);
      for (const { sink } of [client, gateway]) {
        expect(sink.events.filter((event) => event.startsWith('close'))).toHaveLength(1);
      }
    });
  });
});

function act(random: SeededRandom, side: Side, step: number): void {
  switch (random.nextInt(step < 20 ? 5 : 12)) {
    case 0:
    case 1:
    case 2: {
      const bytes = Uint8Array.from({ length: 1 + random.nextInt(6_000) }, () => random.nextInt(256));
      const taken = side.session.send(bytes, 0, bytes.length);
      for (let i = 0; i < taken; i++) side.sent.push(bytes[i]!);
      return;
    }
    case 3:
      side.sink.room = random.nextInt(5_000);
      return;
    case 4:
      side.sink.room = Number.POSITIVE_INFINITY;
      side.session.resume();
      return;
    case 5:
      side.ended = true;
      side.session.end();
      return;
    case 6:
      if (random.nextInt(4) === 0) side.session.close(CloseCode.normal, 'closed');
      return;
    case 7:
      if (random.nextInt(4) === 0 && side.session.config.role === 'gateway')
        side.session.kick(CloseCode.kicked, 'kicked');
      return;
    case 8:
      if (random.nextInt(4) === 0 && side.session.config.role === 'gateway') side.session.beginDrain();
      return;
    case 9:
      if (random.nextInt(10) === 0) side.session.destroy(CloseCode.normal, 'destroyed');
      return;
    default:
      return;
  }
}

function check(client: Side, gateway: Side): void {
  for (const [from, to] of [
    [client, gateway],
    [gateway, client],
  ] as const) {
    const { received, events } = to.sink;
    expect(received.length).toBeLessThanOrEqual(from.sent.length);
    if (events.includes('end')) expect(received.length).toBe(from.sent.length);
  }
}
