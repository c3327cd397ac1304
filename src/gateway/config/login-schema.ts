import * as z from 'zod';
import { hostName, optionalUrl, optionalUrlPath } from './address-field.ts';
import { AUTH_MODES, JWT_ALGORITHMS, LINE_TRANSPORTS, SEALS } from './config.ts';
import {
  boolean,
  choice,
  duration,
  field,
  integer,
  name,
  optionalInteger,
  optionalName,
  optionalPath,
  optionalPlainText,
  plainText,
} from './field.ts';
import { DAY, MINUTE, SECOND } from './magnitudes.ts';
import { optionalFileToRead, optionalKey, optionalSecret, optionalToken } from './secret-field.ts';

/** Path of the WebSocket of lines that do not say. */
export const DEFAULT_LINE_PATH = '/kcp';

const line = z.strictObject({
  id: name('Id of the line.'),
  gateway_id: integer(0, 255, 'Gateway that the line leads to. Default: this one.').optional(),
  transport: choice(LINE_TRANSPORTS, 'What carries the datagrams; `wss` is WebSocket over TLS.'),
  tls: boolean('Whether a `tcp` line is TLS.').prefault(false),
  allow_clear: boolean(
    'Whether sessions without seal may use the line although it is not confidential itself, as `wss` and TLS are.',
  ).prefault(false),
  host: hostName('Host name or IP address that clients connect to.'),
  port: integer(1, 65_535, 'Port that clients connect to.'),
  path: optionalUrlPath(
    `Path of the WebSocket (\`ws\`, \`wss\`). Default: \`${DEFAULT_LINE_PATH}\`.`,
  ).optional(),
  region: optionalName('Region. Default: that of this gateway.').optional(),
  priority: integer(0, 65_535, 'Clients prefer lines of a lower priority.').prefault(0),
  weight: integer(0, 65_535, 'Share of the line among those of the same priority.').prefault(100),
});

const ticketKey = z.strictObject({
  id: integer(0, 255, 'Stands in every ticket; no two keys have the same.'),
  key: optionalKey('The key.').prefault(null),
  key_file: optionalFileToRead('File that holds the key, instead of `key`.').prefault(null),
});

const jwt = z.strictObject({
  secret: optionalSecret(
    32,
    'Key of HS256. One of `secret`, `secret_file`, `public_key_file`, `jwks_file` and `jwks_url` must be given.',
  ).prefault(null),
  secret_file: optionalFileToRead('File that holds the secret.').prefault(null),
  public_key_file: optionalFileToRead('Public key (RSA or Ed25519) or certificate, in PEM.').prefault(null),
  jwks_file: optionalFileToRead('JSON Web Key Set.').prefault(null),
  jwks_url: optionalUrl('Where a JSON Web Key Set is fetched from: https, or http on this host.').prefault(
    null,
  ),
  algorithms: field(z.array(z.enum(JWT_ALGORITHMS)).min(1), {
    kind: 'words',
    type: 'list',
    range: JWT_ALGORITHMS.join(', '),
    expects: `a list of ${JWT_ALGORITHMS.join(', ')}`,
    text: 'Signatures that are accepted. Default: all that the key is good for; with a key set RS256 and EdDSA.',
  }).optional(),
  issuer: optionalPlainText(1, 1024, 'What `iss` has to be. null: anything.').prefault(null),
  audience: optionalPlainText(1, 1024, 'What has to be in `aud`. null: anything.').prefault(null),
  subject_claim: plainText(1, 255, 'Claim that names the subject.').prefault('sub'),
  ticket_claims: field(z.array(z.string().min(1).max(64)).max(16), {
    kind: 'words',
    type: 'list',
    range: '16 names at most',
    expects: 'a list of at most 16 names of claims, each of 1 to 64 characters',
    text: 'Claims that go into the ticket where a token has them. A login whose claims do not fit (683 bytes of JSON) is refused.',
  }).prefault([]),
  clock_tolerance: duration(0, 10 * MINUTE, 'How far the clocks may be apart.').prefault('30s'),
  jwks_cache: duration(
    10 * SECOND,
    DAY,
    'How long keys from `jwks_url` are used before they are fetched again.',
  ).prefault('10m'),
});

const token = z.strictObject({
  subject: plainText(1, 255, 'Who has the token.'),
  token: optionalToken('The token.').prefault(null),
  token_file: optionalFileToRead('File that holds the token, instead of `token`.').prefault(null),
});

/** The section `login`. */
export const LOGIN_SCHEMA = z.strictObject({
  auth: choice(
    AUTH_MODES,
    'Who may log in. `none`: anyone. `jwt`: whoever has a signed JSON Web Token. `static`: whoever has one of `tokens`.',
  ).prefault('none'),
  lines: field(z.union([z.literal('auto'), z.array(line).min(1)]), {
    kind: 'text',
    type: 'list or auto',
    range: 'auto, or at least one',
    expects: 'auto or a list of lines',
    text: 'Lines that clients are told. `auto`: the listeners of this gateway.',
  }).prefault('auto'),
  ticket_ttl: duration(MINUTE, 30 * DAY, 'How long a ticket opens a session.').prefault('12h'),
  seal: choice(
    SEALS,
    'Protection of sessions. Clients may ask for `clear`; it is given for lines that allow it (`allow_clear`) or are confidential themselves (`tls`).',
  ).prefault('aes-128-gcm'),
  ticket_keys: field(z.array(ticketKey), {
    kind: 'ticket-keys',
    type: 'list',
    range: 'list',
    expects: 'a list of keys (as text: 1:<key>,0:<key>)',
    text: 'Keys of tickets. The first seals, all open. Without any a random one is made at the start: tickets end with the process, and are good for this gateway only.',
    secret: true,
  }).prefault([]),
  reset_key: optionalKey(
    'Key of reset tokens, by which clients believe a restarted gateway that their session is gone. null: derived from the first ticket key.',
  ).prefault(null),
  reset_key_file: optionalFileToRead('File that holds the reset key.').prefault(null),
  key_log_file: optionalPath(
    'To look for faults: file that the keys of all sessions are appended to. Whoever has it can read captures of their traffic. null: there is none.',
  ).prefault(null),
  jwt: jwt.nullable().prefault(null),
  tokens: field(z.array(token), {
    kind: 'tokens',
    type: 'list',
    range: 'list',
    expects: 'a list of tokens (as text: alice:<token>,bob:<token>)',
    text: 'Tokens of `auth: static`.',
    secret: true,
  }).prefault([]),
  logins_per_second: integer(1, 1_000_000, 'Most logins a second from all sources.').prefault(2000),
  logins_per_second_per_source: integer(
    1,
    1_000_000,
    'Most logins a second from one source IP address.',
  ).prefault(20),
  logins_per_second_per_subject: integer(1, 1_000_000, 'Most logins a second of one subject.').prefault(5),
  max_sessions_per_subject: optionalInteger(
    1,
    1_000_000,
    'Most sessions of one subject at a time; one more closes the oldest with `replaced`. null: no limit.',
  ).prefault(null),
  relays: boolean(
    'Whether clients are told that every line carries sessions of every gateway. All gateways have to be `peers` of each other, or behind a proxy that leads each session to its gateway.',
  ).prefault(false),
  gateways: field(z.array(integer(1, 255, 'Id of a gateway.')), {
    kind: 'integers',
    type: 'list',
    range: '1 to 255, ...',
    expects: 'a list of gateway ids',
    text: 'Ids of other gateways that clients get a spare session of, best first. They need the same ticket keys.',
  }).prefault([]),
  allow_http: boolean(
    'Whether logins over plain HTTP are answered for anyone. false: only for callers on this host; others need TLS, here or at a trusted proxy that sends `X-Forwarded-Proto: https`.',
  ).prefault(false),
});
