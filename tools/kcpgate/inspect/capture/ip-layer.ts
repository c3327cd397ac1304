import { FLOW_KEY_WORDS, takeIpv4Addresses, takeIpv6Addresses, type FlowKey } from './flow-key.ts';
import { FragmentTable, type Fragment } from './fragment-table.ts';
import { IP_PROTOCOL } from './ip-packet.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Notices } from './notices.ts';

/** What an IP packet carried: UDP or TCP with its header. The object is reused. */
export interface IpPayload {
  /** Addresses; the ports are not filled in. */
  readonly key: FlowKey;
  bytes: Uint8Array;
  view: DataView;
  at: number;
  /** Where the captured bytes end. */
  end: number;
  /** Bytes of its end that were not captured. */
  missing: number;
  timeUs: number;
}

/** Who takes what IP packets carry. */
export interface IpPayloadTaker {
  udp(payload: IpPayload): void;
  tcp(payload: IpPayload): void;
}

/** Takes IP packets apart, of both versions, and puts fragments together. */
export class IpLayer {
  readonly #taker: IpPayloadTaker;
  readonly #notices: Notices;
  readonly #fragments: FragmentTable;
  readonly #fragment: Fragment;
  readonly #payload: IpPayload;

  constructor(taker: IpPayloadTaker, budget: MemoryBudget, notices: Notices) {
    this.#taker = taker;
    this.#notices = notices;
    this.#fragments = new FragmentTable(budget, notices);
    const bytes = new Uint8Array(0);
    const view = new DataView(bytes.buffer);
    const place = { bytes, at: 0, missing: 0 };
    this.#fragment = { ...place, id: 0, protocol: 0, offset: 0, hasMore: false, length: 0 };
    this.#payload = { ...place, key: new Int32Array(FLOW_KEY_WORDS), view, end: 0, timeUs: 0 };
  }

  /**
   * Takes the packet at `at`.
   * @param end where the captured bytes end.
   * @param missing bytes behind them that the capture did not keep.
   */
  take(bytes: Uint8Array, view: DataView, at: number, end: number, missing: number, timeUs: number): void {
    if (at >= end) return this.#refuse();
    const payload = this.#payload;
    payload.bytes = bytes;
    payload.view = view;
    payload.timeUs = timeUs;
    switch (bytes[at]! >>> 4) {
      case 4:
        return this.#takeIpv4(view, at, end, missing);
      case 6:
        return this.#takeIpv6(view, at, end, missing);
      default:
        return this.#notices.tell('not_ip', 'neither IPv4 nor IPv6');
    }
  }

  /** The capture has ended. */
  finish(): void {
    this.#fragments.finish();
  }

  #takeIpv4(view: DataView, at: number, end: number, missing: number): void {
    if (end - at < IPV4_HEADER_BYTES) return this.#refuse();
    const headerBytes = (view.getUint8(at) & 15) * 4;
    // A sender that leaves cutting to its network card does not know the length yet.
    const length = view.getUint16(at + 2) || end + missing - at;
    const there = end + missing - at;
    if (headerBytes < IPV4_HEADER_BYTES || length < headerBytes || length > there) return this.#refuse();
    if (at + headerBytes > end) return this.#refuse();
    const payload = this.#payload;
    takeIpv4Addresses(payload.key, view, at);
    const packetEnd = at + length;
    payload.at = at + headerBytes;
    payload.end = Math.min(end, packetEnd);
    payload.missing = packetEnd - payload.end;
    const cut = view.getUint16(at + 6);
    if ((cut & IPV4_FRAGMENTED) === 0) return this.#hand(view.getUint8(at + 9));
    const fragment = this.#fragment;
    fragment.id = view.getUint16(at + 4);
    fragment.protocol = view.getUint8(at + 9);
    fragment.offset = (cut & 0x1fff) * 8;
    fragment.hasMore = (cut & IPV4_MORE) !== 0;
    const protocol = this.#takeFragment();
    if (protocol !== NOTHING_YET) this.#hand(protocol);
  }

  #takeIpv6(view: DataView, at: number, end: number, missing: number): void {
    if (end - at < IPV6_HEADER_BYTES) return this.#refuse();
    const stated = view.getUint16(at + 4);
    const there = end + missing - at - IPV6_HEADER_BYTES;
    if (stated > there) return this.#refuse();
    const payload = this.#payload;
    takeIpv6Addresses(payload.key, view, at);
    payload.at = at + IPV6_HEADER_BYTES;
    const packetEnd = payload.at + (stated === 0 ? there : stated);
    payload.end = Math.min(end, packetEnd);
    payload.missing = packetEnd - payload.end;
    this.#stepOver(view.getUint8(at + 6));
  }

  /** Steps over the headers between that of IPv6 and what it carries. */
  #stepOver(first: number): void {
    const payload = this.#payload;
    let next = first;
    for (let headers = 0; headers < MAX_EXTENSION_HEADERS; headers++) {
      if (!EXTENSION_HEADERS.has(next)) return this.#hand(next);
      const { view, at } = payload;
      if (payload.end - at < 8) return this.#refuse();
      if (next === FRAGMENT_HEADER) {
        next = this.#takeIpv6Fragment();
        if (next === NOTHING_YET) return;
        continue;
      }
      const units = view.getUint8(at + 1);
      payload.at += next === AUTHENTICATION_HEADER ? (units + 2) * 4 : (units + 1) * 8;
      next = view.getUint8(at);
      if (payload.at > payload.end) return this.#refuse();
    }
    this.#refuse();
  }

  /** Returns what the packet carries when it is whole, else {@link NOTHING_YET}. */
  #takeIpv6Fragment(): number {
    const { view, at } = this.#payload;
    const fragment = this.#fragment;
    const cut = view.getUint16(at + 2);
    const next = view.getUint8(at);
    this.#payload.at += 8;
    fragment.id = view.getInt32(at + 4);
    fragment.protocol = next;
    fragment.offset = cut & 0xfff8;
    fragment.hasMore = (cut & 1) !== 0;
    if (fragment.offset === 0 && !fragment.hasMore) return next;
    return this.#takeFragment();
  }

  #takeFragment(): number {
    const payload = this.#payload;
    const fragment = this.#fragment;
    fragment.bytes = payload.bytes;
    fragment.at = payload.at;
    fragment.length = payload.end - payload.at;
    fragment.missing = payload.missing;
    const whole = this.#fragments.add(payload.key, fragment, payload.timeUs);
    if (whole === undefined) return NOTHING_YET;
    payload.bytes = whole.bytes;
    payload.view = new DataView(whole.bytes.buffer);
    payload.at = 0;
    payload.end = whole.length;
    payload.missing = whole.missing;
    return whole.protocol;
  }

  #hand(protocol: number): void {
    if (protocol === IP_PROTOCOL.udp) this.#taker.udp(this.#payload);
    else if (protocol === IP_PROTOCOL.tcp) this.#taker.tcp(this.#payload);
    else this.#notices.tell('not_udp_or_tcp', `IP protocol ${protocol}`);
  }

  #refuse(): void {
    this.#notices.tell('header_damaged', 'the lengths of an IP packet do not fit');
  }
}

const NOTHING_YET = -1;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const IPV4_MORE = 0x2000;
/** More fragments, or an offset. */
const IPV4_FRAGMENTED = 0x3fff;
const FRAGMENT_HEADER = 44;
const AUTHENTICATION_HEADER = 51;
/** Hop-by-hop, routing, fragment, authentication, destination, mobility, host identity, shim. */
const EXTENSION_HEADERS: ReadonlySet<number> = new Set([0, 43, 44, 51, 60, 135, 139, 140]);
const MAX_EXTENSION_HEADERS = 16;
