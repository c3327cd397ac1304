import { DERIVED_KEY_BYTES, type KeyPurpose } from '../../../src/base/handshake-crypto.ts';
import { KEY_LOG_LABELS } from '../../../src/crypto/key-log.ts';
import { RANDOM_BYTES } from '../../../src/wire/hello.ts';

/** One key of a key log. */
export interface LoggedKey {
  readonly purpose: KeyPurpose;
  readonly conv: number;
  /** 32 hex digits, as the HELLO of its series has it. */
  readonly clientRandom: string;
  /** 32 hex digits, as HELLO_ACK has it; empty for the key of HELLO. */
  readonly serverRandom: string;
  /** AES-128, 16 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes. */
  readonly iv: Uint8Array;
}

/** What a {@link KeyLog} met, growing from zero. */
export interface KeyLogCounters {
  /** Keys taken, repeated ones left out. */
  readonly keys: number;
  /** Lines that are neither a key nor a comment nor empty. */
  readonly badLines: number;
  /** Keys forgotten for others, the oldest conversations first. */
  readonly forgottenKeys: number;
}

/** Bounds of a {@link KeyLog}. */
export interface KeyLogLimits {
  /** Most keys held. Default 262,144. */
  readonly maxKeys?: number;
}

/**
 * The keys of a key log (docs/login.md), by conversation. A conversation may have any number of them: one pair for each
 * handshake; the tag of a datagram tells which one fits. May grow while it is used.
 */
export class KeyLog {
  readonly #maxKeys: number;
  readonly #byConversation = new Map<number, ConversationKeys>();
  #rest = '';
  /** The line is too long to be a key: what follows of it is not kept. */
  #isSkipping = false;
  #held = 0;
  #keys = 0;
  #badLines = 0;
  #forgottenKeys = 0;

  constructor({ maxKeys = DEFAULT_MAX_KEYS }: KeyLogLimits = {}) {
    this.#maxKeys = maxKeys;
  }

  /** Takes more text of the log, cut anywhere. Never throws. */
  push(text: string): void {
    let at = 0;
    for (;;) {
      const end = text.indexOf('\n', at);
      const piece = text.slice(at, end < 0 ? undefined : end);
      if (end < 0) {
        this.#keepRest(piece);
        return;
      }
      this.#endLine(piece);
      at = end + 1;
    }
  }

  /** The text has ended: a last line without line end counts. */
  finish(): void {
    this.#endLine('');
  }

  /** The keys of a conversation for one purpose, the newest first; empty when there are none. */
  keysOf(conv: number, purpose: KeyPurpose): readonly LoggedKey[] {
    return this.#byConversation.get(conv)?.[purpose] ?? NO_KEYS;
  }

  get counters(): KeyLogCounters {
    return { keys: this.#keys, badLines: this.#badLines, forgottenKeys: this.#forgottenKeys };
  }

  #keepRest(piece: string): void {
    if (this.#isSkipping) return;
    this.#rest += piece;
    if (this.#rest.length <= MAX_LINE) return;
    this.#rest = '';
    this.#isSkipping = true;
  }

  #endLine(piece: string): void {
    const isTooLong = this.#isSkipping || this.#rest.length + piece.length > MAX_LINE;
    const line = isTooLong ? '' : (this.#rest + piece).trim();
    this.#rest = '';
    this.#isSkipping = false;
    if (isTooLong) this.#badLines += 1;
    if (line === '' || line.startsWith('#')) return;
    const key = parseLine(line);
    if (key === undefined) this.#badLines += 1;
    else this.#add(key);
  }

  #add(key: LoggedKey): void {
    let conversation = this.#byConversation.get(key.conv);
    if (conversation === undefined) {
      conversation = { early: [], client: [], server: [] };
      this.#byConversation.set(key.conv, conversation);
    }
    const keys = conversation[key.purpose];
    if (keys.some((known) => isSame(known, key))) return;
    keys.unshift(key);
    this.#keys += 1;
    this.#held += 1;
    if (keys.length > MAX_KEYS_OF_ONE) {
      keys.pop();
      this.#held -= 1;
      this.#forgottenKeys += 1;
    }
    while (this.#held > this.#maxKeys) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const [conv, { early, client, server }] of this.#byConversation) {
      const count = early.length + client.length + server.length;
      this.#byConversation.delete(conv);
      this.#held -= count;
      this.#forgottenKeys += count;
      return;
    }
  }
}

/** The keys of a whole key log. */
export function parseKeyLog(text: string, limits?: KeyLogLimits): KeyLog {
  const log = new KeyLog(limits);
  log.push(text);
  log.finish();
  return log;
}

type ConversationKeys = Record<KeyPurpose, LoggedKey[]>;

function isSame(a: LoggedKey, b: LoggedKey): boolean {
  return (
    a.clientRandom === b.clientRandom &&
    a.serverRandom === b.serverRandom &&
    Buffer.compare(a.key, b.key) === 0 &&
    Buffer.compare(a.iv, b.iv) === 0
  );
}

function parseLine(line: string): LoggedKey | undefined {
  const [label = '', conv = '', clientRandom = '', serverRandom = '', derived = '', ...more] =
    line.split(/[ \t]+/);
  const purpose = PURPOSES.get(label);
  if (purpose === undefined || more.length > 0) return undefined;
  const isWhole =
    isHex(conv, 4) &&
    isHex(clientRandom, RANDOM_BYTES) &&
    (purpose === 'early' ? serverRandom === '-' : isHex(serverRandom, RANDOM_BYTES)) &&
    isHex(derived, DERIVED_KEY_BYTES);
  if (!isWhole) return undefined;
  const bytes = new Uint8Array(Buffer.from(derived, 'hex'));
  return {
    purpose,
    conv: Number.parseInt(conv, 16),
    clientRandom: clientRandom.toLowerCase(),
    serverRandom: purpose === 'early' ? '' : serverRandom.toLowerCase(),
    key: bytes.subarray(0, KEY_BYTES),
    iv: bytes.subarray(KEY_BYTES),
  };
}

function isHex(text: string, bytes: number): boolean {
  return text.length === 2 * bytes && /^[0-9a-f]*$/i.test(text);
}

const PURPOSES: ReadonlyMap<string, KeyPurpose> = new Map([
  [KEY_LOG_LABELS.early, 'early'],
  [KEY_LOG_LABELS.client, 'client'],
  [KEY_LOG_LABELS.server, 'server'],
]);
const NO_KEYS: readonly LoggedKey[] = [];
const KEY_BYTES = 16;
const DEFAULT_MAX_KEYS = 262_144;
/** Of one conversation and purpose: that many handshakes. */
const MAX_KEYS_OF_ONE = 256;
/** A key takes 160 characters. */
const MAX_LINE = 1024;
