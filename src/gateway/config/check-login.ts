import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import { placeOf } from './place.ts';
import type { ConfigDocument } from './schema.ts';

type LoginDocument = ConfigDocument['login'];
type JwtDocument = NonNullable<LoginDocument['jwt']>;

/** What of the login does not go together. */
export function checkLogin({ login }: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  return [
    ...checkAuth(login, tree),
    ...(login.jwt === null ? [] : checkJwt(login.jwt, tree)),
    ...checkTicketKeys(login, tree),
    ...checkTokens(login, tree),
    ...checkLines(login, tree),
  ];
}

function checkAuth({ auth, jwt, tokens }: LoginDocument, tree: ConfigTree): ConfigIssue[] {
  const path = ['login', 'auth'];
  if (auth === 'jwt' && jwt === null) return [tree.issue(path, '"jwt" needs the section login.jwt')];
  if (auth === 'static' && tokens.length === 0) return [tree.issue(path, '"static" needs login.tokens')];
  return [];
}

const KEY_SOURCES = ['secret', 'public_key_file', 'jwks_file', 'jwks_url'] as const;

function checkJwt(jwt: JwtDocument, tree: ConfigTree): ConfigIssue[] {
  const path = ['login', 'jwt'];
  const [source, second] = KEY_SOURCES.filter((key) => jwt[key] !== null);
  if (source === undefined) {
    const message = 'one of secret, secret_file, public_key_file, jwks_file and jwks_url is required';
    return [tree.issue(path, message, tree.keyOrigin(path))];
  }
  if (second !== undefined) {
    return [tree.issue([...path, second], `only one key can be given, and "${source}" is one`)];
  }
  return (jwt.algorithms ?? []).flatMap((algorithm, index) => {
    if ((algorithm === 'HS256') === (source === 'secret')) return [];
    const needs = algorithm === 'HS256' ? 'a secret' : 'a public key';
    return [tree.issue([...path, 'algorithms', index], `${algorithm} needs ${needs}, not "${source}"`)];
  });
}

function checkTicketKeys({ ticket_keys: keys }: LoginDocument, tree: ConfigTree): ConfigIssue[] {
  return keys.flatMap(({ id, key }, index) => {
    const path = ['login', 'ticket_keys', index];
    if (key === null) return [tree.issue(path, 'key or key_file is required')];
    const earlier = keys.findIndex((other) => other.id === id);
    if (earlier === index) return [];
    return [taken(tree, [...path, 'id'], `the id ${String(id)}`, ['login', 'ticket_keys', earlier])];
  });
}

function checkTokens({ tokens }: LoginDocument, tree: ConfigTree): ConfigIssue[] {
  return tokens.flatMap(({ token }, index) => {
    const path = ['login', 'tokens', index];
    if (token === null) return [tree.issue(path, 'token or token_file is required')];
    const earlier = tokens.findIndex((other) => other.token === token);
    if (earlier === index) return [];
    return [taken(tree, path, 'the token', ['login', 'tokens', earlier])];
  });
}

function checkLines({ lines }: LoginDocument, tree: ConfigTree): ConfigIssue[] {
  if (lines === 'auto') return [];
  return lines.flatMap(({ id, transport, tls, path: urlPath }, index) => {
    const path = ['login', 'lines', index];
    const issues: ConfigIssue[] = [];
    const earlier = lines.findIndex((other) => other.id === id);
    if (earlier !== index)
      issues.push(taken(tree, [...path, 'id'], `the id "${id}"`, ['login', 'lines', earlier]));
    const isWebSocket = transport === 'ws' || transport === 'wss';
    if (isWebSocket && urlPath === null)
      issues.push(tree.issue([...path, 'path'], `${transport} needs a path`));
    if (!isWebSocket && (urlPath ?? null) !== null)
      issues.push(tree.issue([...path, 'path'], `a path goes with ws and wss, not with ${transport}`));
    if (tls && transport !== 'tcp')
      issues.push(tree.issue([...path, 'tls'], `goes with tcp, not with ${transport}`));
    return issues;
  });
}

function taken(tree: ConfigTree, path: ConfigPath, what: string, by: ConfigPath): ConfigIssue {
  return tree.issue(path, `${what} is taken by ${placeOf(tree, by)}`);
}
