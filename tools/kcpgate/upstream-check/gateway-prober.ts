import { FRONT_KINDS, type FrontGateway, type FrontKind } from '../nginx/include-files.ts';
import type { RoundOutcomes } from './gateway-judge.ts';
import { probeHttp } from './http-prober.ts';
import type { ProbeOutcome } from './probe-outcome.ts';
import { probeTcp } from './tcp-prober.ts';
import { UdpProber } from './udp-prober.ts';

/** Asks one gateway in every way it has, at the same time, so that all that is known of it is from the same moment. */
export class GatewayProber {
  readonly #gateway: FrontGateway;
  readonly #udp: UdpProber | undefined;

  constructor(gateway: FrontGateway) {
    this.#gateway = gateway;
    this.#udp = gateway.udp === null ? undefined : new UdpProber(gateway.udp);
  }

  /** Ends within the time, or a little later when this process does not run. Not while another round is under way. */
  async round(timeoutMs: number): Promise<RoundOutcomes> {
    const entries = FRONT_KINDS.flatMap((kind) => {
      const outcome = this.#probe(kind, timeoutMs);
      return outcome === undefined ? [] : [outcome.then((found) => [kind, found] as const)];
    });
    return new Map(await Promise.all(entries));
  }

  close(): void {
    this.#udp?.close();
  }

  #probe(kind: FrontKind, timeoutMs: number): Promise<ProbeOutcome> | undefined {
    const { tcp, http } = this.#gateway;
    switch (kind) {
      case 'udp':
        return this.#udp?.probe(timeoutMs);
      case 'tcp':
        return tcp === null ? undefined : probeTcp(tcp, timeoutMs);
      case 'http':
        return http === null ? undefined : probeHttp(http, timeoutMs);
    }
  }
}
