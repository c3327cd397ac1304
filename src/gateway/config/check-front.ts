import { basename, isAbsolute } from 'node:path';
import { formatSocketAddress } from '../../base/address.ts';
import type { FrontConfig, GatewayConfig } from './config.ts';
import type { ConfigTree } from './config-tree.ts';
import { isMap } from './document-map.ts';
import type { ConfigIssue, ConfigPath, Origin } from './issue.ts';
import { placeOf } from './place.ts';
import { longestIdleTimeoutMs, resolveFront } from './resolve-front.ts';
import type { ConfigDocument } from './schema.ts';
import { formatDuration } from './units.ts';

type FrontDocument = ConfigDocument['front'];

/** What of nginx in front does not go together. A configuration that says nothing of it is left alone. */
export function checkFront(document: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  if (!saysSomething(tree)) return [];
  const { front } = document;
  const resolved = resolveFront(document);
  return [
    ...checkFrontGateways(front, tree),
    ...checkServers(resolved, tree),
    ...checkPorts(resolved, tree),
    ...checkCertificate(front, tree),
    ...checkPaths(front, tree),
    ...checkTimes(document, tree),
    ...checkTransparent(resolved, tree),
  ];
}

/** What of it can be but is hardly meant. */
export function doubtfulFront({ front, common }: GatewayConfig, tree: ConfigTree): ConfigIssue[] {
  // A file for nginx only has the section, and no gateway of its own.
  const path = ['common', 'gateway_id'];
  const areListed = Array.isArray(tree.at(['front', 'gateways']));
  if (!areListed || tree.at(path) === undefined) return [];
  if (front.gateways.some(({ gatewayId }) => gatewayId === common.gatewayId)) return [];
  const message = `${String(common.gatewayId)} is the id of no gateway in front.gateways: nginx leads nothing here`;
  return [tree.issue(path, message)];
}

/** Whether the file, the environment or a flag has a word on nginx. */
function saysSomething(tree: ConfigTree): boolean {
  const front = tree.at(['front']);
  return isMap(front) && Object.keys(front).length > 0;
}

function checkFrontGateways({ gateways }: FrontDocument, tree: ConfigTree): ConfigIssue[] {
  if (gateways === null) return [];
  return gateways.flatMap((gateway, index) => {
    const path = ['front', 'gateways', index];
    const issues: ConfigIssue[] = [];
    const complain = (key: string, message: string): void =>
      void issues.push(tree.issue([...path, key], message));
    const takenBy = (other: number): string => `is taken by ${placeOf(tree, ['front', 'gateways', other])}`;

    const sameName = gateways.findIndex(({ name }) => name === gateway.name);
    if (sameName !== index) complain('name', `the name "${gateway.name}" ${takenBy(sameName)}`);
    const sameId = gateways.findIndex(({ gateway_id: id }) => id === gateway.gateway_id);
    if (sameId !== index)
      complain('gateway_id', `the gateway id ${String(gateway.gateway_id)} ${takenBy(sameId)}`);
    if (gateway.gateway_id === 0 && gateways.length > 1)
      complain('gateway_id', 'must be 1 to 255 where there are other gateways, is 0');
    if (gateway.udp === null && gateway.tcp === null && gateway.http === null)
      issues.push(tree.issue(path, 'one of udp, tcp and http is required'));
    for (const kind of KINDS) {
      const address = gateway[kind];
      if (address === null) continue;
      const text = formatSocketAddress(address);
      if (address.address.includes('%')) complain(kind, `nginx takes no address with a zone, as ${text} is`);
      const same = gateways.findIndex(
        ({ [kind]: other }) => other !== null && formatSocketAddress(other) === text,
      );
      if (same !== index) complain(kind, `the address ${takenBy(same)}`);
    }
    return issues;
  });
}

/** A server of nginx leads to a gateway at least. */
function checkServers({ gateways, ...ports }: FrontConfig, tree: ConfigTree): ConfigIssue[] {
  return SERVERS.flatMap(([key, port, ...kinds]) => {
    if (ports[port] === null || gateways.some((gateway) => kinds.some((kind) => gateway[kind] !== null)))
      return [];
    const message = `leads nowhere: no gateway has an address for ${kinds.join(' or ')} (null: no such server)`;
    return [tree.issue(['front', key], message, originOf(tree, key, 'gateways'))];
  });
}

type FrontKind = 'udp' | 'tcp' | 'http';
const KINDS: readonly FrontKind[] = ['udp', 'tcp', 'http'];

const SERVERS = [
  ['udp_port', 'udpPort', 'udp'],
  ['tcp_port', 'tcpPort', 'tcp'],
  ['shared_port', 'sharedPort', 'tcp', 'http'],
  ['http_port', 'httpPort', 'http'],
] as const;

/** All of them are TCP, on one host. */
function checkPorts(front: FrontConfig, tree: ConfigTree): ConfigIssue[] {
  const { tcpPort, sharedPort, httpPort, sharedInnerPort } = front;
  const ports: (readonly [string, number | null])[] = [
    ['tcp_port', tcpPort],
    ['http_port', httpPort],
    ['shared_port', sharedPort],
  ];
  if (sharedPort !== null)
    ports.push(['shared_inner_port', sharedInnerPort], ['shared_inner_port', sharedInnerPort + 1]);
  return ports.flatMap(([key, port], index) => {
    const [other] = ports.slice(0, index).find(([, taken]) => taken === port && port !== null) ?? [];
    if (other === undefined) return [];
    const message = `${String(port)} is front.${other} too, and both are TCP`;
    return [tree.issue(['front', key], message, originOf(tree, key, other))];
  });
}

function checkCertificate(front: FrontDocument, tree: ConfigTree): ConfigIssue[] {
  const keys = ['certificate_file', 'certificate_key_file'] as const;
  const missing = keys.filter((key) => front[key] === null);
  if (missing.length === 0 || (front.shared_port === null && missing.length === keys.length)) return [];
  const reason = front.shared_port === null ? 'the other' : 'shared_port';
  const origin = originOf(tree, front.shared_port === null ? otherOf(missing[0], keys) : 'shared_port');
  return missing.map((key) => tree.issue(['front', key], `is required with ${reason}`, origin));
}

function otherOf<T>(one: T | undefined, both: readonly T[]): T | undefined {
  return both.find((key) => key !== one);
}

function checkPaths(front: FrontDocument, tree: ConfigTree): ConfigIssue[] {
  const { check, websocket_path: ws, login_path: login } = front;
  const issues: ConfigIssue[] = [];
  const folder = check.include_directory;
  const complain = (path: ConfigPath, message: string): void => void issues.push(tree.issue(path, message));
  if (!isAbsolute(folder)) {
    complain(['front', 'check', 'include_directory'], `must be an absolute path, is "${folder}"`);
  } else if (!/^[\w-][\w.-]*$/.test(basename(folder)) || OWN_FOLDERS.includes(basename(folder))) {
    const message = `"${basename(folder)}" cannot be its name: letters, digits, "_", "." and "-", and none of ${OWN_FOLDERS.join(', ')}`;
    complain(['front', 'check', 'include_directory'], message);
  }
  if (login === ws || login.startsWith(`${ws}/`))
    complain(['front', 'login_path'], `"${login}" is taken by websocket_path`);
  return issues;
}

/** Folders of the set that hold something else. */
const OWN_FOLDERS: readonly string[] = ['stream.d', 'http.d', 'njs', 'sysctl.d', 'systemd'];

function checkTimes(document: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  const { session_timeout: timeout, check } = document.front;
  const issues: ConfigIssue[] = [];
  const idle = longestIdleTimeoutMs(document);
  if (timeout !== undefined && timeout <= 2 * idle) {
    const message = `must be more than twice the idle timeout of sessions (${formatDuration(idle)}), is ${formatDuration(timeout)}`;
    issues.push(tree.issue(['front', 'session_timeout'], message));
  }
  if (check.timeout >= check.interval) {
    const message = `must be less than the interval (${formatDuration(check.interval)}), is ${formatDuration(check.timeout)}`;
    issues.push(tree.issue(['front', 'check', 'timeout'], message));
  }
  return issues;
}

/** A datagram keeps the address of its client, so that it cannot change its family. */
function checkTransparent({ udpBalancing, udpPort, gateways }: FrontConfig, tree: ConfigTree): ConfigIssue[] {
  if (udpBalancing !== 'transparent' || udpPort === null) return [];
  const families = new Set(gateways.flatMap(({ udp }) => (udp === null ? [] : [udp.family])));
  if (families.size < 2) return [];
  const message = '"transparent" takes gateways of one family: some have an IPv4 and some an IPv6 address';
  return [tree.issue(['front', 'udp_balancing'], message)];
}

/** Where the first of these keys that was written at all stands. */
function originOf(tree: ConfigTree, ...keys: readonly (string | undefined)[]): Origin {
  const written = keys.find((key) => key !== undefined && tree.at(['front', key]) !== undefined);
  return written === undefined ? tree.keyOrigin(['front']) : tree.origin(['front', written]);
}
