export type { AdmissionConfig } from './admission.ts';
export { DROP_REASONS, type DropReason } from './drop-reason.ts';
export { Endpoint, type EndpointComponents, type SessionDial } from './endpoint.ts';
export type {
  EndpointConfig,
  EndpointSecurity,
  LoginSessionsConfig,
  PortConfig,
  SessionAcceptor,
  SessionGroupConfig,
  SessionLogin,
  SessionOpening,
  SessionPlan,
} from './endpoint-config.ts';
export { EndpointPort } from './endpoint-port.ts';
export type { EndpointStats, LoginStats, SessionGroupStats } from './endpoint-stats.ts';
export { NODE_CLOCK } from './node-clock.ts';
export { restThread } from './rest-thread.ts';
export type { Relay } from './relay-port.ts';
export type { PathSummary, SessionFilter, SessionSummary } from './session-summary.ts';
export type { SubjectLimit } from './subject-index.ts';
