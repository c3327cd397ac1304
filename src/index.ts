/**
 * kcpgate as a library: the gateway, its parts, the KCP engine and the wire codecs. The client is `kcpgate/client`.
 */
export * from './base/address.ts';
export { NEVER, type Clock } from './base/clock.ts';
export {
  CLOSE_CODES,
  CloseCode,
  closeCodeName,
  mayReconnect,
  type CloseCodeInfo,
} from './base/close-code.ts';
export {
  GATEWAY_ERRORS,
  GatewayError,
  type GatewayErrorCode,
  type GatewayErrorDetails,
  type GatewayErrorOptions,
} from './base/errors.ts';
export type { Cidr } from './base/cidr.ts';
export {
  DERIVED_KEY_BYTES,
  type HandshakeCrypto,
  type KeyPurpose,
  type ResetTokens,
} from './base/handshake-crypto.ts';
export { NO_LOG, type Logger, type LogFields } from './base/logger.ts';
export {
  CIPHER_STRIDE,
  CIPHER_TAG_BYTES,
  CipherResult,
  describeDatagram,
  type PacketCipher,
} from './base/packet-cipher.ts';
export type { SendArena } from './base/send-arena.ts';
export { SendError, type SessionPort, type Sink } from './base/sink.ts';
export * from './kcp/index.ts';
export * from './wire/index.ts';
export * from './session/index.ts';
export type * from './carrier/carrier.ts';
export type { ConnectionEndReason, ConnectionStats, RefusalReason } from './carrier/connection-stats.ts';
export type { LineClient, RelayLines } from './carrier/relay-lines.ts';
export { createUdpCarrier, type UdpCarrierOptions } from './carrier/node/udp.ts';
export {
  createPacketCipher,
  nativeCipherSupport,
  type NativeCipherSupport,
} from './crypto/create-packet-cipher.ts';
export type { TicketKey } from './crypto/ticket-keyring.ts';
export * from './endpoint/index.ts';
export * from './upstream/index.ts';
export type {
  CommonConfig,
  EchoUpstreamConfig,
  FrontCheckConfig,
  FrontConfig,
  FrontGatewayConfig,
  GatewayConfig,
  HttpListenerConfig,
  JwtConfig,
  JwtKeyConfig,
  KcpTcpListenerConfig,
  KcpUdpListenerConfig,
  LineConfig,
  LineListenerConfig,
  LineTermsConfig,
  ListenerConfig,
  LoginConfig,
  LogLevel,
  PeerConfig,
  RelayListenerConfig,
  RouteConfig,
  RouteMatch,
  ServerConfig,
  SessionsConfig,
  StaticTokenConfig,
  StreamListenerConfig,
  TcpUpstreamConfig,
  TicketKeyConfig,
  TlsConfig,
  UdpUpstreamConfig,
  UpstreamConfig,
} from './gateway/config/config.ts';
export type { GatewayHealth, WorkerHealth } from './gateway/health/health-report.ts';
export type { QlogConfig, QlogProfile, QlogSessions } from './qlog/qlog-options.ts';
export type { ConfigFlag } from './gateway/config/flag.ts';
export type { Environment } from './gateway/config/interpolation.ts';
export type { TextFile } from './gateway/config/text-file.ts';
export type { SessionQuery, SessionReport } from './gateway/data-plane.ts';
export type { LoginStats as LoginServiceStats } from './gateway/login/login-service.ts';
export type { ProblemCode } from './gateway/login/problem.ts';
export { formatIssues, type ConfigIssue } from './gateway/config/issue.ts';
export { loadConfig, type ConfigResult, type LoadOptions } from './gateway/config/load.ts';
export { issueTicket, type IssueTicketOptions } from './gateway/login/issue-ticket.ts';
export type * from './gateway/login/login-answer.ts';
export { inheritedSockets, type InheritedSocket } from './gateway/inherited-sockets.ts';
export { startGateway, type Gateway, type GatewayComponents } from './gateway/gateway.ts';
export {
  startWorkerThread,
  type StartWorkerThread,
  type WorkerThread,
} from './gateway/workers/worker-thread.ts';
export type * from './gateway/gateway-status.ts';
export { createLog, type Log, type LogOptions } from './telemetry/log.ts';
export type { LogThreshold } from './telemetry/log-level.ts';
