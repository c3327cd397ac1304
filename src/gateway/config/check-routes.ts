import { type GatewayConfig, type ListenerConfig, routeMatches } from './config.ts';
import type { ConfigTree } from './config-tree.ts';
import { DEFAULT_SOURCE } from './default-section.ts';
import type { ConfigIssue } from './issue.ts';

/** Listeners whose sessions no route takes. */
export function unroutedListeners(config: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  return config.listeners.flatMap((listener, index) => {
    if (!hasSessions(listener)) return [];
    if (config.routes.some((route) => routeMatches(route.match, listener))) return [];
    const message = `no route takes the sessions of listener "${listener.name}"`;
    const path = ['listeners', index, 'name'];
    const isDefault = tree.origin(path).source === DEFAULT_SOURCE;
    return [
      isDefault ? tree.issue(['routes'], message, tree.keyOrigin(['routes'])) : tree.issue(path, message),
    ];
  });
}

/** Whether sessions come in here by which a route has to be chosen. */
function hasSessions(listener: ListenerConfig): boolean {
  return listener.type === 'http' ? listener.websocketPath !== null : listener.type !== 'relay';
}

/** Routes and upstreams that can be there but hardly are meant so. */
export function idleParts(config: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  return [...idleRoutes(config, tree), ...unusedUpstreams(config, tree)];
}

/** Routes that take nothing, because no listener is meant or earlier routes take all. */
function idleRoutes(config: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  const taken = new Set<string>();
  return config.routes.flatMap((route, index) => {
    const meant = config.listeners.filter(
      (listener) => hasSessions(listener) && routeMatches(route.match, listener),
    );
    const left = meant.filter((listener) => !taken.has(listener.name));
    for (const listener of meant) taken.add(listener.name);
    if (left.length > 0) return [];
    const reason =
      meant.length === 0 ? 'no listener matches' : 'earlier routes take all sessions that it matches';
    return [tree.issue(['routes', index, 'name'], `the route "${route.name}" is never used: ${reason}`)];
  });
}

function unusedUpstreams(config: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  return config.upstreams
    .filter((upstream) => config.routes.every((route) => route.target !== upstream.name))
    .map(({ name }) => ({ name, path: ['upstreams', name] }))
    .filter(({ path }) => tree.origin(path).source !== DEFAULT_SOURCE)
    .map(({ name, path }) =>
      tree.issue(path, `no route leads to the upstream "${name}"`, tree.keyOrigin(path)),
    );
}
