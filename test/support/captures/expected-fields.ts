import { parseIp, formatIp } from '../../../src/base/address.ts';
import { MIN_DATAGRAM_BYTES } from '../../../src/wire/datagram-kind.ts';
import { dissect } from '../../../src/wire/dissect.ts';
import type { Field, Unit } from '../../../src/wire/dissection.ts';
import { SegmentMark, type ExaminedDatagram } from '../../../tools/kcpgate/inspect/examined.ts';
import { openedCrypt } from '../../../tools/kcpgate/inspect/views/crypt-unit.ts';
import { readingOf } from '../../../tools/kcpgate/inspect/views/reading.ts';

/** What the dissector should say of one packet, by field. */
export type ExpectedFields = Map<string, string[]>;

/** Adds what the inspector says of a datagram. Values are written as tshark writes them. */
export function addExpected(into: ExpectedFields, datagram: ExaminedDatagram): void {
  const add = (name: string, value: string): void => {
    const field = `kcpgate.${name}`;
    const values = into.get(field);
    if (values === undefined) into.set(field, [value]);
    else values.push(value);
  };
  add('kind', datagram.kind);
  if (datagram.kind === 'opaque') return addOpaque(add, datagram);
  const reading = readingOf(datagram);
  const crypt = openedCrypt(datagram);
  const { found, clear } = datagram;
  const outerBytes = found.bytes.subarray(found.offset, found.offset + found.length);
  const innerBytes = clear?.subarray(crypt?.at ?? datagram.clearAt) ?? outerBytes;
  if (crypt !== null) addCrypt(add, crypt.unit);
  for (const unit of reading.outer?.units ?? []) addUnit(add, unit, outerBytes);
  for (const unit of reading.inner?.units ?? []) addUnit(add, unit, innerBytes);
  for (const { code } of reading.problems) add('problem', code);
  if (datagram.kind === 'sealed' || datagram.kind === 'handshake') addSealed(add, datagram);
  addMarks(add, datagram);
}

/** What the dissector says of what it cannot read, because it may be damaged. */
function addOpaque(add: Add, { found, proxyBytes }: ExaminedDatagram): void {
  const bytes = found.bytes.subarray(found.offset, found.offset + found.length);
  const mode = bytes[0] === 0x56 ? 'spp' : 'proxy';
  const isUdp = found.flow.carrier === 'udp';
  for (const { code } of isUdp ? dissect(bytes, { proxy: mode }).problems : [])
    if (code.startsWith('proxy_') && code !== 'proxy_incomplete') add('problem', code);
  const [header] = proxyBytes > 0 ? dissect(bytes, { proxy: mode }).units : [];
  if (header !== undefined) addUnit(add, header, bytes);
  if (bytes.length - proxyBytes < MIN_DATAGRAM_BYTES) add('problem', 'too_short');
}

function addCrypt(add: Add, { name, fields }: Unit): void {
  add('unit', name);
  for (const field of fields) {
    if (field.name === 'nonce') add('kcp_go.nonce', String(field.value));
    else add('kcp_go.crc', hex(Number(field.value), 8));
  }
}

type Add = (name: string, value: string) => void;

function addUnit(add: Add, unit: Unit, bytes: Uint8Array): void {
  add('unit', unit.name);
  if (unit.fields[1]?.name === 'cmd') addSegment(add, unit, bytes);
  else for (const field of unit.fields) addHeaderField(add, unit, field, bytes);
}

/** Header fields by their place: what they are called depends on the command. */
const HEADER = ['conv', 'cmd', 'frg', 'wnd', 'ts', 'sn', 'una', 'len'] as const;

function addSegment(add: Add, { fields }: Unit, bytes: Uint8Array): void {
  for (const [index, name] of HEADER.entries()) {
    const field = fields[index];
    if (field === undefined) throw new Error(`a segment without ${name}`);
    const value = Number(field.value);
    add(name, name === 'conv' ? hex(value, 8) : String(value));
    if (field.name !== name) addMeaning(add, field.name, value);
  }
  for (const field of fields.slice(HEADER.length)) addPayloadField(add, field, bytes);
}

function addMeaning(add: Add, name: string, value: number): void {
  switch (name) {
    case 'nonce':
      return add('probe.nonce', hex(value, 8));
    case 'load':
      add('probe_ack.load', String(value & 0xff));
      add('probe_ack.draining', flag(value & 0x100));
      return add('probe_ack.not_ready', flag(value & 0x200));
    default:
      return add(MEANINGS[name] ?? name, String(value));
  }
}

/** How the dissector calls what `dissect` calls so. */
const MEANINGS: Readonly<Record<string, string>> = {
  retryAfter: 'retry_after',
  acknowledges: 'fin.acknowledges',
  finalSn: 'fin.final_sn',
  index: 'probe.index',
  number: 'probe.number',
  nodeId: 'probe_ack.node_id',
  epoch: 'probe_ack.epoch',
  deadline: 'drain.deadline',
  jitter: 'drain.jitter',
  lines: 'drain.lines',
  counter: 'datagram.counter',
  token: 'reset.token',
  data: 'path.data',
  pathId: 'path_id',
  version: 'handshake.version',
  random: 'handshake.random',
  ticketLength: 'ticket.length',
  ticketVersion: 'ticket.version',
  ticketKeyId: 'ticket.key_id',
  ticketNonce: 'ticket.nonce',
  ticketText: 'ticket.text',
  ticketTag: 'ticket.tag',
  seqid: 'fec.seqid',
  size: 'fec.size',
  codeWords: 'fec.code_words',
};

const BYTES: ReadonlySet<string> = new Set([
  ...['payload', 'padding', 'token', 'data', 'random', 'ticketNonce', 'ticketText', 'ticketTag'],
  ...['ciphertext', 'tag', 'rest', 'codeWords'],
]);

function addPayloadField(add: Add, field: Field, bytes: Uint8Array): void {
  const { name, value, offset, length } = field;
  if (name === 'address') addAddress(add, field, bytes);
  else if (BYTES.has(name)) addBytes(add, MEANINGS[name] ?? name, bytes, offset, length);
  else if (length > 0) add(MEANINGS[name] ?? name, printable(String(value)));
}

/** As the dissector shows text: no character ends it, or moves the cursor. */
const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);

function addHeaderField(add: Add, unit: Unit, field: Field, bytes: Uint8Array): void {
  if (unit.name.startsWith('PROXY') || unit.name === 'SPP') return addProxyField(add, field, bytes);
  const value = Number(field.value);
  switch (field.name) {
    case 'conv':
      return add('conv', hex(value, 8));
    case 'kind':
      add('byte4', hex(value, 2));
      add('has_address_block', flag(value & 4));
      if (unit.name.startsWith('SEALED')) add('copy', flag(value & 8));
      return;
    case 'type':
      return add('fec.type', hex(value, 4));
    default:
      addPayloadField(add, field, bytes);
  }
}

function addProxyField(add: Add, { name, value, offset, length }: Field, bytes: Uint8Array): void {
  switch (name) {
    case 'family': {
      const text = typeof value === 'number' ? (FAMILIES[value] ?? `0x${value.toString(16)}`) : String(value);
      return add('proxy.family', text);
    }
    case 'command':
      return add('proxy.command', hex(Number(value), 2));
    case 'skipped':
      return addBytes(add, 'proxy.skipped', bytes, offset, length);
    case 'length':
    case 'source':
    case 'destination':
    case 'rest':
      if (length > 0) add(`proxy.${name}`, String(value));
      return;
    case 'sourcePort':
      return add('proxy.source_port', String(value));
    case 'destinationPort':
      return add('proxy.destination_port', String(value));
    default:
      add('proxy.tlv.type', hex(bytes[offset - 3] ?? 0, 2));
      return addBytes(add, 'proxy.tlv', bytes, offset, length);
  }
}

const FAMILIES: Readonly<Record<number, string>> = {
  0x00: 'UNSPEC',
  0x11: 'TCP4',
  0x12: 'UDP4',
  0x21: 'TCP6',
  0x22: 'UDP6',
  0x31: 'UNIX_STREAM',
  0x32: 'UNIX_DGRAM',
};

function addAddress(add: Add, { value, text, offset, length }: Field, bytes: Uint8Array): void {
  const isBlock = bytes[offset] === 1 && bytes[offset + 1] === length;
  add('address', isBlock ? text : hexOf(bytes, offset, length));
  if (!isBlock) return;
  add('address.port', String(((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)));
  add('address.ip', value === '' ? '::' : ipOf(bytes, offset + 4));
}

/** An address as tshark writes an IPv6 one, which does not matter: it is compared by what it means. */
const ipOf = (bytes: Uint8Array, at: number): string => formatIp(bytes, at);

/** The same for what tshark wrote. */
export function normalIp(text: string): string {
  const bytes = parseIp(text);
  return bytes === undefined ? text : formatIp(bytes);
}

function addBytes(add: Add, name: string, bytes: Uint8Array, offset: number, length: number): void {
  if (length > 0) add(name, hexOf(bytes, offset, length));
}

function addSealed(add: Add, { clear, sealedBecause, found }: ExaminedDatagram): void {
  // Not sealed, or too short to be opened.
  if (clear === found.bytes || (sealedBecause === 'cut_off' && found.missingBytes === 0)) return;
  add('decrypted', flag(clear === null ? 0 : 1));
  if (sealedBecause !== null) add('sealed_because', sealedBecause);
}

function addMarks(add: Add, { segments, segmentCount }: ExaminedDatagram): void {
  for (let i = 0; i < segmentCount; i++) {
    const marks = segments[i]?.marks ?? 0;
    for (const [mark, name] of MARKS) if ((marks & mark) !== 0) add(`analysis.${name}`, '1');
    const roundTripUs = segments[i]?.roundTripUs ?? NaN;
    if (!Number.isNaN(roundTripUs)) add('rtt', String(roundTripUs / 1e6));
  }
}

const MARKS = [
  [SegmentMark.retransmission, 'retransmission'],
  [SegmentMark.spurious, 'spurious'],
  [SegmentMark.duplicate, 'duplicate'],
  [SegmentMark.outOfOrder, 'out_of_order'],
  [SegmentMark.zeroWindow, 'zero_window'],
] as const;

const flag = (value: number): string => (value === 0 ? '0' : '1');
const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;
const hexOf = (bytes: Uint8Array, offset: number, length: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('hex');
