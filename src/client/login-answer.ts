import { KCP_PRESETS, MAX_MTU, MAX_WINDOW, type KcpPresetName } from '../kcp/index.ts';
import { isAllocatableConv, ownerOf } from '../wire/conversation.ts';
import { RESET_TOKEN_BYTES } from '../wire/reset.ts';
import { MAX_TICKET_BYTES, MIN_TICKET_BYTES, SESSION_SECRET_BYTES } from '../wire/ticket.ts';
import { decodeBase64Url } from './base64-url.ts';
import { JsonFault, JsonObject } from './json-object.ts';

/** What protects the datagrams of a session. `clear`: nothing; for lines that are confidential themselves. */
export type Seal = 'aes-128-gcm' | 'clear';

/** What carries the datagrams of a line. */
export type LineTransport = 'udp' | 'tcp' | 'ws' | 'wss';

/**
 * What a login gives: all that opens sessions, and the ways to their gateways (protocol.md, "Login"). Plain JSON, so it can
 * be kept and used again while its tickets hold. It has the secrets of the sessions: keep it as you would a password.
 */
export interface LoginAnswer {
  /** One for each gateway offered, best first; at least one. */
  readonly sessions: readonly LoginSession[];
  /** At least one. */
  readonly lines: readonly Line[];
  /** Whether every line carries the sessions of every gateway. */
  readonly relays: boolean;
  readonly transport: TransportTerms;
  readonly probe: ProbeTerms;
  /** When it was given, RFC 3339; empty when it does not say. */
  readonly serverTime: string;
}

/** What opens one session. Bytes are base64url without padding. */
export interface LoginSession {
  /** The owner: the gateway that holds the session. */
  readonly gatewayId: number;
  readonly conv: number;
  readonly ticket: string;
  readonly secret: string;
  readonly resetToken: string;
  readonly seal: Seal;
  /** RFC 3339; by the gateway's clock, which alone decides. */
  readonly expiresAt: string;
}

/** A way to a gateway. */
export interface Line {
  /** Unique in the answer. */
  readonly id: string;
  /** The gateway it leads to. */
  readonly gatewayId: number;
  readonly transport: LineTransport;
  /** `tcp` within TLS. Always false for `udp` and `ws`, always true for `wss`. */
  readonly tls: boolean;
  /** Host name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Of the WebSocket; empty for `udp` and `tcp`. */
  readonly path: string;
  /** Empty when it has none. */
  readonly region: string;
  /** The lower one is preferred. */
  readonly priority: number;
  /** Share among lines of the same priority. */
  readonly weight: number;
}

/** How the gateway is set, for the client to do the same. */
export interface TransportTerms {
  /** Largest datagram, in bytes, with header and seal. */
  readonly mtu: number;
  readonly mode: KcpPresetName;
  /** Segments the client may have in flight. */
  readonly sendWindow: number;
  /** Segments the client should have room for. */
  readonly receiveWindow: number;
  readonly maxMessageBytes: number;
}

/** How lines are probed. */
export interface ProbeTerms {
  readonly count: number;
  readonly intervalMs: number;
  /** Lines that have not answered by then are out of the choice. */
  readonly deadlineMs: number;
}

/** An answer, or where it is wrong: a sentence that repeats nothing of it. */
export type ParsedLoginAnswer =
  { readonly ok: true; readonly answer: LoginAnswer } | { readonly ok: false; readonly error: string };

/**
 * Checks the JSON of a login answer. Every field it knows has its type and bounds; fields it does not know are left out, and
 * so are lines with an unknown transport and sessions with an unknown seal: newer gateways may offer those beside others.
 * What is missing in `transport` and `probe` gets the defaults of a gateway.
 */
export function parseLoginAnswer(value: unknown): ParsedLoginAnswer {
  try {
    return { ok: true, answer: readAnswer(new JsonObject(value)) };
  } catch (fault) {
    if (fault instanceof JsonFault) return { ok: false, error: fault.message };
    throw fault;
  }
}

function readAnswer(answer: JsonObject): LoginAnswer {
  const sessions = answer.list('sessions', MAX_SESSIONS).flatMap(readSession);
  if (sessions.length === 0) throw new JsonFault('sessions: there is none that this version can open');
  const lines = answer.list('lines', MAX_LINES).flatMap(readLine);
  if (lines.length === 0) throw new JsonFault('lines: there is none that this version can use');
  if (new Set(lines.map(({ id }) => id)).size < lines.length) {
    throw new JsonFault('lines: two have the same id');
  }
  return {
    sessions,
    lines,
    relays: answer.boolean('relays', false),
    transport: readTransport(answer.object('transport')),
    probe: readProbe(answer.object('probe')),
    serverTime: answer.text('serverTime', TIME, ''),
  };
}

function readSession(session: JsonObject): LoginSession[] {
  const seal = session.text('seal', NAME);
  if (seal !== 'aes-128-gcm' && seal !== 'clear') return [];
  const gatewayId = session.integer('gatewayId', 0, 0xff);
  const conv = session.integer('conv', 1, 0xffff_ffff);
  if (!isAllocatableConv(conv) || ownerOf(conv) !== gatewayId) {
    throw session.fault('conv', 'is none of this gateway');
  }
  return [
    {
      gatewayId,
      conv,
      ticket: readBytes(session, 'ticket', MIN_TICKET_BYTES, MAX_TICKET_BYTES),
      secret: readBytes(session, 'secret', SESSION_SECRET_BYTES, SESSION_SECRET_BYTES),
      resetToken: readBytes(session, 'resetToken', RESET_TOKEN_BYTES, RESET_TOKEN_BYTES),
      seal,
      expiresAt: session.text('expiresAt', TIME),
    },
  ];
}

/** @returns the text; it stands for so many bytes. */
function readBytes(session: JsonObject, key: string, min: number, max: number): string {
  const text = session.text(key, BASE64_URL);
  const length = text.length > 2 * max ? undefined : decodeBase64Url(text)?.length;
  if (length === undefined || length < min || length > max) {
    throw session.fault(key, `is not ${min === max ? '' : 'up to '}${String(max)} bytes in base64url`);
  }
  return text;
}

function readLine(line: JsonObject): Line[] {
  const transport = line.text('transport', NAME);
  if (!isTransport(transport)) return [];
  const isWebSocket = transport === 'ws' || transport === 'wss';
  return [
    {
      id: line.text('id', LINE_ID),
      gatewayId: line.integer('gatewayId', 0, 0xff),
      transport,
      tls: transport === 'wss' || (transport === 'tcp' && line.boolean('tls', false)),
      host: line.text('host', HOST),
      port: line.integer('port', 1, 0xffff),
      path: isWebSocket ? line.text('path', PATH, DEFAULT_PATH) : '',
      region: line.text('region', REGION, ''),
      priority: line.integer('priority', 0, 0xffff, 0),
      weight: line.integer('weight', 0, 0xffff, DEFAULT_WEIGHT),
    },
  ];
}

function readTransport(terms: JsonObject): TransportTerms {
  const mode = terms.text('mode', NAME, 'fast3');
  if (!isPreset(mode)) throw terms.fault('mode', 'is not known here');
  return {
    mtu: terms.integer('mtu', MIN_LINE_MTU, MAX_MTU, 1400),
    mode,
    sendWindow: terms.integer('sendWindow', 1, MAX_WINDOW, 1024),
    receiveWindow: terms.integer('receiveWindow', 1, MAX_WINDOW, 1024),
    maxMessageBytes: terms.integer('maxMessageBytes', 1, MAX_MESSAGE_BYTES, 65_535),
  };
}

function readProbe(terms: JsonObject): ProbeTerms {
  return {
    count: terms.integer('count', 1, 100, 5),
    intervalMs: terms.integer('intervalMs', 1, 60_000, 100),
    deadlineMs: terms.integer('deadlineMs', 1, 600_000, 4_000),
  };
}

const isTransport = (name: string): name is LineTransport => TRANSPORTS.includes(name);
const isPreset = (name: string): name is KcpPresetName => Object.hasOwn(KCP_PRESETS, name);

const TRANSPORTS: readonly string[] = ['udp', 'tcp', 'ws', 'wss'] satisfies LineTransport[];
const MAX_SESSIONS = 64;
const MAX_LINES = 1024;
/** What a gateway can be set to. */
const MIN_LINE_MTU = 576;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const DEFAULT_PATH = '/kcp';
const DEFAULT_WEIGHT = 100;

const NAME = /^[\x21-\x7e]{1,32}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const BASE64_URL = /^[\w-]{1,4096}$/;
/** DRAIN lists ids with commas between them. */
const LINE_ID = /^[^\p{C},]{1,64}$/u;
const HOST = /^[A-Za-z0-9_.:%-]{1,253}$/;
const PATH = /^\/[\x21\x22\x24-\x7e]{0,255}$/;
const REGION = /^[^\p{C}]{0,64}$/u;
