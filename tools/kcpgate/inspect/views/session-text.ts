import { closeCodeName } from '../../../../src/base/close-code.ts';
import { hex32, quotePrintable } from '../../../../src/wire/printable.ts';
import { bytesCell, countOf, shareCell } from '../../admin/cell.ts';
import { alignRows } from '../../align-rows.ts';
import type {
  ClientEvidence,
  DirectionReport,
  LineChange,
  SessionReport,
  SessionType,
} from '../examine/session-report.ts';
import type { Flow } from '../found-datagram.ts';
import { endText } from './end-text.ts';
import type { Palette } from './palette.ts';
import { secondsText, spanText } from './time-text.ts';

/** A session for people: a title, what is known of it as a whole, and a table with both directions. */
export function sessionLines(session: SessionReport, startUs: number, palette: Palette): string[] {
  const title = `Session ${session.index}, conv ${hex32(session.conv)}, ${TYPE_WORDS[session.type]}`;
  const facts = sessionFacts(session, startUs);
  const width = Math.max(...facts.map(([name]) => name.length));
  const [header = '', ...rows] = directionTable(session.fromClient, session.fromGateway);
  return [
    title,
    ...facts.map(([name, text]) => `${palette('dim', name.padEnd(width))}  ${text}`),
    '',
    palette('dim', header),
    ...rows,
  ];
}

const TYPE_WORDS: Readonly<Record<SessionType, string>> = {
  stock: 'without login (stock peer)',
  marked: 'without login (kcpgate client)',
  login_clear: 'logged in, not encrypted',
  sealed: 'logged in, sealed',
};

const EVIDENCE_WORDS: Readonly<Record<ClientEvidence, string>> = {
  handshake: 'told by the handshake',
  key: 'told by the key',
  command: 'told by its commands',
  opening: 'it sent the first data',
  connected: 'it connected',
  first_sender: 'a guess: it sent first',
  recording: 'told by the recording',
};

function sessionFacts(session: SessionReport, startUs: number): [string, string][] {
  const { client, gateway, realClient, clientToldBy, firstUs, lastUs, firstPacket, lastPacket } = session;
  const real = realClient === null ? '' : `, for ${endText(realClient)}`;
  const times = firstUs > 0 ? `, ${at(firstUs, startUs)} to ${at(lastUs, startUs)} s` : '';
  const facts: [string, string][] = [
    ['client', `${endText(client)}${real} (${EVIDENCE_WORDS[clientToldBy]})`],
    ['gateway', endText(gateway)],
    ['packets', `${firstPacket} to ${lastPacket}${times}, over ${session.carriers.join(', ')}`],
  ];
  if (!session.beginningSeen) facts.push(['begins', 'before the capture']);
  if (!Number.isNaN(session.handshakeUs)) facts.push(['handshake', spanText(session.handshakeUs)]);
  if (session.unopened > 0) facts.push(['sealed', `${session.unopened} datagrams could not be opened`]);
  session.lineChanges.forEach((change, index) => {
    facts.push([index === 0 ? 'lines' : '', changeText(change, startUs)]);
  });
  const more = session.lineChangeCount - session.lineChanges.length;
  if (more > 0) facts.push(['', `and ${more} more changes`]);
  facts.push(['end', closeText(session, startUs)]);
  return facts;
}

const at = (timeUs: number, startUs: number): string => secondsText(timeUs - startUs);

function changeText({ timeUs, packet, from, to, isRebinding }: LineChange, startUs: number): string {
  const words = isRebinding ? 'another address' : 'another line';
  const time = timeUs > 0 ? `${at(timeUs, startUs)} s, ` : '';
  return `${time}packet ${packet}: ${words}: ${lineText(from)} -> ${lineText(to)}`;
}

const lineText = ({ carrier, a, b }: Flow): string => `${carrier} ${endText(a)} > ${endText(b)}`;

function closeText({ close }: SessionReport, startUs: number): string {
  if (close === null) return 'goes on, as far as can be read';
  const { code, by, how, reason, timeUs, packet } = close;
  const time = timeUs > 0 ? `${at(timeUs, startUs)} s, ` : '';
  const said = reason === '' ? '' : `, ${quotePrintable(reason)}`;
  const who = by === 'both' ? 'both sides' : `the ${by}`;
  return `${time}packet ${packet}: ${code} (${closeCodeName(code)}) by ${who}, ${how.toUpperCase()}${said}`;
}

/** What a row says of a direction; empty when there is nothing to say. */
type Cell = (report: DirectionReport) => string;

/** `name` for people. Rows that are empty both ways are left out. */
const ROWS: readonly (readonly [name: string, cell: Cell])[] = [
  ['datagrams', ({ packets }) => String(packets)],
  ['bytes', ({ bytes }) => bytesCell(bytes)],
  ['segments', ({ segments }) => String(segments)],
  ['payload, once', ({ payloadBytes }) => bytesCell(payloadBytes)],
  ['goodput', ({ goodputBytesPerSecond }) => rateText(goodputBytesPerSecond)],
  ['messages', ({ messages }) => counted(messages)],
  ['  in pieces', ({ fragments }) => counted(fragments)],
  ['sent again', ({ retransmissions, pushes }) => shareText(retransmissions.total, pushes)],
  ['  overtaken (fast)', ({ retransmissions }) => counted(retransmissions.fast)],
  ['  timed out', ({ retransmissions }) => counted(retransmissions.timeout)],
  ['  line changed', ({ retransmissions }) => counted(retransmissions.lineChange)],
  ['  first not captured', ({ retransmissions }) => counted(retransmissions.ofUnseen)],
  ['  spurious', ({ retransmissions }) => counted(retransmissions.spurious)],
  ['duplicate segments', ({ duplicateSegments }) => counted(duplicateSegments)],
  ['duplicate datagrams', ({ duplicatePackets }) => counted(duplicatePackets)],
  ['numbers missing', ({ missingNumbers }) => counted(missingNumbers)],
  ['marked as copies', ({ copies }) => counted(copies)],
  ['out of order', ({ reorderedSegments }) => counted(reorderedSegments)],
  ['  deepest', ({ maxReorderDepth }) => (maxReorderDepth === 0 ? '' : `${maxReorderDepth} segments`)],
  ['acks', ({ acks }) => counted(acks)],
  ['  saying nothing new', ({ duplicateAcks }) => counted(duplicateAcks)],
  ['round trip, least', ({ roundTrip }) => spanCell(roundTrip.minUs)],
  ['  median', ({ roundTrip }) => spanCell(roundTrip.p50Us)],
  ['  95 %', ({ roundTrip }) => spanCell(roundTrip.p95Us)],
  ['  most', ({ roundTrip }) => spanCell(roundTrip.maxUs)],
  ['window, least', ({ window }) => (window.min < 0 ? '' : String(window.min))],
  ['  most', ({ window }) => (window.min < 0 ? '' : String(window.max))],
  ['  closed', ({ window }) => closedText(window.zeroCount, window.zeroUs)],
  ['unordered messages', ({ datagrams }) => counted(datagrams)],
  ['keepalives', ({ keepalives }) => counted(keepalives)],
  ['probes', ({ probes }) => counted(probes)],
];

function directionTable(client: DirectionReport, gateway: DirectionReport): string[] {
  const rows = ROWS.map(([name, cell]) => [name, cell(client), cell(gateway)]);
  const shown = rows.filter(([, one, other]) => one !== '' || other !== '');
  const header = ['', 'FROM CLIENT', 'FROM GATEWAY'];
  return alignRows(
    [header, ...shown.map(([name = '', one = '', other = '']) => [name.padEnd(NAME_WIDTH), one, other])],
    NUMERIC,
  );
}

const NUMERIC: ReadonlySet<number> = new Set([1, 2]);
const NAME_WIDTH = 22;

const counted = (count: number): string => (count === 0 ? '' : String(count));
const spanCell = (us: number): string => (Number.isNaN(us) ? '' : spanText(us));
const rateText = (rate: number): string =>
  Number.isFinite(rate) && rate > 0 ? `${bytesCell(Math.round(rate))}/s` : '';
const closedText = (count: number, us: number): string =>
  count === 0 ? '' : `${countOf(count, 'time')}, ${spanText(us)}`;

function shareText(count: number, all: number): string {
  return count === 0 || all === 0 ? counted(count) : `${count} (${shareCell(count / all)})`;
}
