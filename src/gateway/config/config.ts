import type { SocketAddress } from '../../base/address.ts';
import type { Cidr } from '../../base/cidr.ts';
import type { QlogConfig } from '../../qlog/qlog-options.ts';

/** How nginx spreads UDP over gateways, and notices that one is gone. */
export const UDP_BALANCINGS = ['active', 'passive', 'transparent'] as const;
export type UdpBalancing = (typeof UDP_BALANCINGS)[number];

/** Log levels, from the most to the least talkative. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How log records are written: one JSON object a line, or one line of plain text for people. */
export const LOG_FORMATS = ['json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Named sets of KCP timing options. */
export const PRESETS = ['default', 'normal', 'fast', 'fast2', 'fast3'] as const;
export type PresetName = (typeof PRESETS)[number];

/** How a line learns the real address of a client behind a proxy: not at all, from PROXY protocol v1 or v2, from SPP. */
export const UDP_PROXY_PROTOCOLS = ['off', 'proxy', 'spp'] as const;
export type UdpProxyProtocol = (typeof UDP_PROXY_PROTOCOLS)[number];

/** As {@link UDP_PROXY_PROTOCOLS}, for connections: the header comes once, before everything else. */
export const STREAM_PROXY_PROTOCOLS = ['off', 'proxy'] as const;
export type StreamProxyProtocol = (typeof STREAM_PROXY_PROTOCOLS)[number];

/** How a back end is told the real address of a client. */
export const UPSTREAM_PROXY_PROTOCOLS = ['off', 'v2'] as const;
export type UpstreamProxyProtocol = (typeof UPSTREAM_PROXY_PROTOCOLS)[number];

/** How datagrams of a session are protected; `clear` is for lines that are confidential themselves. */
export const SEALS = ['aes-128-gcm', 'clear'] as const;
export type Seal = (typeof SEALS)[number];

/** Who may log in: anyone, whoever has a signed token, whoever has one of the tokens of the configuration. */
export const AUTH_MODES = ['none', 'jwt', 'static'] as const;
export type AuthMode = (typeof AUTH_MODES)[number];

/** Signatures of a JWT that are understood. */
export const JWT_ALGORITHMS = ['HS256', 'RS256', 'EdDSA'] as const;
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** What carries the datagrams of a line. */
export const LINE_TRANSPORTS = ['udp', 'tcp', 'ws', 'wss'] as const;
export type LineTransport = (typeof LINE_TRANSPORTS)[number];

/**
 * The whole configuration after defaults, environment and flags: complete, checked and never changed. Plain data, so that
 * it can be handed to another thread. It holds secrets: never log it.
 */
export interface GatewayConfig {
  readonly common: CommonConfig;
  /** At least one; names are distinct, and so are the addresses of those that bind the same kind of socket. */
  readonly listeners: readonly ListenerConfig[];
  /** Rules for sessions that logged in, on all lines of this gateway. */
  readonly sessions: SessionsConfig;
  readonly login: LoginConfig;
  /** Other gateways. Names and gateway ids are distinct, none has the id of this gateway. */
  readonly peers: readonly PeerConfig[];
  /** Everything a route can lead to, also the servers that routes name by address. Names are distinct. */
  readonly upstreams: readonly UpstreamConfig[];
  /** In order: the first that matches a session's listener decides. Every listener that has sessions is matched by one. */
  readonly routes: readonly RouteConfig[];
  /** nginx in front of gateways. It is not part of what a gateway does. */
  readonly front: FrontConfig;
  /** How sessions are recorded; null: they are not. */
  readonly qlog: QlogConfig | null;
}

export interface CommonConfig {
  readonly nodeId: string;
  /** Top byte of the `conv` of sessions that log in here. 0 to 255; 0 only without peers. */
  readonly gatewayId: number;
  /** Told to clients with the lines of this gateway. */
  readonly region: string | null;
  readonly logLevel: LogLevel;
  /** Levels of single components, by component name; all others have `logLevel`. */
  readonly logLevels: Readonly<Record<string, LogLevel>>;
  /** Path of the log file; null means standard output. */
  readonly logFile: string | null;
  readonly logFormat: LogFormat;
  /** How long a shutdown waits for queued data, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Threads that serve sessions; `auto`: as many as there are processors to run on. 1: the main thread does. */
  readonly workers: number | 'auto';
  /** Where the admin API listens; null: nowhere. */
  readonly adminAddress: SocketAddress | null;
  /** Secret. What callers of the admin API have to show; null: nothing, which goes with a loopback address only. */
  readonly adminToken: string | null;
}

export type ListenerConfig =
  KcpUdpListenerConfig | KcpTcpListenerConfig | HttpListenerConfig | RelayListenerConfig;

/** What all lines have: ways that sessions that logged in can take. */
export interface LineListenerConfig {
  readonly name: string;
  /** `[::]` is dual stack; port 0 lets the system choose. */
  readonly bind: SocketAddress;
  /** Only a source in one of these blocks is believed about the client's address. */
  readonly trustedProxies: readonly Cidr[];
  /** Whether sessions without seal may use this line although it is not confidential itself. */
  readonly allowClear: boolean;
  /** Whether application data inside of HELLO is accepted, which can be replayed. */
  readonly earlyData: boolean;
  /** Address that clients are told; null: derived from `bind`. */
  readonly publicAddress: ServerConfig | null;
  /** How it stands in the list of lines of a login; null: not at all. Only for `login.lines: auto`. */
  readonly line: LineTermsConfig | null;
}

export interface LineTermsConfig {
  /** Default: the name of the listener. */
  readonly id: string;
  /** Clients prefer the lower one. 0 to 65535. */
  readonly priority: number;
  /** Share among lines of the same priority. 0 to 65535. */
  readonly weight: number;
}

/** KCP over UDP. The limits of its own are for sessions without login (stock peers); others have those of `sessions`. */
export interface KcpUdpListenerConfig extends LineListenerConfig {
  readonly type: 'kcp-udp';
  /** Whether stock KCP peers, which do not log in, may open sessions. */
  readonly allowStock: boolean;
  readonly preset: PresetName;
  /** Largest datagram sent, in bytes of UDP payload. */
  readonly mtu: number;
  /** Most segments in flight. */
  readonly sendWindow: number;
  /** Most segments held for a slow reader or for a gap. */
  readonly receiveWindow: number;
  /** A session from which nothing arrives for so long is closed, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** A session is dead when one segment was sent so many times. */
  readonly deadLink: number;
  readonly maxSessions: number;
  /** Most sessions of one source address. */
  readonly maxSessionsPerSource: number;
  readonly newSessionsPerSecond: number;
  readonly newSessionsPerSourcePerSecond: number;
  /** Most bytes queued towards one peer before its upstream is paused. */
  readonly maxQueueBytes: number;
  /** Kernel buffer asked for on the socket, for each direction. */
  readonly socketBufferBytes: number;
  /** Memory for segments of all sessions of this listener. */
  readonly maxMemoryBytes: number;
  readonly proxyProtocol: UdpProxyProtocol;
  /** Whether datagrams to a trusted proxy carry the SPP header too. */
  readonly sppReply: boolean;
}

/** What lines of connections have. */
export interface StreamListenerConfig extends LineListenerConfig {
  readonly proxyProtocol: StreamProxyProtocol;
  /** null: plain TCP. */
  readonly tls: TlsConfig | null;
  /** Most connections at a time. */
  readonly maxConnections: number;
  /** Most connections of one source address. */
  readonly maxConnectionsPerSource: number;
  /** A connection that brings no valid datagram for so long after it opened is closed, in milliseconds. */
  readonly firstDatagramTimeoutMs: number;
  /** Most bytes that one connection has waiting to be sent. */
  readonly maxQueueBytes: number;
}

/** Datagrams framed by their length on TCP (RFC 4571), or on TLS. */
export interface KcpTcpListenerConfig extends StreamListenerConfig {
  readonly type: 'kcp-tcp';
}

/** HTTP, or HTTPS: login, and datagrams in WebSocket messages. */
export interface HttpListenerConfig extends StreamListenerConfig {
  readonly type: 'http';
  /** Path of the WebSocket line; null: none. */
  readonly websocketPath: string | null;
  /** Path of the login; null: none. */
  readonly loginPath: string | null;
  /** Values of `Origin` that pages may have, in lower case; `*`: any. Requests without `Origin` are no pages. */
  readonly allowedOrigins: readonly string[] | '*';
  readonly websocketPingIntervalMs: number;
}

/** Where other gateways send datagrams of sessions of this one, over UDP with PROXY v2; only from addresses of `peers`. */
export interface RelayListenerConfig {
  readonly type: 'relay';
  readonly name: string;
  readonly bind: SocketAddress;
  /** Kernel buffer asked for on the socket, for each direction. */
  readonly socketBufferBytes: number;
}

/** What a TLS server shows; the files were read and fit each other. */
export interface TlsConfig {
  /** Certificate chain, PEM. */
  readonly certificate: string;
  /** Secret. Private key of the first certificate, PEM. */
  readonly key: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Rules for sessions that logged in; limits are for all lines together. */
export interface SessionsConfig {
  readonly preset: PresetName;
  /** Largest datagram sent, in bytes, with header and seal. */
  readonly mtu: number;
  readonly sendWindow: number;
  readonly receiveWindow: number;
  readonly deadLink: number;
  /** A session from which nothing authentic arrives for so long is closed, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** Largest message in either direction; it fits into both windows. */
  readonly maxMessageBytes: number;
  readonly maxSessions: number;
  readonly maxSessionsPerSource: number;
  readonly newSessionsPerSecond: number;
  readonly newSessionsPerSourcePerSecond: number;
  /** Most sessions whose handshake is not finished. */
  readonly maxHalfOpen: number;
  /** Most bytes queued towards one peer before its upstream is paused. */
  readonly maxQueueBytes: number;
  /** What is sent to a client again on another path at its wish, in bytes a second; 0: nothing. */
  readonly copyBytesPerSecond: number;
  /** Memory for segments of all these sessions. */
  readonly maxMemoryBytes: number;
}

export interface LoginConfig {
  readonly auth: AuthMode;
  /** What clients are told; `auto`: the lines of this gateway. Ids are distinct. */
  readonly lines: readonly LineConfig[] | 'auto';
  /** How long a ticket opens a session. */
  readonly ticketTtlMs: number;
  /** What sessions get unless the client asks for `clear`, which it gets only on lines that allow it. */
  readonly seal: Seal;
  /** The first seals new tickets, all open tickets. Ids are distinct. Empty: a random key is made at the start. */
  readonly ticketKeys: readonly TicketKeyConfig[];
  /** Secret, 32 bytes. Makes reset tokens; null: derived from the first ticket key. */
  readonly resetKey: Uint8Array | null;
  /** File that the keys of all sessions are appended to; null: none. Whoever has it can read their traffic. */
  readonly keyLogFile: string | null;
  /** How a JWT is checked; never null with `auth: jwt`. */
  readonly jwt: JwtConfig | null;
  /** At least one with `auth: static`; tokens are distinct. */
  readonly tokens: readonly StaticTokenConfig[];
  readonly loginsPerSecond: number;
  readonly loginsPerSecondPerSource: number;
  readonly loginsPerSecondPerSubject: number;
  /** A login beyond it closes the oldest session of the subject (`replaced`); null: no limit. */
  readonly maxSessionsPerSubject: number | null;
  /** Whether clients are told that every line carries the sessions of every gateway. */
  readonly relays: boolean;
  /** Ids of other gateways that clients get a session of, best first, after that of this gateway. */
  readonly gateways: readonly number[];
  /** Whether logins from elsewhere than this host are answered over plain HTTP. */
  readonly allowHttp: boolean;
}

/** A way to a gateway, as clients are told. */
export interface LineConfig {
  readonly id: string;
  /** The gateway it leads to. */
  readonly gatewayId: number;
  readonly transport: LineTransport;
  /** Whether a `tcp` line is TLS; false for the others. */
  readonly tls: boolean;
  /** Whether sessions without seal may use it although it is not confidential itself, as `wss` and TLS are. */
  readonly allowClear: boolean;
  /** Host name or IP address, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Path of the WebSocket; null for `udp` and `tcp`. */
  readonly path: string | null;
  readonly region: string | null;
  /** Clients prefer the lower one. 0 to 65535. */
  readonly priority: number;
  /** Share among lines of the same priority. 0 to 65535. */
  readonly weight: number;
}

export interface TicketKeyConfig {
  /** 0 to 255; stands in every ticket. */
  readonly id: number;
  /** Secret, 32 bytes. */
  readonly key: Uint8Array;
}

export interface JwtConfig {
  readonly key: JwtKeyConfig;
  /** At least one, each of the kind of the key. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** Required value of `iss`; null: any. */
  readonly issuer: string | null;
  /** Required member of `aud`; null: any. */
  readonly audience: string | null;
  /** Claim that names the subject. */
  readonly subjectClaim: string;
  /** Names of claims that go into the ticket, where the token has them. */
  readonly ticketClaims: readonly string[];
  /** How far clocks may be apart, in milliseconds. */
  readonly clockToleranceMs: number;
  /** How long keys from a URL are used before they are fetched again, in milliseconds. */
  readonly jwksCacheMs: number;
}

/** What signatures are checked with. */
export type JwtKeyConfig =
  /** HS256. Secret: the UTF-8 bytes of this text, 32 at least. */
  | { readonly type: 'secret'; readonly secret: string }
  /** A public key in PEM (SPKI) or a certificate. */
  | { readonly type: 'public-key'; readonly pem: string; readonly file: string }
  /** A JSON Web Key Set as JSON text. */
  | { readonly type: 'jwks'; readonly json: string; readonly file: string }
  /** Where a JSON Web Key Set is fetched from: https, or http on this host. */
  | { readonly type: 'jwks-url'; readonly url: string };

export interface StaticTokenConfig {
  readonly subject: string;
  /** Secret. */
  readonly token: string;
}

/** Another gateway, which relays datagrams to this one and gets some relayed. */
export interface PeerConfig {
  readonly name: string;
  readonly type: 'gateway';
  /** Of its relay port; datagrams of this peer come from here too. */
  readonly address: SocketAddress;
  /** 1 to 255. */
  readonly gatewayId: number;
  readonly region: string | null;
}

export type UpstreamConfig = EchoUpstreamConfig | TcpUpstreamConfig | UdpUpstreamConfig;

/** Sends everything back. */
export interface EchoUpstreamConfig {
  readonly name: string;
  readonly type: 'echo';
}

/** A TCP connection per session, to one of the servers. */
export interface TcpUpstreamConfig {
  readonly name: string;
  readonly type: 'tcp';
  /** At least one. */
  readonly servers: readonly ServerConfig[];
  readonly connectTimeoutMs: number;
  /** Whether each connection begins with a header that names the client's real address. */
  readonly proxyProtocol: UpstreamProxyProtocol;
}

/** A UDP socket per session, to one of the servers. */
export interface UdpUpstreamConfig {
  readonly name: string;
  readonly type: 'udp';
  /** At least one. */
  readonly servers: readonly ServerConfig[];
}

export interface ServerConfig {
  /** Host name or IP address, without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatch;
  /** Name of an upstream of this configuration. */
  readonly target: string;
}

/** All given conditions must hold; null is no condition. */
export interface RouteMatch {
  /** Port the session's listener is bound to, as configured. */
  readonly port: number | null;
  /** Name of the session's listener. */
  readonly listener: string | null;
}

/** nginx in front of gateways: what its configuration is made from, and how the checker works. */
export interface FrontConfig {
  /** Names, ids and the addresses of one kind are distinct. None only when this gateway alone has no address of any kind. */
  readonly gateways: readonly FrontGatewayConfig[];
  /** null: no such server, also for the other ports. With one, a gateway at least has such a listener. */
  readonly udpPort: number | null;
  readonly udpBalancing: UdpBalancing;
  readonly tcpPort: number | null;
  readonly sharedPort: number | null;
  /** It and the next are ports of 127.0.0.1. */
  readonly sharedInnerPort: number;
  readonly httpPort: number | null;
  readonly ipv6: boolean;
  readonly serverName: string;
  /** Both or none; given with a shared port. */
  readonly certificateFile: string | null;
  readonly certificateKeyFile: string | null;
  readonly websocketPath: string;
  readonly loginPath: string;
  /** When nginx forgets a client, in milliseconds. */
  readonly sessionTimeoutMs: number;
  readonly maxSessionsPerSource: number;
  readonly workers: number | 'auto';
  readonly user: string;
  readonly pidFile: string;
  readonly logDirectory: string;
  /** Files that nginx loads. */
  readonly modules: readonly string[];
  readonly check: FrontCheckConfig;
}

/** A gateway behind nginx; null where it has no such listener. */
export interface FrontGatewayConfig {
  readonly name: string;
  /** 0 to 255. */
  readonly gatewayId: number;
  readonly udp: SocketAddress | null;
  readonly tcp: SocketAddress | null;
  readonly http: SocketAddress | null;
  /** Share of new sessions. 1 or more. */
  readonly weight: number;
}

/** How `kcpgate upstream-check` works. */
export interface FrontCheckConfig {
  readonly intervalMs: number;
  /** Less than the interval. */
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  /** 1 to 255; null: the load does not matter. */
  readonly maxLoad: number | null;
  readonly reloadIntervalMs: number;
  /** Absolute path. The set is installed in the folder above. */
  readonly includeDirectory: string;
  /** At least one word. */
  readonly testCommand: readonly string[];
  /** At least one word. */
  readonly reloadCommand: readonly string[];
  readonly metricsAddress: SocketAddress | null;
}

/** The listeners that are KCP over UDP, in order. */
export function kcpUdpListeners({ listeners }: GatewayConfig): KcpUdpListenerConfig[] {
  return listeners.filter((listener) => listener.type === 'kcp-udp');
}

/** The listeners that have a UDP socket: the lines in order, then the relay. */
export function udpListeners(config: GatewayConfig): (KcpUdpListenerConfig | RelayListenerConfig)[] {
  return [...kcpUdpListeners(config), ...config.listeners.filter((listener) => listener.type === 'relay')];
}

/** Whether a route takes the sessions of a listener. */
export function routeMatches(match: RouteMatch, listener: Pick<ListenerConfig, 'name' | 'bind'>): boolean {
  return (
    (match.port === null || match.port === listener.bind.port) &&
    (match.listener === null || match.listener === listener.name)
  );
}
