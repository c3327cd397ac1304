import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import type { NamedFiles } from './named-files.ts';
import { publicKeyAlgorithm } from './public-key.ts';
import type { ConfigDocument } from './schema.ts';

/** What is wrong with what is in certificates, keys and key sets. No message shows any of it. */
export function checkFiles(document: ConfigDocument, tree: ConfigTree, files: NamedFiles): ConfigIssue[] {
  const tls = document.listeners.flatMap((listener, index) =>
    'tls' in listener && listener.tls !== null ? checkTls(['listeners', index, 'tls'], tree, files) : [],
  );
  return [...tls, ...checkPublicKey(document, tree, files), ...checkKeySet(tree, files)];
}

function checkTls(path: ConfigPath, tree: ConfigTree, files: NamedFiles): ConfigIssue[] {
  const certPath = [...path, 'cert_file'];
  const keyPath = [...path, 'key_file'];
  const certificate = parsed(files.textAt(certPath), (pem) => new X509Certificate(pem));
  const key = parsed(files.textAt(keyPath), (pem) => createPrivateKey(pem));
  const issues: ConfigIssue[] = [];
  if (certificate === undefined) issues.push(tree.issue(certPath, 'the file holds no certificate in PEM'));
  if (key === undefined)
    issues.push(tree.issue(keyPath, 'the file holds no private key in PEM that needs no password'));
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key))
    issues.push(tree.issue(keyPath, 'the file does not hold the key of the certificate'));
  return issues;
}

function checkPublicKey({ login }: ConfigDocument, tree: ConfigTree, files: NamedFiles): ConfigIssue[] {
  const path = ['login', 'jwt', 'public_key_file'];
  const pem = files.textAt(path);
  if (pem === undefined) return [];
  if (pem.includes('PRIVATE KEY'))
    return [tree.issue(path, 'the file holds a private key, which is not needed here')];
  const algorithm = publicKeyAlgorithm(pem);
  if (algorithm === undefined)
    return [tree.issue(path, 'the file holds no RSA key of 2048 bits or more and no Ed25519 key in PEM')];
  return (login.jwt?.algorithms ?? []).flatMap((accepted, index) => {
    // That HS256 wants a secret is said elsewhere.
    if (accepted === algorithm || accepted === 'HS256') return [];
    const message = `the key of public_key_file is for ${algorithm}, not for ${accepted}`;
    return [tree.issue(['login', 'jwt', 'algorithms', index], message)];
  });
}

function checkKeySet(tree: ConfigTree, files: NamedFiles): ConfigIssue[] {
  const path = ['login', 'jwt', 'jwks_file'];
  const json = files.textAt(path);
  if (json === undefined) return [];
  const keys = parsed(json, (text) => (JSON.parse(text) as { readonly keys?: unknown } | null)?.keys);
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isKey))
    return [tree.issue(path, 'the file holds no JSON Web Key Set with at least one key')];
  if (keys.some((key) => 'd' in key || 'k' in key))
    return [tree.issue(path, 'the file holds a private or secret key, which is not needed here')];
  return [];
}

function isKey(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'kty' in value && typeof value.kty === 'string';
}

/** What a parser makes of a text; undefined when it does not like it. */
function parsed<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  try {
    return text === undefined ? undefined : parse(text);
  } catch {
    return undefined;
  }
}
