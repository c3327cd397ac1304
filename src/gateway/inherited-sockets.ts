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
  /** By the name of the listener; those that are not there bind their own. */
  readonly descriptors: ReadonlyMap<string, number>;
  /** What no listener takes. */
  readonly unused: readonly InheritedSocket[];
}

/**
 * A listener takes the socket of its name: a datagram socket for `kcp-udp`, a stream socket for `kcp-tcp` and `http`. The only
 * socket goes to the only `kcp-udp` listener when no listener has its name.
 */
export function assignSockets(
  listeners: readonly ListenerConfig[],
  sockets: readonly InheritedSocket[],
): SocketAssignment {
  const takers = listeners.filter(({ type }) => type !== 'relay');
  const descriptors = new Map<string, number>();
  for (const { name } of takers) {
    const socket = sockets.find((candidate) => candidate.name === name);
    if (socket !== undefined) descriptors.set(name, socket.descriptor);
  }
  const [socket, ...others] = sockets;
  const [udp, ...more] = takers.filter(({ type }) => type === 'kcp-udp');
  const isOnly = others.length === 0 && more.length === 0 && descriptors.size === 0;
  if (isOnly && socket !== undefined && udp !== undefined) descriptors.set(udp.name, socket.descriptor);
  const taken = new Set(descriptors.values());
  return { descriptors, unused: sockets.filter(({ descriptor }) => !taken.has(descriptor)) };
}

const FIRST_DESCRIPTOR = 3;
