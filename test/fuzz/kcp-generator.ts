import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { resolveKcpConfig } from '../../src/kcp/config.ts';
import { KcpEngine } from '../../src/kcp/engine.ts';
import { SegmentPool } from '../../src/kcp/segment-pool.ts';
import type { KcpPresetName } from '../../src/kcp/presets.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../src/wire/segment.ts';
import { DatagramArena } from '../simulation/datagram-arena.ts';
import type { Operation, Program, ProgramConfig } from './kcp-program.ts';
import { FUZZ_CONV, type KcpTarget } from './kcp-target.ts';

/** A set-up chosen by luck: small windows and odd places in the number space on purpose. */
export function randomConfig(random: SeededRandom): ProgramConfig {
  const mtu = pick(random, [50, 80, 100, 576, 1400]);
  const sendWindow = pick(random, [1, 2, 7, 32, 128]);
  return {
    preset: pick<KcpPresetName>(random, ['default', 'normal', 'fast', 'fast2', 'fast3']),
    stream: chance(random, 0.5),
    mtu,
    sendWindow,
    receiveWindow: pick(random, [1, 2, 7, 32, 128]),
    maxQueueBytes: sendWindow * (mtu - SEGMENT_HEADER_BYTES),
    maxMessageBytes: pick(random, [0, 0, 1, 60, 3000]),
    initialSequence: pick(random, [0, 0, -5, 0x7ffffffb]),
    poolSlots: pick(random, [4, 16, 1024, 1024, 1024]),
    startMs: pick(random, [0, 1000, 2 ** 31 - 300, 2 ** 32 - 300]),
  };
}

/**
 * Makes up operations that suit the state the engine under test is in: hostile datagrams whose numbers lie near those the
 * engine cares about, and honest traffic of a real peer, some of it damaged on the way.
 */
export class Attacker {
  readonly #random: SeededRandom;
  readonly #target: KcpTarget;
  readonly #peer: KcpEngine;
  readonly #peerArena = new DatagramArena(64 * 1024);
  /** How much of the peer's honest traffic this attacker lets through, and how much of it is damaged. */
  readonly #honestRate: number;
  readonly #damageRate: number;

  constructor(random: SeededRandom, target: KcpTarget) {
    this.#random = random;
    this.#target = target;
    const { config } = target;
    this.#peer = new KcpEngine(
      resolveKcpConfig({
        conv: FUZZ_CONV,
        stream: config.stream,
        mtu: 576,
        initialSequence: config.initialSequence,
      }),
      new SegmentPool({ slotBytes: 1400, maxBytes: 1400 * 4096 }),
    );
    this.#honestRate = pick(random, [0, 0.5, 0.9]);
    this.#damageRate = pick(random, [0, 0.1, 0.5]);
  }

  /** The next operations, in the order to run them. */
  next(): Operation[] {
    const random = this.#random;
    const roll = random.nextFloat();
    if (roll < 0.35) return this.#honest();
    if (roll < 0.6) return [{ kind: 'datagram', bytes: this.#hostileDatagram() }];
    if (roll < 0.72) return [this.#transmit()];
    if (roll < 0.82)
      return [{ kind: 'send', bytes: pick(random, [0, 1, 30, 500, 3000, random.nextInt(20_000)]) }];
    if (roll < 0.9) return [{ kind: 'receive', pieces: pick(random, [1, 2, 1000]) }];
    if (roll < 0.96) return [{ kind: 'advance', ms: this.#someTime() }];
    if (roll < 0.98) return this.#changePath();
    if (roll < 0.985) return this.#outage();
    return [pick<Operation>(random, [{ kind: 'trim' }, { kind: 'mtu', bytes: 50 + random.nextInt(1351) }])];
  }

  /** What the engine under test wrote reaches the peer, if luck has it. */
  hear(written: readonly Uint8Array[]): void {
    for (const bytes of written) {
      if (!chance(this.#random, this.#honestRate)) continue;
      this.#peer.handleDatagram(this.#target.nowMs, bytes, viewOf(bytes), 0, bytes.length);
    }
  }

  #honest(): Operation[] {
    const random = this.#random;
    if (chance(random, 0.5)) {
      const length = 1 + random.nextInt(4000);
      this.#peer.send(new Uint8Array(length), 0, length);
    }
    if (chance(random, 0.8)) this.#peer.receive({ write: () => true });
    const operations: Operation[] = [];
    this.#peer.pollTransmit(this.#target.nowMs, this.#peerArena);
    this.#peerArena.drain((bytes, offset, length) => {
      if (operations.length >= 20 || !chance(random, this.#honestRate)) return;
      const copy = bytes.slice(offset, offset + length);
      if (chance(random, this.#damageRate)) damage(random, copy);
      operations.push({ kind: 'datagram', bytes: copy });
      if (chance(random, 0.05)) operations.push({ kind: 'datagram', bytes: copy });
    });
    return operations;
  }

  #transmit(): Operation {
    const random = this.#random;
    const arenaBytes = pick(random, [1400, 2900, 1 << 16]);
    if (chance(random, 0.85)) return { kind: 'transmit', arenaBytes };
    return { kind: 'transmit', arenaBytes, limit: pick(random, [0, 23, 24, 60, 500, 1400]) };
  }

  /** Any of what a session does when its path changes, mostly all of it. */
  #changePath(): Operation[] {
    const random = this.#random;
    const operations: Operation[] = [
      { kind: 'reliable', on: chance(random, 0.5) },
      { kind: 'reset', rttMs: pick(random, [-1, 0, random.nextInt(300), 60_000]) },
      { kind: 'resend' },
      this.#transmit(),
    ];
    return operations.filter(() => chance(random, 0.8));
  }

  /** Nothing arrives for a long time: timeouts follow timeouts, up to the dead link. */
  #outage(): Operation[] {
    const pauseMs = pick(this.#random, [1000, 30_000, 61_000]);
    const operations: Operation[] = [];
    for (let turn = 0; turn < 25; turn++) {
      operations.push({ kind: 'advance', ms: pauseMs }, { kind: 'transmit', arenaBytes: 1 << 16 });
    }
    return operations;
  }

  #hostileDatagram(): Uint8Array {
    const random = this.#random;
    if (chance(random, 0.05)) return randomBytes(random, random.nextInt(200));
    const parts: Uint8Array[] = [];
    const count = chance(random, 0.05) ? 58 : 1 + random.nextInt(5);
    for (let index = 0; index < count; index++) parts.push(this.#hostileSegment());
    const whole = Uint8Array.from(Buffer.concat(parts));
    if (chance(random, 0.05)) damage(random, whole);
    return chance(random, 0.07) ? whole.subarray(0, random.nextInt(whole.length + 1)) : whole;
  }

  #hostileSegment(): Uint8Array {
    const random = this.#random;
    const target = this.#target;
    const { una, next, expected } = target.engine.sequences;
    const command = chance(random, 0.93)
      ? pick(random, [81, 81, 81, 82, 82, 83, 84, 80])
      : random.nextInt(256);
    const inFlight = (next - una) | 0;
    const length = chance(random, 0.9) ? random.nextInt(40) : random.nextInt(2000);
    const window = target.config.receiveWindow;
    const sn =
      command === 82
        ? this.#near(una, -3, inFlight + 3)
        : this.#near(expected, -4, chance(random, 0.5) ? 4 : window + 3);
    const block = command === 80 ? 20 : 0;
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES + block + length);
    writeSegmentHeader(
      viewOf(bytes),
      0,
      chance(random, 0.98) ? FUZZ_CONV : random.nextUint32(),
      command,
      pick(random, [0, 0, 0, 0, 1, 2, 255, random.nextInt(256)]),
      pick(random, [0, 1, 2, 32, 128, 65_535, random.nextInt(65_536)]),
      this.#near(target.nowMs | 0, -300, 3),
      sn,
      this.#near(una, -2, chance(random, 0.1) ? inFlight + 2 : inFlight),
      chance(random, 0.95)
        ? length
        : pick(random, [0, length + 1, 0x7fffffff, 0x80000000, 0xffffffff, random.nextUint32()]),
    );
    return bytes;
  }

  /** Mostly a number from `from` to `to` around `base`, now and then half the number space away or anywhere. */
  #near(base: number, from: number, to: number): number {
    const random = this.#random;
    const roll = random.nextFloat();
    if (roll < 0.03) return random.nextUint32();
    if (roll < 0.06) return base + pick(random, [0x7fffffff, 0x80000000, 0x7ffffffe, 0x80000001]);
    return base + from + random.nextInt(to - from + 1);
  }

  #someTime(): number {
    const random = this.#random;
    const deadline = this.#target.engine.nextDeadline();
    if (deadline !== Infinity && chance(random, 0.5)) return Math.max(0, deadline - this.#target.nowMs);
    return pick(random, [0, 1, random.nextInt(50), random.nextInt(1000), 12_000, 2 ** 31 - 5]);
  }
}

/** A program that differs from another in a few places. */
export function mutate(random: SeededRandom, program: Program): Program {
  const operations = [...program.operations];
  const edits = 1 + random.nextInt(4);
  for (let edit = 0; edit < edits && operations.length > 0; edit++) {
    const at = random.nextInt(operations.length);
    const operation = operations[at];
    if (operation === undefined) continue;
    switch (random.nextInt(5)) {
      case 0:
        operations.splice(at, 1 + random.nextInt(3));
        break;
      case 1:
        operations.splice(random.nextInt(operations.length + 1), 0, operation);
        break;
      case 2: {
        const other = random.nextInt(operations.length);
        operations[at] = operations[other] ?? operation;
        operations[other] = operation;
        break;
      }
      default:
        operations[at] = vary(random, operation);
    }
  }
  return { config: chance(random, 0.1) ? randomConfig(random) : program.config, operations };
}

function vary(random: SeededRandom, operation: Operation): Operation {
  switch (operation.kind) {
    case 'datagram': {
      const bytes = operation.bytes.slice();
      damage(random, bytes);
      return {
        kind: 'datagram',
        bytes: chance(random, 0.1) ? bytes.subarray(0, random.nextInt(bytes.length + 1)) : bytes,
      };
    }
    case 'advance':
      return { kind: 'advance', ms: random.nextInt(2000) };
    case 'send':
      return { kind: 'send', bytes: random.nextInt(5000) };
    case 'receive':
      return { kind: 'receive', pieces: 1 + random.nextInt(4) };
    case 'transmit':
      return { kind: 'transmit', arenaBytes: 1400 + random.nextInt(5000) };
    case 'reliable':
    case 'resend':
    case 'reset':
      return pick<Operation>(random, [
        { kind: 'reliable', on: chance(random, 0.5) },
        { kind: 'resend' },
        { kind: 'reset', rttMs: random.nextInt(1000) - 1 },
      ]);
    case 'mtu':
    case 'trim':
      return { kind: 'mtu', bytes: random.nextInt(1500) };
  }
}

/** Changes a few bytes, in headers more often than in payloads. */
function damage(random: SeededRandom, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const changes = 1 + random.nextInt(3);
  for (let change = 0; change < changes; change++) {
    const at = random.nextInt(
      chance(random, 0.7) ? Math.min(bytes.length, SEGMENT_HEADER_BYTES) : bytes.length,
    );
    bytes[at] = pick(random, [
      0,
      1,
      0x7f,
      0x80,
      0xff,
      (bytes[at] ?? 0) ^ (1 << random.nextInt(8)),
      random.nextInt(256),
    ]);
  }
}

function randomBytes(random: SeededRandom, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.nextInt(256));
}

const chance = (random: SeededRandom, rate: number): boolean => random.nextFloat() < rate;

function pick<Choice>(random: SeededRandom, choices: readonly [Choice, ...Choice[]]): Choice {
  return choices[random.nextInt(choices.length)] ?? choices[0];
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
