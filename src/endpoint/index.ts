export type { AdmissionConfig } from './admission.ts';
export { DROP_REASONS, type DropReason } from './drop-reason.ts';
export { Endpoint, type EndpointComponents, type SessionSummary } from './endpoint.ts';
export type { EndpointConfig, SessionAcceptor, SessionOpening, SessionPlan } from './endpoint-config.ts';
export type { EndpointStats } from './endpoint-stats.ts';
export { NODE_CLOCK } from './node-clock.ts';
