import { isIP } from 'node:net';
import { parseSocketAddress, type SocketAddress } from '../../base/address.ts';
import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import { isMap } from './document-map.ts';
import { DEFAULT_BINDS } from './listener-schema.ts';
import { placeOf } from './place.ts';
import { DEFAULT_ADMIN_ADDRESS } from './schema.ts';
import { parseServerAddress } from './server-address.ts';
import { didYouMean } from './suggestion.ts';

/**
 * Checks what one part of a document says about another: repeated names and addresses, names of nothing.
 * Works on documents of any shape and passes over what is not in order otherwise.
 */
export function checkReferences(tree: ConfigTree): ConfigIssue[] {
  return [
    ...repeatedNames(tree, 'listeners'),
    ...repeatedNames(tree, 'peers'),
    ...repeatedNames(tree, 'routes'),
    ...sharedBinds(tree),
    ...unknownListeners(tree),
    ...unknownTargets(tree),
  ];
}

function repeatedNames(tree: ConfigTree, section: 'listeners' | 'peers' | 'routes'): ConfigIssue[] {
  const first = new Map<string, ConfigPath>();
  const issues: ConfigIssue[] = [];
  for (const { path, text } of textsOf(tree, section, ['name'])) {
    const earlier = first.get(text);
    if (earlier === undefined) first.set(text, path);
    else
      issues.push(tree.issue(path, `the name "${text}" is taken by ${placeOf(tree, earlier.slice(0, 2))}`));
  }
  return issues;
}

function sharedBinds(tree: ConfigTree): ConfigIssue[] {
  const bound: BoundSocket[] = [];
  const issues: ConfigIssue[] = [];
  for (const socket of [...adminSockets(tree), ...listeningSockets(tree)]) {
    const { path, text, address, protocol } = socket;
    const earlier = bound.find((other) => other.protocol === protocol && overlaps(other.address, address));
    if (earlier === undefined) bound.push(socket);
    else issues.push(tree.issue(path, `"${text}" is the address of ${placeOf(tree, earlier.place)} too`));
  }
  return issues;
}

interface BoundSocket {
  /** Of the address. */
  readonly path: ConfigPath;
  /** Of what has the address. */
  readonly place: ConfigPath;
  readonly text: string;
  readonly address: SocketAddress;
  readonly protocol: 'udp' | 'tcp';
}

const PROTOCOLS: Readonly<Record<string, BoundSocket['protocol']>> = {
  'kcp-udp': 'udp',
  relay: 'udp',
  'kcp-tcp': 'tcp',
  http: 'tcp',
};

function listeningSockets(tree: ConfigTree): BoundSocket[] {
  return textsOf(tree, 'listeners', ['type']).flatMap(({ path, text: type }) => {
    const place = path.slice(0, 2);
    const protocol = PROTOCOLS[type];
    const text = tree.at([...place, 'bind']) ?? (DEFAULT_BINDS as Readonly<Record<string, string>>)[type];
    return protocol === undefined ? [] : boundSockets([...place, 'bind'], place, text, protocol);
  });
}

function adminSockets(tree: ConfigTree): BoundSocket[] {
  const path = ['common', 'admin_addr'];
  const text = tree.at(path);
  return boundSockets(path, path, text === undefined ? DEFAULT_ADMIN_ADDRESS : text, 'tcp');
}

function boundSockets(
  path: ConfigPath,
  place: ConfigPath,
  text: unknown,
  protocol: BoundSocket['protocol'],
): BoundSocket[] {
  const parsed = typeof text === 'string' ? parseSocketAddress(text) : undefined;
  return parsed?.ok === true && typeof text === 'string'
    ? [{ path, place, text, address: parsed.address, protocol }]
    : [];
}

/** Whether two sockets cannot be bound at once; `[::]` is dual stack. */
function overlaps(a: SocketAddress, b: SocketAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  if (a.address === '::' || b.address === '::') return true;
  if (a.family !== b.family) return false;
  return a.address === b.address || a.address === '0.0.0.0' || b.address === '0.0.0.0';
}

function unknownListeners(tree: ConfigTree): ConfigIssue[] {
  const names = textsOf(tree, 'listeners', ['name']).map(({ text }) => text);
  return textsOf(tree, 'routes', ['match', 'listener'])
    .filter(({ text }) => !names.includes(text))
    .map(({ path, text }) => tree.issue(path, `there is no listener "${text}"${didYouMean(text, names)}`));
}

function unknownTargets(tree: ConfigTree): ConfigIssue[] {
  const upstreams = tree.at(['upstreams']);
  if (!isMap(upstreams)) return [];
  const names = Object.keys(upstreams);
  const issues: ConfigIssue[] = [];
  for (const { path, text } of textsOf(tree, 'routes', ['target'])) {
    if (text === '' || names.includes(text)) continue;
    if (text.includes(':')) {
      const parsed = parseServerAddress(text);
      if (!parsed.ok) issues.push(tree.issue(path, parsed.error));
    } else {
      const hint = isIP(text) === 0 ? didYouMean(text, names) : '; a server is written host:port';
      issues.push(tree.issue(path, `there is no upstream "${text}"${hint}`));
    }
  }
  return issues;
}

/** The texts that stand at one key of every entry of a section. */
function textsOf(
  tree: ConfigTree,
  section: string,
  keys: readonly string[],
): { readonly path: ConfigPath; readonly text: string }[] {
  const entries = tree.at([section]);
  if (!Array.isArray(entries)) return [];
  const found: { path: ConfigPath; text: string }[] = [];
  for (const index of entries.keys()) {
    const path = [section, index, ...keys];
    const text = tree.at(path);
    if (typeof text === 'string' && !tree.isBroken(path)) found.push({ path, text });
  }
  return found;
}
