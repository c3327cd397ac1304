import type { SecureVersion } from 'node:tls';

/** How a client checks the server, and what it asks for. */
export interface TlsClientOptions {
  /** The name the certificate must be for, also sent to the server. Default: the host that is connected to. */
  readonly servername?: string;
  /** Roots to believe, PEM, in place of those that come with Node. */
  readonly ca?: string | Uint8Array;
  /** Protocols offered by ALPN, the best first. Default: none. */
  readonly alpnProtocols?: readonly string[];
  /** false: any certificate is taken. Only for tests and closed networks. Default true. */
  readonly rejectUnauthorized?: boolean;
}

interface TlsConnectOptions {
  servername?: string;
  ca?: string | Buffer;
  ALPNProtocols?: string[];
  rejectUnauthorized: boolean;
  minVersion: SecureVersion;
}

/** The same as Node's TLS takes it. */
export function tlsConnectOptions(options: TlsClientOptions): TlsConnectOptions {
  const { servername, ca, alpnProtocols, rejectUnauthorized } = options;
  return {
    ...(servername === undefined ? {} : { servername }),
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : Buffer.from(ca) }),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
    rejectUnauthorized: rejectUnauthorized ?? true,
    minVersion: 'TLSv1.2',
  };
}
