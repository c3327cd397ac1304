export { Session, type SessionHost, type SessionState } from './session.ts';
export type { PeerKind, SessionConfig, SessionRole } from './session-config.ts';
