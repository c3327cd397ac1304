import type { SocketAddress } from '../../base/address.ts';

/** Log levels, from the most to the least talkative. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How log records are written: one JSON object a line, or one line of plain text for people. */
export const LOG_FORMATS = ['json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Named sets of KCP timing options. */
export const PRESETS = ['default', 'normal', 'fast', 'fast2', 'fast3'] as const;
export type PresetName = (typeof PRESETS)[number];

/** The whole configuration after defaults, environment and flags: complete, checked and never changed. */
export interface GatewayConfig {
  readonly common: CommonConfig;
  /** At least one; names and bind addresses are distinct. */
  readonly listeners: readonly ListenerConfig[];
  /** Everything a route can lead to, also the servers that routes name by address. Names are distinct. */
  readonly upstreams: readonly UpstreamConfig[];
  /** In order: the first that matches a session's listener decides. Every listener is matched by one. */
  readonly routes: readonly RouteConfig[];
}

export interface CommonConfig {
  readonly nodeId: string;
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
}

export interface ListenerConfig {
  readonly name: string;
  readonly type: 'kcp-udp';
  /** `[::]` is dual stack; port 0 lets the system choose. */
  readonly bind: SocketAddress;
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
}

export type UpstreamConfig = EchoUpstreamConfig | TcpUpstreamConfig;

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

/** Whether a route takes the sessions of a listener. */
export function routeMatches(match: RouteMatch, listener: ListenerConfig): boolean {
  return (
    (match.port === null || match.port === listener.bind.port) &&
    (match.listener === null || match.listener === listener.name)
  );
}
