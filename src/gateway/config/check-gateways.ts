import { isLoopback } from '../../base/address.ts';
import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue } from './issue.ts';
import { placeOf } from './place.ts';
import type { ConfigDocument } from './schema.ts';

/** What does not go together of this gateway, its peers and the gateways that it offers. */
export function checkGateways(document: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  return [
    ...checkAdmin(document, tree),
    ...checkOwnId(document, tree),
    ...checkPeers(document, tree),
    ...checkOffers(document, tree),
  ];
}

function checkAdmin({ common }: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  const { admin_addr: address, admin_token: token } = common;
  if (address === null || token !== null || isLoopback(address.address)) return [];
  const message = `"${address.address}" is not a loopback address: admin_token or admin_token_file is required`;
  return [tree.issue(['common', 'admin_addr'], message)];
}

function checkOwnId({ common, peers, login }: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  if (common.gateway_id !== 0) return [];
  const path = ['common', 'gateway_id'];
  const reason = peers.length > 0 ? 'peers' : login.gateways.length > 0 ? 'login.gateways' : undefined;
  if (reason === undefined) return [];
  return [tree.issue(path, `must be 1 to 255 in a gateway with ${reason}, is 0`, ownIdOrigin(tree, reason))];
}

/** Where the id was written, or what made it necessary. */
function ownIdOrigin(tree: ConfigTree, reason: string): ReturnType<ConfigTree['origin']> {
  const path = ['common', 'gateway_id'];
  return tree.at(path) === undefined ? tree.keyOrigin(reason.split('.')) : tree.origin(path);
}

function checkPeers({ common, peers }: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  return peers.flatMap(({ gateway_id: id, address }, index) => {
    const path = ['peers', index];
    const issues: ConfigIssue[] = [];
    const sameId = peers.findIndex((other) => other.gateway_id === id);
    if (id === common.gateway_id) {
      issues.push(tree.issue([...path, 'gateway_id'], `${String(id)} is the id of this gateway`));
    } else if (sameId !== index) {
      const message = `the gateway id ${String(id)} is taken by ${placeOf(tree, ['peers', sameId])}`;
      issues.push(tree.issue([...path, 'gateway_id'], message));
    }
    const sameAddress = peers.findIndex(
      (other) => other.address.address === address.address && other.address.port === address.port,
    );
    if (sameAddress !== index) {
      const message = `the address is that of ${placeOf(tree, ['peers', sameAddress])} too`;
      issues.push(tree.issue([...path, 'address'], message));
    }
    return issues;
  });
}

/** A spare session is of use only if a line leads to its gateway: one of its own, or one that carries sessions of all. */
function checkOffers({ common, peers, login, front }: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  const { gateways, lines, relays } = login;
  const led = lines === 'auto' ? [] : lines.map((line) => line.gateway_id ?? common.gateway_id);
  // What lines that were written by hand lead to, nobody knows but who wrote them.
  const carried =
    lines === 'auto' ? [...peers, ...(front.gateways ?? [])].map((to) => to.gateway_id) : gateways;
  const reached = new Set([...led, ...(relays ? carried : [])]);
  return gateways.flatMap((id, index) => {
    const path = ['login', 'gateways', index];
    if (id === common.gateway_id) return [tree.issue(path, `${String(id)} is the id of this gateway`)];
    if (gateways.indexOf(id) !== index) return [tree.issue(path, `${String(id)} stands here twice`)];
    if (reached.has(id)) return [];
    const wanted = 'a line in login.lines, or login.relays: true with it in peers or front.gateways';
    return [tree.issue(path, `nothing leads to gateway ${String(id)}: that takes ${wanted}`)];
  });
}
