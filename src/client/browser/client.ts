/** The client for pages and workers, and nothing besides: what the bundle is made of. */
export { createClient, findFastestLine, login } from './create-client.ts';
export type { Client, ConnectSessionOptions } from '../sdk/client.ts';
export type { ClientOptions } from '../sdk/client-options.ts';
export type { ClientSession, ClientSessionStats, Explanation, SessionLine } from '../sdk/client-session.ts';
export type { LoginOptions, LoginProblem } from '../sdk/login.ts';
export type { LoginStore } from '../sdk/login-store.ts';
export type { TokenSource } from '../sdk/login-token.ts';
export type { ConnectionStats } from '../sdk/connection.ts';
export type { RedundantOptions } from '../sdk/redundant-line.ts';
export type { SwitchConfig, SwitchOptions } from '../switching/switch-config.ts';
export type { MoveOptions, PathStats } from '../sdk/session-lines.ts';
export type { SurveyOptions } from '../sdk/survey-lines.ts';
export type { LineEvidence, LineReport, LineScore } from '../lines/line-report.ts';
export type { LineChoice } from '../choose-line.ts';
export type { ClientStatus, ClientStatusOf } from '../client-status.ts';
export type { CloseInfo } from '../connection-status.ts';
export type {
  Line,
  LineTransport,
  LoginAnswer,
  LoginSession,
  ProbeTerms,
  Seal,
  TransportTerms,
} from '../login-answer.ts';
export type { SwitchDecision, SwitchReason, SwitchState } from '../switching/switch-decision.ts';
export type { Logger } from '../../base/logger.ts';
export type { DrainNotice } from '../../session/index.ts';
export { CloseCode, closeCodeName, mayReconnect } from '../../base/close-code.ts';
export { GatewayError, type GatewayErrorCode } from '../../base/errors.ts';
