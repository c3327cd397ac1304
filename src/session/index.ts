export { ClientHandshake, type HandshakeTools, type SessionCredentials } from './client-handshake.ts';
export type { DrainNotice } from './drain-notice.ts';
export { HalfOpen, type HelloOrigin } from './half-open.ts';
export type { SessionState } from './lifecycle.ts';
export type { LinkSignals } from './link-signals.ts';
export { openDatagram } from './open-datagram.ts';
export { PathArena } from './path-arena.ts';
export { Path } from './path.ts';
export { Seal } from './seal.ts';
export {
  openHello,
  type AuthenticHello,
  type HelloFault,
  type ServerHandshakeTools,
} from './server-handshake.ts';
export type { SessionBeginning } from './session-beginning.ts';
export type { PeerKind, SessionConfig, SessionRole } from './session-config.ts';
export type { SessionObserver } from './session-observer.ts';
export type {
  PathDescriber,
  SessionTrace,
  SessionTracer,
  TracedPath,
  TracedSession,
} from './session-trace.ts';
export type { PathHost, PathOutput } from './session-paths.ts';
export { Session, type SessionHost } from './session.ts';
export type { TicketFault, TicketOpener } from './ticket-opener.ts';
