/** Recordings of sessions as qlog files. */
export { KCP_EVENT_SCHEMA } from './kcp-profile.ts';
export { resolveQlogOptions, type QlogOptions, type QlogProfile, type QlogSessions } from './qlog-options.ts';
export { QlogTracer } from './qlog-tracer.ts';
