import type { JwtAlgorithm, JwtConfig, JwtKeyConfig, LineConfig, LoginConfig } from './config.ts';
import type { NamedFiles } from './named-files.ts';
import { DEFAULT_LINE_PATH } from './login-schema.ts';
import { publicKeyAlgorithm } from './public-key.ts';
import type { ConfigDocument } from './schema.ts';

type LoginDocument = ConfigDocument['login'];
type LineDocument = Exclude<LoginDocument['lines'], 'auto'>[number];
type JwtDocument = NonNullable<LoginDocument['jwt']>;

/** The section `login`. */
export function resolveLogin({ login, common }: ConfigDocument, files: NamedFiles): LoginConfig {
  return {
    auth: login.auth,
    lines: login.lines === 'auto' ? 'auto' : login.lines.map((line) => resolveLine(line, common)),
    ticketTtlMs: login.ticket_ttl,
    seal: login.seal,
    ticketKeys: login.ticket_keys.flatMap(({ id, key }) => (key === null ? [] : [{ id, key }])),
    resetKey: login.reset_key,
    keyLogFile: login.key_log_file,
    jwt: login.jwt === null ? null : resolveJwt(login.jwt, files),
    tokens: login.tokens.flatMap(({ subject, token }) => (token === null ? [] : [{ subject, token }])),
    loginsPerSecond: login.logins_per_second,
    loginsPerSecondPerSource: login.logins_per_second_per_source,
    loginsPerSecondPerSubject: login.logins_per_second_per_subject,
    maxSessionsPerSubject: login.max_sessions_per_subject,
    relays: login.relays,
    gateways: login.gateways,
    allowHttp: login.allow_http,
  };
}

function resolveLine(line: LineDocument, common: ConfigDocument['common']): LineConfig {
  const isWebSocket = line.transport === 'ws' || line.transport === 'wss';
  return {
    id: line.id,
    gatewayId: line.gateway_id ?? common.gateway_id,
    transport: line.transport,
    tls: line.tls,
    allowClear: line.allow_clear,
    host: line.host,
    port: line.port,
    path: isWebSocket ? (line.path ?? DEFAULT_LINE_PATH) : null,
    region: line.region === undefined ? common.region : line.region,
    priority: line.priority,
    weight: line.weight,
  };
}

function resolveJwt(jwt: JwtDocument, files: NamedFiles): JwtConfig | null {
  const key = resolveJwtKey(jwt, files);
  if (key === undefined) return null;
  return {
    key,
    algorithms: jwt.algorithms ?? algorithmsOf(key),
    issuer: jwt.issuer,
    audience: jwt.audience,
    subjectClaim: jwt.subject_claim,
    ticketClaims: jwt.ticket_claims,
    clockToleranceMs: jwt.clock_tolerance,
    jwksCacheMs: jwt.jwks_cache,
  };
}

/** Everything that a key is good for. */
function algorithmsOf(key: JwtKeyConfig): readonly JwtAlgorithm[] {
  switch (key.type) {
    case 'secret':
      return ['HS256'];
    case 'public-key': {
      const algorithm = publicKeyAlgorithm(key.pem);
      return algorithm === undefined ? [] : [algorithm];
    }
    case 'jwks':
    case 'jwks-url':
      return ['RS256', 'EdDSA'];
  }
}

function resolveJwtKey(jwt: JwtDocument, files: NamedFiles): JwtKeyConfig | undefined {
  const path = ['login', 'jwt'];
  if (jwt.secret !== null) return { type: 'secret', secret: jwt.secret };
  if (jwt.jwks_url !== null) return { type: 'jwks-url', url: jwt.jwks_url };
  if (jwt.public_key_file !== null) {
    const pem = files.textAt([...path, 'public_key_file']) ?? '';
    return { type: 'public-key', pem, file: jwt.public_key_file };
  }
  if (jwt.jwks_file === null) return undefined;
  return { type: 'jwks', json: files.textAt([...path, 'jwks_file']) ?? '', file: jwt.jwks_file };
}
