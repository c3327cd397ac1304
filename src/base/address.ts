/** An IP address and port. */
export interface SocketAddress {
  /** Textual IP address: dotted IPv4 or compressed IPv6, never with brackets; a zone id (`%eth0`) is kept. */
  readonly address: string;
  readonly family: 4 | 6;
  /** 0 to 65535. */
  readonly port: number;
}
