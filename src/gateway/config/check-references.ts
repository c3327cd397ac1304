import { isIP } from 'node:net';
import { parseSocketAddress, type SocketAddress } from '../../base/address.ts';
import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import { isMap } from './document-map.ts';
import { parseServerAddress } from './server-address.ts';
import { didYouMean } from './suggestion.ts';

/**
 * Checks what one part of a document says about another: repeated names and addresses, names of nothing.
 * Works on documents of any shape and passes over what is not in order otherwise.
 */
export function checkReferences(tree: ConfigTree): ConfigIssue[] {
  return [
    ...repeatedNames(tree, 'listeners'),
    ...repeatedNames(tree, 'routes'),
    ...sharedBinds(tree),
    ...unknownListeners(tree),
    ...unknownTargets(tree),
  ];
}

function repeatedNames(tree: ConfigTree, section: 'listeners' | 'routes'): ConfigIssue[] {
  const first = new Map<string, ConfigPath>();
  const issues: ConfigIssue[] = [];
  for (const { path, text } of textsOf(tree, section, ['name'])) {
    const earlier = first.get(text);
    if (earlier === undefined) first.set(text, path);
    else issues.push(tree.issue(path, `the name "${text}" is taken by ${placeOf(tree, earlier)}`));
  }
  return issues;
}

function sharedBinds(tree: ConfigTree): ConfigIssue[] {
  const bound: { readonly path: ConfigPath; readonly address: SocketAddress }[] = [];
  const issues: ConfigIssue[] = [];
  for (const { path, text } of textsOf(tree, 'listeners', ['bind'])) {
    const parsed = parseSocketAddress(text);
    if (!parsed.ok) continue;
    const { address } = parsed;
    const earlier = bound.find((other) => overlaps(other.address, address));
    if (earlier === undefined) bound.push({ path, address });
    else issues.push(tree.issue(path, `"${text}" is the address of ${placeOf(tree, earlier.path)} too`));
  }
  return issues;
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

/** `listeners[0] (line 4)`. */
function placeOf(tree: ConfigTree, path: ConfigPath): string {
  const { line } = tree.origin(path);
  const entry = `${String(path[0])}[${String(path[1])}]`;
  return line === undefined ? entry : `${entry} (line ${String(line)})`;
}
