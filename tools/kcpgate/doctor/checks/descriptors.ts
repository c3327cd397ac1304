import {
  routeMatches,
  type GatewayConfig,
  type ListenerConfig,
} from '../../../../src/gateway/config/config.ts';
import type { Finding, Patient } from '../finding.ts';
import { systemSetting } from './system-setting.ts';

/** Whether this process may open as many files as the sessions of the configuration can need. */
export function checkDescriptors({ config }: Patient): Finding {
  const limit = openFilesLimit(systemSetting('/proc/self/limits') ?? '');
  return judgeDescriptors(limit, tcpSessions(config));
}

/** @param limit undefined: unknown. @param tcpSessions sessions that may lead to TCP servers at the same time. */
export function judgeDescriptors(limit: number | undefined, tcpSessions: number): Finding {
  const check = 'open files';
  if (limit === undefined) return { check, status: 'note', text: 'the limit of this system is not known' };
  const needed = tcpSessions + OF_THE_PROCESS;
  const details = { limit, needed };
  if (limit >= needed) return { check, status: 'ok', text: `up to ${limit}`, details };
  return {
    check,
    status: 'warning',
    text: `up to ${limit}, but ${tcpSessions} sessions may lead to TCP servers, one descriptor each`,
    advice: [`ulimit -n ${needed}, LimitNOFILE=${needed} in a systemd unit, or a smaller max_sessions`],
    details,
  };
}

/** The soft limit of a /proc/<pid>/limits; undefined when it is not there. */
export function openFilesLimit(limits: string): number | undefined {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

function tcpSessions({ listeners, sessions, routes, upstreams }: GatewayConfig): number {
  const tcpUpstreams = new Set(upstreams.filter(({ type }) => type !== 'echo').map(({ name }) => name));
  const leadsToTcp = (listener: ListenerConfig): boolean => {
    const route = routes.find(({ match }) => routeMatches(match, listener));
    return listener.type !== 'relay' && route !== undefined && tcpUpstreams.has(route.target);
  };
  const lines = listeners.filter(leadsToTcp);
  if (lines.length === 0) return 0;
  return lines.reduce(
    (sum, line) => sum + (line.type === 'kcp-udp' && line.allowStock ? line.maxSessions : 0),
    sessions.maxSessions,
  );
}

/** Sockets, event loops of workers, logs. */
const OF_THE_PROCESS = 100;
