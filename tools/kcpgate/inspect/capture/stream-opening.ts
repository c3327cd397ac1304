import { WEBSOCKET_PROTOCOL } from '../../../../src/carrier/node/ws-connection.ts';
import { wireMemory } from '../../../../src/wire/memory.ts';
import { parseProxyHeader, ProxyHeader } from '../../../../src/wire/proxy-header.ts';
import { FRAME_TELLS_BYTES, looksLikeFrame } from './frame-search.ts';

/**
 * What the beginning of one direction of a connection tells.
 *
 * - `more`: more bytes have to tell
 * - `proxy`: a PROXY header of `bytes`; what follows is another beginning
 * - `request`, `response`: an upgrade to our WebSocket, `bytes` long; messages follow
 * - `frames`, `encrypted`, `foreign`: from here on
 */
export type StreamOpening =
  | { readonly kind: 'more' | 'frames' | 'encrypted' | 'foreign' }
  | { readonly kind: 'proxy' | 'request' | 'response'; readonly bytes: number };

/** @param mayHaveProxyHeader false behind one. */
export function tellOpening(bytes: Uint8Array, mayHaveProxyHeader: boolean): StreamOpening {
  const first = tellTls(bytes);
  if (first !== undefined) return first;
  if (mayHaveProxyHeader) {
    const header = new ProxyHeader();
    const parse = parseProxyHeader(wireMemory(bytes), 0, bytes.length, 'proxy', header);
    if (parse === 'ok') return { kind: 'proxy', bytes: header.length };
    if (parse === 'incomplete')
      return bytes.length > MAX_PROXY_BYTES ? { kind: 'foreign' } : { kind: 'more' };
  }
  const http = tellHttp(bytes);
  if (http !== undefined) return http;
  if (bytes.length < FRAME_TELLS_BYTES) return { kind: 'more' };
  return { kind: looksLikeFrame(wireMemory(bytes).view, 0) ? 'frames' : 'foreign' };
}

/**
 *     type u8 | version u16 | length u16, at most 2^14 + 256
 *
 * The length that its first bytes would be as a frame is more than 5000 bytes, and the next ones would have to fit.
 */
function tellTls(bytes: Uint8Array): StreamOpening | undefined {
  const [type = 0, major = 3, minor = 0, lengthHigh = 0] = bytes;
  if (type < TLS.firstType || type > TLS.lastType || major !== 3 || minor > 4) return undefined;
  if (lengthHigh > TLS.maxLengthHigh) return undefined;
  return { kind: bytes.length < TLS.headerBytes ? 'more' : 'encrypted' };
}

function tellHttp(bytes: Uint8Array): StreamOpening | undefined {
  const kind = HTTP_BEGINNINGS.find(({ text }) => startsLike(bytes, text))?.kind;
  if (kind === undefined) return undefined;
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEAD_BYTES));
  const end = head.indexOf('\r\n\r\n');
  if (end < 0) return { kind: bytes.length < MAX_HEAD_BYTES ? 'more' : 'foreign' };
  const lines = head.toString('latin1', 0, end).toLowerCase().split('\r\n');
  const isUpgrade =
    (kind === 'request' || lines[0]?.split(' ')[1] === '101') &&
    lines.some((line) => /^upgrade:.*websocket/.test(line)) &&
    lines.some((line) => line.startsWith('sec-websocket-protocol:') && line.includes(WEBSOCKET_PROTOCOL));
  return isUpgrade ? { kind, bytes: end + 4 } : { kind: 'foreign' };
}

/** Whether as many bytes as there are agree. */
function startsLike(bytes: Uint8Array, text: string): boolean {
  const length = Math.min(bytes.length, text.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return length > 0;
}

const HTTP_BEGINNINGS = [
  { text: 'GET ', kind: 'request' },
  { text: 'HTTP/1.', kind: 'response' },
] as const;
const MAX_HEAD_BYTES = 16_384;
const MAX_PROXY_BYTES = 4096 + 16;
/** From change_cipher_spec to application_data; the highest length is 2^14 + 256. */
const TLS = { firstType: 0x14, lastType: 0x17, maxLengthHigh: 0x41, headerBytes: 5 } as const;
