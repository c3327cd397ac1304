import type { JwtConfig, JwtKeyConfig, LineConfig, LoginConfig } from '../../src/gateway/config/config.ts';
import { formatDuration } from '../../src/gateway/config/units.ts';

/** What stands for a secret in print. */
export const SECRET = '***';

/** The section `login` in the names and units of the file, without its secrets. */
export function loginDocument(login: LoginConfig): Record<string, unknown> {
  return {
    auth: login.auth,
    lines: login.lines === 'auto' ? 'auto' : login.lines.map(lineDocument),
    ticket_ttl: formatDuration(login.ticketTtlMs),
    seal: login.seal,
    ticket_keys: login.ticketKeys.map(({ id }) => ({ id, key: SECRET })),
    reset_key: login.resetKey === null ? null : SECRET,
    key_log_file: login.keyLogFile,
    jwt: login.jwt === null ? null : jwtDocument(login.jwt),
    tokens: login.tokens.map(({ subject }) => ({ subject, token: SECRET })),
    logins_per_second: login.loginsPerSecond,
    logins_per_second_per_source: login.loginsPerSecondPerSource,
    logins_per_second_per_subject: login.loginsPerSecondPerSubject,
    max_sessions_per_subject: login.maxSessionsPerSubject,
    relays: login.relays,
    gateways: login.gateways,
    allow_http: login.allowHttp,
  };
}

function lineDocument(line: LineConfig): Record<string, unknown> {
  return {
    id: line.id,
    gateway_id: line.gatewayId,
    transport: line.transport,
    tls: line.tls,
    allow_clear: line.allowClear,
    host: line.host,
    port: line.port,
    ...(line.path === null ? {} : { path: line.path }),
    region: line.region,
    priority: line.priority,
    weight: line.weight,
  };
}

function jwtDocument(jwt: JwtConfig): Record<string, unknown> {
  return {
    ...jwtKeyDocument(jwt.key),
    algorithms: jwt.algorithms,
    issuer: jwt.issuer,
    audience: jwt.audience,
    subject_claim: jwt.subjectClaim,
    ticket_claims: jwt.ticketClaims,
    clock_tolerance: formatDuration(jwt.clockToleranceMs),
    jwks_cache: formatDuration(jwt.jwksCacheMs),
  };
}

function jwtKeyDocument(key: JwtKeyConfig): Record<string, unknown> {
  switch (key.type) {
    case 'secret':
      return { secret: SECRET };
    case 'public-key':
      return { public_key_file: key.file };
    case 'jwks':
      return { jwks_file: key.file };
    case 'jwks-url':
      return { jwks_url: key.url };
  }
}
