import type { SessionCredentials } from '../session/index.ts';
import { decodeBase64Url } from './base64-url.ts';
import type { LoginSession } from './login-answer.ts';

/** The same as a handshake takes it. @param session of an answer that was checked. */
export function sessionCredentials(session: LoginSession): SessionCredentials {
  return {
    conv: session.conv,
    ticket: bytesOf(session.ticket),
    secret: bytesOf(session.secret),
    resetToken: bytesOf(session.resetToken),
    seal: session.seal === 'clear' ? 'clear' : 'aead',
  };
}

function bytesOf(text: string): Uint8Array {
  return decodeBase64Url(text) ?? new Uint8Array(0);
}
