import type { ProxyFault, ProxyParse } from '../wire/proxy-header.ts';

/** Why a datagram with a header was dropped. Besides, the faults that src/wire finds in headers. */
export const PROXY_DROP_REASONS = [
  /** Its sender is no trusted proxy. */
  'proxy_untrusted',
  /** It ends within the header. */
  'proxy_incomplete',
  'proxy_malformed',
  'proxy_version',
  'proxy_family',
  'proxy_oversize',
  'proxy_checksum',
  /** Every client known has a session or sent something in this batch: there is no room for one more. */
  'proxy_table_full',
] as const;

export type ProxyDropReason = (typeof PROXY_DROP_REASONS)[number];

/** Counters of a carrier behind proxies. */
export interface ProxyStats {
  /** Headers of trusted proxies that were understood. */
  readonly headers: number;
  /** Of those, the ones in front of nothing. */
  readonly headersAlone: number;
  /** Clients known now. */
  readonly clients: number;
  /** Clients forgotten, for others or because nothing came from them, that nobody had retained. */
  readonly clientsForgotten: number;
  /** Datagrams dropped, by reason. Every reason is there; those never seen are 0. */
  readonly drops: Readonly<Record<ProxyDropReason, number>>;
}

/** {@link ProxyStats} while they are being counted. */
export class ProxyCounters {
  headers = 0;
  headersAlone = 0;
  clientsForgotten = 0;
  readonly #drops = new Float64Array(PROXY_DROP_REASONS.length);

  drop(reason: ProxyDropReason): void {
    this.#drops[PROXY_DROP_REASONS.indexOf(reason)]!++;
  }

  snapshot(clients: number): ProxyStats {
    const { headers, headersAlone, clientsForgotten } = this;
    const drops = Object.fromEntries(
      PROXY_DROP_REASONS.map((reason, index) => [reason, this.#drops[index]!]),
    ) as Record<ProxyDropReason, number>;
    return { headers, headersAlone, clients, clientsForgotten, drops };
  }
}

/** What a datagram is dropped for that begins like a header and has none that is accepted. */
export function faultOf(parse: Exclude<ProxyParse, 'ok' | 'none'>): ProxyFault | 'proxy_incomplete' {
  return parse === 'incomplete' ? 'proxy_incomplete' : parse;
}
