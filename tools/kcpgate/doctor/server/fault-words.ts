import { describeSystemError, type SystemErrorLike } from '../../../../src/base/node-error.ts';
import { messageOf } from '../message.ts';

/** What went wrong, and what to do about it. */
export interface FaultWords {
  readonly text: string;
  readonly advice: readonly string[];
}

/** Explains why a connection was not made, from the innermost error on: outer ones say only that it was not. */
export function explainFault(fault: unknown, host: string): FaultWords {
  const codes: string[] = [];
  let error = fault;
  for (let depth = 0; depth < MAX_DEPTH && error instanceof Error; depth++) {
    const { code } = error as SystemErrorLike;
    if (typeof code === 'string') codes.push(code);
    error = error.cause;
  }
  for (const code of codes.reverse()) {
    const advice = ADVICE.get(code);
    if (advice === undefined) continue;
    const words = CERTIFICATE_WORDS.get(code) ?? describeSystemError({ code });
    return { text: words, advice: advice.map((line) => line.replaceAll('HOST', host)) };
  }
  return { text: messageOf(fault), advice: [] };
}

/** What is wrong with a certificate, by the code of Node. */
const CERTIFICATE_WORDS: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'the certificate has expired'],
  ['CERT_NOT_YET_VALID', 'the certificate is not valid yet'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate is signed by itself alone'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the certificate leads to a root that is not known here'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'the certificate leads to a root that is not known here'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the certificate leads to a root that is not known here'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the server does not send the certificates in between'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate is for another name'],
]);

const UNKNOWN_ROOT = [
  'a company that looks into TLS, or a private root? NODE_EXTRA_CA_CERTS=FILE makes Node believe its root',
];
const CLOCK = 'is the clock of this machine right?';

const ADVICE: ReadonlyMap<string, readonly string[]> = new Map([
  ['CERT_HAS_EXPIRED', [CLOCK, 'otherwise whoever runs HOST has to renew it']],
  ['CERT_NOT_YET_VALID', [CLOCK]],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNKNOWN_ROOT],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_ROOT],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_ROOT],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_ROOT],
  [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ['whoever runs HOST: the whole chain belongs into the file of the certificate'],
  ],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    ['is HOST the right name? Or a network that answers for others (hotel, captive portal)?'],
  ],
  ['ENOTFOUND', ['is HOST spelled right? Does this machine find other names?']],
  ['EAI_AGAIN', ['no name server answers: is this machine online?']],
  [
    'ECONNREFUSED',
    ['nobody listens there: is the port right, does the gateway run, does a firewall refuse?'],
  ],
  ['EHOSTUNREACH', ['no way to that host: is this machine online?']],
  [
    'ENETUNREACH',
    ['no way to that network: is this machine online; has it IPv6, when it is an IPv6 address?'],
  ],
  ['ETIMEDOUT', ['a firewall on the way that drops, or a host that is down']],
  ['UND_ERR_CONNECT_TIMEOUT', ['a firewall on the way that drops, or a host that is down']],
  ['connect_timeout', ['a firewall on the way that drops, or a host that is down']],
  ['ECONNRESET', ['something on the way cuts the connection: a firewall, or a proxy that wants to be asked']],
]);

const MAX_DEPTH = 8;
