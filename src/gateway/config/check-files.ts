import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import type { NamedFiles } from './named-files.ts';
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
  const wrong = (message: string): ConfigIssue[] => [tree.issue(path, `the file holds ${message}`)];
  if (pem.includes('PRIVATE KEY')) return wrong('a private key, which is not needed here');
  const key = parsed(pem, (text) => createPublicKey(text));
  if (key === undefined) return wrong('no public key in PEM');
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) return wrong('a key that is neither RSA of 2048 bits or more nor Ed25519');
  const accepted = login.jwt?.algorithms;
  if (accepted === undefined || accepted.includes(algorithm)) return [];
  return wrong(`a key for ${algorithm}, which is not one of the algorithms`);
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): 'RS256' | 'EdDSA' | undefined {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  return asymmetricKeyType === 'rsa' && bits >= MIN_RSA_BITS ? 'RS256' : undefined;
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

/** Shorter keys are refused by those that check signatures. */
const MIN_RSA_BITS = 2048;
