import type { AnySegment } from '../../../src/wire/any-segment.ts';
import type { TicketBody } from '../../../src/wire/ticket.ts';
import type { PortConfig } from '../../../src/endpoint/index.ts';
import { VirtualLoop } from '../../simulation/virtual-loop.ts';
import { HandFedCarrier } from '../../support/hand-fed-carrier.ts';
import { ConnectedCarrier } from './connected-carrier.ts';
import { HandMadeClient } from './hand-made-client.ts';
import { TestGateway, type TestGatewayOptions } from './login-gateway.ts';

export interface FedGatewayOptions extends TestGatewayOptions {
  /** Of both lines. */
  readonly port?: Partial<PortConfig>;
}

/** The lines of a {@link FedGateway}. */
export type Line = 'udp' | 'tcp';

/** A gateway whose lines are fed datagram by datagram, under a virtual loop. Port 0 is `udp`, port 1 `tcp`. */
export class FedGateway extends TestGateway {
  readonly loop: VirtualLoop;
  readonly udp = new HandFedCarrier();
  readonly tcp = new ConnectedCarrier();
  readonly #seen = { udp: 0, tcp: 0 };

  constructor(loop: VirtualLoop, options: FedGatewayOptions = {}) {
    super(loop, options);
    this.loop = loop;
    this.attach(this.udp, options.port);
    this.attach(this.tcp, options.port);
    this.endpoint.start();
  }

  feed(line: Line, slot: number, ...datagrams: Uint8Array[]): void {
    this[line].feed(...datagrams.map((bytes) => ({ slot, bytes })));
  }

  /** What was sent on a line since it was last asked, to one slot or all. */
  sent(line: Line, slot?: number): Uint8Array[] {
    const from = this.#seen[line];
    this.#seen[line] = this[line].sent.length;
    return this[line].sent
      .slice(from)
      .filter((sent) => slot === undefined || sent.slot === slot)
      .map(({ bytes }) => bytes);
  }

  /** The segments of what was sent to a client since it was last asked. */
  heard(client: HandMadeClient, line: Line, slot?: number): AnySegment[] {
    return this.sent(line, slot).flatMap((bytes) => client.open(bytes) ?? []);
  }

  /** A client says HELLO from an address and gets its answer. @returns the segments of that. */
  greet(client: HandMadeClient, line: Line, slot: number): AnySegment[] {
    if (line === 'tcp' && !this.tcp.alive.has(slot)) this.tcp.connect(slot);
    this.sent(line);
    this.feed(line, slot, client.hello());
    for (const bytes of this.sent(line, slot)) {
      const segments = client.takeAck(bytes);
      if (segments !== undefined) return segments;
    }
    throw new Error(`no answer: ${JSON.stringify(this.drops(line === 'udp' ? 0 : 1))}`);
  }

  /** A client whose session is open. */
  open(line: Line, slot: number, ticket: Partial<TicketBody> = {}): HandMadeClient {
    const client = new HandMadeClient(this.login(ticket));
    this.greet(client, line, slot);
    this.feed(line, slot, client.datagram([client.tell()]));
    this.sent(line);
    return client;
  }

  /** How often the loop has something to do within the next ms. */
  wakeUps(forMs: number): number {
    const end = this.loop.now() + forMs;
    let count = 0;
    while (this.loop.now() < end && this.loop.step()) count++;
    return count;
  }
}

/** Runs a test on a gateway that is fed by hand; the timers of Node are the loop's meanwhile. */
export function onFedGateway(options: FedGatewayOptions, run: (gateway: FedGateway) => void): void {
  const loop = new VirtualLoop(5_000);
  const restore = loop.install();
  try {
    run(new FedGateway(loop, options));
  } finally {
    restore();
  }
}
