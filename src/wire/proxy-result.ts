import { formatIp, IP_BYTES, type SocketAddress } from '../base/address.ts';

/** Which headers a listener expects in front of its datagrams: none, PROXY protocol version 1 or 2, or SPP. */
export type ProxyMode = 'off' | 'proxy' | 'spp';

/**
 * Why what stands there is no header although it begins like one; it is dropped (datagram) or ends the connection
 * (stream), and is counted under that name.
 *
 * - `proxy_malformed`: the text of version 1, the signature of version 2 or a TLV is wrong
 * - `proxy_version`: a version 2 header of another version, or with another command than LOCAL and PROXY
 * - `proxy_family`: an address family or transport that version 2 does not have
 * - `proxy_oversize`: longer than any header is accepted
 * - `proxy_checksum`: the CRC-32C of version 2 does not match
 */
export type ProxyFault =
  'proxy_malformed' | 'proxy_version' | 'proxy_family' | 'proxy_oversize' | 'proxy_checksum';

/**
 * What a look for a header gave.
 *
 * - `ok`: there is one; {@link ProxyHeader} has what it says
 * - `none`: what stands there is no header but the datagram itself
 * - `incomplete`: it may become one, more bytes are needed. On a stream, wait for them; a datagram is cut off: drop it
 */
export type ProxyParse = 'ok' | 'none' | 'incomplete' | ProxyFault;

/** Where the destination stands in {@link ProxyHeader.addresses}. */
export const PROXY_DESTINATION_AT = IP_BYTES;

/** What a PROXY or SPP header says. One object is used again for every datagram; strings are made when asked for. */
export class ProxyHeader {
  /** Bytes of the header; what it stands in front of begins there. 0 when there is none. */
  length = 0;
  /**
   * - `none`: there is no header
   * - `proxied`: source and destination are the client's connection to the proxy
   * - `local`: the proxy speaks for itself (a health check): the peer is the proxy
   * - `unspecified`: the proxy does not know the client, or it has no IP address: nothing is known of it
   */
  kind: 'none' | 'proxied' | 'local' | 'unspecified' = 'none';
  /**
   * What the client used, when `proxied`. Version 1 knows `stream` only and says it of UDP too; SPP is `datagram` always.
   */
  transport: 'stream' | 'datagram' = 'datagram';
  /**
   * When `proxied`: IP of the source, then of the destination ({@link PROXY_DESTINATION_AT}), 16 bytes each in network
   * order, IPv4 as `::ffff:a.b.c.d`. To compare without making strings; overwritten by the next header.
   */
  readonly addresses = new Uint8Array(2 * IP_BYTES);
  sourcePort = 0;
  destinationPort = 0;

  /** Forgets the header. */
  clear(): void {
    this.length = 0;
    this.kind = 'none';
    this.transport = 'datagram';
    this.sourcePort = 0;
    this.destinationPort = 0;
  }

  /** The client, when `proxied`; an IPv4-mapped address becomes IPv4. */
  sourceAddress(): SocketAddress {
    return addressAt(this.addresses, 0, this.sourcePort);
  }

  /** Where the client thinks it sent to, when `proxied`: the proxy's own address. */
  destinationAddress(): SocketAddress {
    return addressAt(this.addresses, PROXY_DESTINATION_AT, this.destinationPort);
  }
}

function addressAt(bytes: Uint8Array, at: number, port: number): SocketAddress {
  const address = formatIp(bytes, at);
  return { address, family: address.includes(':') ? 6 : 4, port };
}
