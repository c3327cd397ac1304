import type { SocketAddress } from '../../../../src/base/address.ts';
import { GatewayError } from '../../../../src/base/errors.ts';
import { SeededRandom } from '../../../../src/base/seeded-random.ts';
import type { CarrierEvents, ReceiveBatch } from '../../../../src/carrier/carrier.ts';
import type { LineTransport } from '../../../../src/client/login-answer.ts';
import type { OpenedLine, OpenLineOptions } from '../../../../src/client/sdk/client-platform.ts';
import type { ProbePlatform } from '../../../../src/client/sdk/survey-lines.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { PROBE_ACK_BYTES, writeProbeAck, type ProbeAck } from '../../../../src/wire/probe-ack.ts';
import { readProbe, type Probe } from '../../../../src/wire/probe.ts';
import { HandFedCarrier } from '../../../support/hand-fed-carrier.ts';
import { v4 } from '../lines/lines.ts';

/** How the gateway behind a line behaves. */
export interface Behaviour {
  /** Round trip in ms; null: it does not answer. */
  readonly rttMs: number | null;
  /** How long opening takes, in ms; `never`: until it is given up; an error: it fails. Default 0. */
  readonly opens?: number | 'never' | GatewayError;
  /** What its answers say. */
  readonly says?: Partial<ProbeAck>;
}

/** A carrier with the gateway behind it. Its slot 0 is the gateway. */
export class ProbedGateway extends HandFedCarrier {
  readonly line: Line;
  readonly address: SocketAddress | undefined;
  readonly probes: Probe[] = [];
  readonly #behaviour: Behaviour;
  #events: CarrierEvents = {};

  constructor(line: Line, address: SocketAddress | undefined, behaviour: Behaviour) {
    super({}, 8192);
    this.line = line;
    this.address = address;
    this.#behaviour = behaviour;
    this.retain(0);
  }

  override start(onBatch: (batch: ReceiveBatch) => void, events: CarrierEvents = {}): void {
    super.start(onBatch);
    this.#events = events;
  }

  override flush(): void {
    super.flush();
    for (const { bytes } of this.sent.splice(0)) {
      const probe = readProbe({ bytes, view: new DataView(bytes.buffer) }, 0);
      if (typeof probe === 'string') throw new Error(probe);
      this.probes.push(probe);
      const { rttMs, says } = this.#behaviour;
      if (rttMs !== null) setTimeout(() => this.answer(probe, says), rttMs);
    }
  }

  /** Feeds an answer, unless the carrier is closed. */
  answer({ conv, index, ts, number, nonce }: Probe, says: Partial<ProbeAck> = {}): void {
    if (!this.isClosed)
      this.feed({ slot: 0, bytes: answerBytes({ conv, index, ts, number, nonce, ...says }) });
  }

  break(): void {
    this.#events.disconnected?.(0);
  }
}

/** A PROBE_ACK with nothing particular in it but what is given. */
export function answerBytes(ack: Partial<ProbeAck>): Uint8Array {
  const bytes = new Uint8Array(PROBE_ACK_BYTES);
  writeProbeAck({ bytes, view: new DataView(bytes.buffer) }, 0, {
    type: 'probeAck',
    conv: 0,
    index: 0,
    ts: 0,
    number: 0,
    nonce: 0,
    load: 0,
    draining: false,
    notReady: false,
    address: null,
    nodeId: 1,
    epochSeconds: 1,
    retryAfterMs: 0,
    ...ack,
  });
  return bytes;
}

/** A place to run in where lines, by their hosts or ids, behave as told. Needs fake timers. */
export class ProbedGateways implements ProbePlatform {
  readonly clock = { now: (): number => Date.now() };
  readonly random: () => number;
  readonly transports: readonly LineTransport[] = ['udp', 'tcp'];
  /** Every carrier that was opened. */
  readonly opened: ProbedGateway[] = [];
  /** By address, or by id of the line. */
  readonly behaviours: Readonly<Record<string, Behaviour>>;
  /** By host; else every host has one address. */
  readonly hosts: Readonly<Record<string, () => Promise<readonly SocketAddress[]>>>;

  constructor(behaviours: ProbedGateways['behaviours'], hosts: ProbedGateways['hosts'] = {}) {
    const luck = new SeededRandom(1);
    this.random = () => luck.nextFloat();
    this.behaviours = behaviours;
    this.hosts = hosts;
  }

  /** Carriers that are open. */
  get open(): number {
    return this.opened.filter(({ isClosed }) => !isClosed).length;
  }

  readonly resolve: ProbePlatform['resolve'] = (host) =>
    this.hosts[host]?.() ?? Promise.resolve([v4('192.0.2.1')]);

  readonly openLine = async (
    line: Line,
    { address, isForProbes, signal }: OpenLineOptions,
  ): Promise<OpenedLine> => {
    if (isForProbes !== true) throw new Error('a carrier of probes is small');
    const behaviour = this.behaviours[address?.address ?? ''] ?? this.behaviours[line.id] ?? { rttMs: null };
    const { opens = 0 } = behaviour;
    if (opens instanceof GatewayError) throw opens;
    await new Promise<void>((resolve, reject) => {
      if (opens !== 'never') setTimeout(resolve, opens);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    const carrier = new ProbedGateway(line, address, behaviour);
    this.opened.push(carrier);
    return { carrier, slot: 0 };
  };
}
