/**
 * The client for Node: {@link createClient} for sessions that find and change their lines by themselves, {@link connect} for
 * one session on lines of your choice, {@link connectStock} for KCP without login.
 */
export { createClient, type NodeClientOptions } from './create-client.ts';
export { toDuplex } from './to-duplex.ts';
export type { Client, ConnectSessionOptions } from '../sdk/client.ts';
export type { ClientOptions } from '../sdk/client-options.ts';
export type { TokenSource } from '../sdk/login-token.ts';
export type { ClientSession, ClientSessionStats, Explanation, SessionLine } from '../sdk/client-session.ts';
export type { ClientStatus, ClientStatusOf } from '../client-status.ts';
export { connect } from './connect.ts';
export type { ConnectLogin, ConnectOptions, SessionOptions } from './connect-options.ts';
export { Connection } from './connection.ts';
export { connectStock } from './connect-stock.ts';
export { findFastestLine, type FindFastestLineOptions } from './find-fastest-line.ts';
export type { LineEvidence, LineReport, LineScore } from '../lines/line-report.ts';
export type { RememberedLine } from '../lines/line-candidate.ts';
export { fileLoginStore } from './file-login-store.ts';
export type { LoginStore } from '../sdk/login-store.ts';
export { login, type LoginOptions, type LoginProblem } from '../sdk/login.ts';
export type { SessionConnection } from './session-connection.ts';
export { StockConnection } from './stock-connection.ts';
export type { StockOptions } from './stock-options.ts';
export type { ConnectionStats } from '../sdk/connection.ts';
export type { RedundantOptions } from '../sdk/redundant-line.ts';
export type { SwitchConfig, SwitchOptions } from '../switching/switch-config.ts';
export type { SwitchDecision, SwitchReason, SwitchState } from '../switching/switch-decision.ts';
export type { MoveOptions, PathStats } from '../sdk/session-lines.ts';
export type { LineChoice } from '../choose-line.ts';
export type { CloseInfo, ConnectionStatus, ConnectionStatusOf } from '../connection-status.ts';
export type {
  Line,
  LineTransport,
  LoginAnswer,
  LoginSession,
  ProbeTerms,
  Seal,
  TransportTerms,
} from '../login-answer.ts';
export type { QlogOptions, QlogProfile, QlogSessions } from '../../qlog/index.ts';
export type { Logger } from '../../base/logger.ts';
export type { TlsClientOptions } from '../../carrier/node/tls-client.ts';
export type { KcpStats } from '../../kcp/index.ts';
export type { DrainNotice } from '../../session/index.ts';
export { CloseCode, closeCodeName, mayReconnect } from '../../base/close-code.ts';
export { GatewayError, type GatewayErrorCode } from '../../base/errors.ts';
