import { doubtfulFront } from './check-front.ts';
import { idleParts } from './check-routes.ts';
import type { GatewayConfig, ListenerConfig, RelayListenerConfig, SessionsConfig } from './config.ts';
import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import { ownersAreRouted } from './owners-are-routed.ts';

/** What can run but is hardly meant. */
export function doubtfulParts(config: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  return [
    ...config.listeners.flatMap((listener, index) =>
      doubtfulListener(listener, ['listeners', index], config, tree),
    ),
    ...doubtfulSessions(config.sessions, tree),
    ...doubtfulLogin(config, tree),
    ...doubtfulPeers(config, tree),
    ...idleParts(config, tree),
    ...doubtfulFront(config, tree),
  ];
}

function doubtfulListener(
  listener: ListenerConfig,
  path: ConfigPath,
  { peers, login }: GatewayConfig,
  tree: ConfigTree,
): ConfigIssue[] {
  switch (listener.type) {
    case 'kcp-udp': {
      const issues = doubtfulSizes(listener, listener.bind.family, path, tree);
      if (listener.sppReply && listener.proxyProtocol !== 'spp')
        issues.push(tree.issue([...path, 'spp_reply'], 'is of use only with proxy_protocol: spp'));
      // Who wrote it knows.
      if (login.auth !== 'none' && listener.allowStock && tree.at([...path, 'allow_stock']) === undefined) {
        const message =
          'lets stock peers in without a login; write allow_stock: false, or true if that is meant';
        issues.push(tree.issue(path, message));
      }
      return issues;
    }
    case 'relay':
      return peers.length > 0 ? [] : [tree.issue(path, 'takes nothing: there are no peers')];
    case 'kcp-tcp':
    case 'http':
      return [];
  }
}

function doubtfulSessions(sessions: SessionsConfig, tree: ConfigTree): ConfigIssue[] {
  const issues = doubtfulSizes(sessions, 4, ['sessions'], tree);
  if (sessions.idleTimeoutMs <= LONGEST_KEEPALIVE_MS) {
    const message = 'is shorter than the 12 s that a client without traffic may be silent';
    issues.push(tree.issue(['sessions', 'idle_timeout'], message));
  }
  return issues;
}

function doubtfulSizes(
  { mtu, maxQueueBytes, maxMemoryBytes }: Pick<SessionsConfig, 'mtu' | 'maxQueueBytes' | 'maxMemoryBytes'>,
  family: 4 | 6,
  path: ConfigPath,
  tree: ConfigTree,
): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const packet = family === 4 ? 1472 : 1452;
  if (mtu > packet) {
    const message = `datagrams above ${String(packet)} bytes need two packets on Ethernet`;
    issues.push(tree.issue([...path, 'mtu'], message));
  }
  if (maxQueueBytes > maxMemoryBytes)
    issues.push(tree.issue([...path, 'max_queue'], 'is more than max_memory, which comes first'));
  return issues;
}

function doubtfulLogin(config: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  const { login, listeners, peers, common } = config;
  const { auth, jwt, tokens, seal, lines, gateways, relays, keyLogFile } = login;
  const issues: ConfigIssue[] = [];
  const warn = (path: ConfigPath, message: string): void => void issues.push(tree.issue(path, message));
  if (jwt !== null && auth !== 'jwt') warn(['login', 'jwt'], `is not used with auth: ${auth}`);
  if (tokens.length > 0 && auth !== 'static') warn(['login', 'tokens'], `is not used with auth: ${auth}`);
  if (seal === 'clear' && !listeners.some((listener) => listener.type !== 'relay' && takesClear(listener)))
    warn(['login', 'seal'], 'no line of this gateway lets sessions without seal in');
  // Lines that were written by hand lead to somebody who leads on.
  if (relays && peers.length === 0 && lines === 'auto' && !ownersAreRouted(config))
    warn(['login', 'relays'], 'there are no peers to relay for');
  if (keyLogFile !== null)
    warn(
      ['login', 'key_log_file'],
      'the keys of all sessions are written there: whoever has that file can read their traffic',
    );
  const offered = [common.gatewayId, ...gateways];
  for (const [index, { gatewayId }] of (lines === 'auto' ? [] : lines).entries()) {
    if (relays || offered.includes(gatewayId)) continue;
    const message = `no session is offered of gateway ${String(gatewayId)}: it is not in login.gateways`;
    warn(['login', 'lines', index, 'gateway_id'], message);
  }
  return issues;
}

/** Whether sessions without seal may use a line: it is confidential itself, or allowed to be not. */
function takesClear(listener: Exclude<ListenerConfig, RelayListenerConfig>): boolean {
  return listener.allowClear || ('tls' in listener && listener.tls !== null);
}

function doubtfulPeers({ peers, listeners }: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  if (peers.length === 0 || listeners.some(({ type }) => type === 'relay')) return [];
  const message = 'there is no listener of type relay: nothing can be relayed to this gateway';
  return [tree.issue(['peers'], message, tree.keyOrigin(['peers']))];
}

/** Every 10 s, 20 % more at most. */
const LONGEST_KEEPALIVE_MS = 12_000;
