/** Recordings of sessions as qlog files. */
export { KCP_EVENT_SCHEMA } from './kcp-profile.ts';
export {
  QLOG_PROFILES,
  QLOG_SESSIONS,
  resolveQlogOptions,
  type QlogConfig,
  type QlogOptions,
  type QlogProfile,
  type QlogSessions,
} from './qlog-options.ts';
export { QlogTracer, type QlogComponents } from './qlog-tracer.ts';
