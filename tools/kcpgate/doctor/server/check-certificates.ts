import { isIP } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import type { Line } from '../../../../src/client/login-answer.ts';
import { textCell } from '../../admin/cell.ts';
import type { Finding } from '../finding.ts';
import { explainFault } from './fault-words.ts';

/** A server whose certificate a client checks. */
export interface TlsServer {
  readonly host: string;
  readonly port: number;
}

/** What was seen of a certificate. */
export interface SeenCertificate {
  /** Why it is not believed; null when it is. */
  readonly fault: unknown;
  readonly issuer: string;
  /** Unix time in ms; NaN when it does not say. */
  readonly expiresAtMs: number;
}

/** The servers with TLS behind a login and its lines, each once. */
export function tlsServers(loginUrl: URL, lines: readonly Line[]): TlsServer[] {
  const isTls = loginUrl.protocol === 'https:';
  const host = loginUrl.hostname.replace(/^\[|\]$/g, '');
  const own = isTls ? [{ host, port: loginUrl.port === '' ? 443 : Number(loginUrl.port) }] : [];
  const all = [...own, ...lines.filter(({ tls }) => tls).map(({ host, port }) => ({ host, port }))];
  const names = all.map(({ host, port }) => `${host} ${String(port)}`);
  return all.filter((_, index) => names.indexOf(names[index] ?? '') === index);
}

/** Looks at the certificates. Servers that cannot be reached are left out: other checks tell that. */
export async function checkCertificates(servers: readonly TlsServer[]): Promise<Finding[]> {
  const seen = await Promise.all(servers.map((server) => seeCertificate(server)));
  return seen.flatMap((certificate, index) => {
    const server = servers[index];
    if (certificate === undefined || server === undefined) return [];
    return [judgeCertificate(server, certificate, Date.now())];
  });
}

export function judgeCertificate({ host, port }: TlsServer, seen: SeenCertificate, now: number): Finding {
  const check = 'certificate';
  const expiresAt = Number.isNaN(seen.expiresAtMs) ? null : new Date(seen.expiresAtMs).toISOString();
  const issuer = textCell(seen.issuer);
  const details = { host, port, issuer, expiresAt };
  const where = `${host}:${String(port)}`;
  if (seen.fault !== null) {
    const { text, advice } = explainFault(seen.fault, host);
    const by = issuer === '' ? '' : ` (by ${issuer})`;
    return { check, status: 'failure', text: `${where}: ${text}${by}`, advice, details };
  }
  if (expiresAt === null) return { check, status: 'warning', text: `${where}: it has no end`, details };
  const days = Math.floor((seen.expiresAtMs - now) / DAY_MS);
  const text = `${where}: good for ${String(days)} days, by ${issuer}`;
  if (days >= FEW_DAYS) return { check, status: 'ok', text, details };
  return { check, status: 'warning', text, advice: [`whoever runs ${host}: renew it`], details };
}

function seeCertificate({ host, port }: TlsServer): Promise<SeenCertificate | undefined> {
  return new Promise((resolve) => {
    // It is looked at, not trusted: nothing is sent.
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const settle = (seen?: SeenCertificate): void => {
      resolve(seen);
      socket.destroy();
    };
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerCertificate() as Partial<PeerCertificate>;
      settle({
        fault: socket.authorized ? null : asError(socket.authorizationError),
        issuer: textOf(certificate.issuer?.O ?? certificate.issuer?.CN),
        expiresAtMs: Date.parse(certificate.valid_to ?? ''),
      });
    });
    socket.once('error', () => settle());
    socket.once('timeout', () => settle());
  });
}

/** Node gives the code alone, or an error that has it. */
function asError(fault: Error | string | undefined): Error {
  return fault instanceof Error ? fault : Object.assign(new Error(String(fault)), { code: fault });
}

const textOf = (name: string | string[] | undefined): string => [name ?? ''].flat().join(', ');

const DAY_MS = 86_400_000;
/** Certificates that are renewed by themselves never come that close to their end. */
const FEW_DAYS = 10;
const TIMEOUT_MS = 5_000;
