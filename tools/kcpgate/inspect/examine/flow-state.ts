import type { ProxyHeader } from '../../../../src/wire/proxy-header.ts';
import type { ExaminedDatagram, ExaminedKind } from '../examined.ts';
import type { Flow, FlowEnd, FoundDatagram } from '../found-datagram.ts';
import { FecTracker } from './fec-tracker.ts';
import type { FecShards, FlowReport } from './flow-report.ts';
import type { Link, SessionFlow } from './session.ts';

/** What is spoken on a flow, as its datagrams showed it so far. */
export class FlowState implements FlowReport, SessionFlow {
  readonly flow: Flow;
  readonly kinds: Record<ExaminedKind, number> = {
    clear: 0,
    sealed: 0,
    handshake: 0,
    fec: 0,
    kcp_go_crypt: 0,
    opaque: 0,
    proxy_header: 0,
    empty: 0,
  };
  proxyHeaders: 'none' | 'proxy' | 'spp' = 'none';
  proxyHeaderCount = 0;
  packets = 0;
  bytes = 0;
  cutOff = 0;
  probes = 0;
  firstUs = 0;
  lastUs = 0;

  readonly links = new Map<number | string, Link>();
  lastLink: Link | null = null;
  wasUsed = false;
  realClient: FlowEnd | null = null;
  /** Whether it was told that headers are missing. */
  isBareTold = false;
  /** Commands or datagrams that only this protocol has were seen. */
  hasOwnCommands = false;
  readonly #fec: readonly [FecTracker, FecTracker] = [new FecTracker(), new FecTracker()];
  readonly #speeches = new Map<Speech, number>();
  /** The name of the encryption that was opened; empty without. */
  #crypt = '';
  readonly #namedAddress = new Uint8Array(16);
  #namedPort = -1;

  constructor(flow: Flow) {
    this.flow = flow;
  }

  get fec(): FecShards | null {
    return this.#fec[0].shards ?? this.#fec[1].shards;
  }

  get isOpaque(): boolean {
    const { opaque, clear, fec, handshake, kcp_go_crypt: crypt, sealed } = this.kinds;
    return opaque > 4 && opaque * 4 > clear + fec + handshake + crypt + sealed;
  }

  get description(): string {
    const spoken = [...this.#speeches].filter(([, count]) => count * MIN_SHARE >= this.packets);
    const words = spoken.map(([speech]) => this.#wordsOf(speech));
    if (words.length === 0) return this.proxyHeaderCount > 0 ? 'only PROXY headers' : 'nothing';
    return words.join(', then ');
  }

  /** Counts what was recognised. */
  take(found: FoundDatagram, datagram: ExaminedDatagram, crypt: string, isFec: boolean): void {
    if (this.packets === 0) this.firstUs = found.timeUs;
    this.lastUs = found.timeUs;
    this.packets++;
    this.bytes += found.length + found.missingBytes;
    if (found.missingBytes > 0) this.cutOff++;
    this.kinds[datagram.kind]++;
    if (datagram.kind === 'kcp_go_crypt') this.#crypt = crypt;
    const speech = speechOf(datagram, isFec);
    if (speech !== null) this.#speeches.set(speech, (this.#speeches.get(speech) ?? 0) + 1);
  }

  takeFec(isFromA: boolean, sequence: number, type: number): void {
    this.#fec[isFromA ? 0 : 1].take(sequence, type);
  }

  /** Counts a header, and remembers whom it names. */
  takeHeader(header: ProxyHeader, isSpp: boolean): void {
    this.proxyHeaderCount++;
    this.proxyHeaders = isSpp ? 'spp' : 'proxy';
    if (header.kind !== 'proxied') {
      this.realClient = null;
      this.#namedPort = -1;
      return;
    }
    if (this.#isNamed(header)) return;
    this.#namedAddress.set(header.addresses.subarray(0, 16));
    this.#namedPort = header.sourcePort;
    const { address, port } = header.sourceAddress();
    this.realClient = { address, port };
  }

  #isNamed(header: ProxyHeader): boolean {
    if (header.sourcePort !== this.#namedPort) return false;
    for (let i = 0; i < 16; i++) if (header.addresses[i] !== this.#namedAddress[i]) return false;
    return true;
  }

  #wordsOf(speech: Speech): string {
    const fec = this.fec === null ? 'FEC' : `FEC ${this.fec.data}/${this.fec.parity}`;
    switch (speech) {
      case 'clear':
        return this.hasOwnCommands ? 'kcpgate, not encrypted' : 'KCP, not encrypted';
      case 'sealed':
        return 'kcpgate, sealed';
      case 'fec':
        return `kcp-go, ${fec}, not encrypted`;
      case 'crypt':
        return `kcp-go, ${this.#cryptWords()}`;
      case 'crypt_fec':
        return `kcp-go, ${fec}, ${this.#cryptWords()}`;
      case 'opaque':
        return 'unknown, or encrypted as kcp-go does (a key opens it)';
    }
  }

  #cryptWords(): string {
    return this.#crypt === 'none' ? 'not encrypted (crypt none)' : `encrypted with ${this.#crypt}, opened`;
  }
}

type Speech = 'clear' | 'sealed' | 'fec' | 'crypt' | 'crypt_fec' | 'opaque';

function speechOf({ kind, clear }: ExaminedDatagram, isFec: boolean): Speech | null {
  switch (kind) {
    case 'clear':
    case 'sealed':
    case 'fec':
    case 'opaque':
      return kind;
    case 'handshake':
      return clear === null ? 'sealed' : 'clear';
    case 'kcp_go_crypt':
      return isFec ? 'crypt_fec' : 'crypt';
    case 'proxy_header':
    case 'empty':
      return null;
  }
}

/** What is less than one in so many datagrams is not named: it is chance. */
const MIN_SHARE = 20;
