import type { ListenerConfig } from './config/config.ts';

/** A socket that the process was started with. */
export interface InheritedSocket {
  /** As whoever opened it calls it; may be empty. */
  readonly name: string;
  readonly descriptor: number;
}

/**
 * The sockets that a service manager opened for this process, as systemd's socket activation passes them: `LISTEN_FDS` from
 * descriptor 3 on, names in `LISTEN_FDNAMES`. None when `LISTEN_PID` names another process.
 */
export function inheritedSockets(
  environment: Readonly<Record<string, string | undefined>>,
  processId: number,
): InheritedSocket[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
  if (LISTEN_PID !== String(processId) || !/^\d{1,3}$/.test(LISTEN_FDS ?? '')) return [];
  const names = (LISTEN_FDNAMES ?? '').split(':');
  return Array.from({ length: Number(LISTEN_FDS) }, (_, i) => ({
    name: names[i] ?? '',
    descriptor: FIRST_DESCRIPTOR + i,
  }));
}

/** Which listener serves on which inherited socket. */
export interface SocketAssignment {
  /** For each listener its descriptor; undefined: it binds its own. */
  readonly descriptors: readonly (number | undefined)[];
  /** What no listener takes. */
  readonly unused: readonly InheritedSocket[];
}

/** A listener takes the socket of its name; the only listener takes the only socket, whatever that is called. */
export function assignSockets(
  listeners: readonly ListenerConfig[],
  sockets: readonly InheritedSocket[],
): SocketAssignment {
  const only = listeners.length === 1 && sockets.length === 1 ? sockets[0] : undefined;
  const taken = listeners.map((listener) => only ?? sockets.find(({ name }) => name === listener.name));
  return {
    descriptors: taken.map((socket) => socket?.descriptor),
    unused: sockets.filter((socket) => !taken.includes(socket)),
  };
}

const FIRST_DESCRIPTOR = 3;
