import { commandName, Command } from '../../../../src/wire/command.ts';
import type { ExaminedKind, ExaminedSegment } from '../examined.ts';
import type { FoundCarrier } from '../found-datagram.ts';
import { MARK_TABLE } from '../views/mark-table.ts';
import type { Predicate, Subject } from '../views/subject.ts';

/** Something with a number. */
export interface NumberField {
  readonly type: 'number';
  /** NaN where there is none. */
  readonly read: (subject: Subject, segment: ExaminedSegment | null) => number;
  /** Names for some numbers. */
  readonly names?: ReadonlyMap<string, number>;
  /** Whether numbers may have a fraction. */
  readonly fraction?: boolean;
}

/** Something with one of a few names. */
export interface NameField {
  readonly type: 'name';
  readonly names: readonly string[];
  readonly read: (subject: Subject) => string | null;
}

/** An IP address. */
export interface AddressField {
  readonly type: 'address';
  readonly read: (subject: Subject) => string;
}

/** Either of two fields. */
export interface EitherField {
  readonly type: 'either';
  readonly of: readonly [FilterField, FilterField];
}

export type FilterField = NumberField | NameField | AddressField | EitherField;

const COMMAND_NAMES: ReadonlyMap<string, number> = new Map(
  Object.values(Command).map((cmd) => [(commandName(cmd) ?? '').toLowerCase(), cmd]),
);

const KIND_NAMES: readonly ExaminedKind[] = [
  'clear',
  'sealed',
  'handshake',
  'fec',
  'kcp_go_crypt',
  'opaque',
  'proxy_header',
  'empty',
];
const CARRIER_NAMES: readonly FoundCarrier[] = ['udp', 'tcp', 'websocket'];

const SOURCE: AddressField = { type: 'address', read: ({ source }) => source.address };
const DESTINATION: AddressField = { type: 'address', read: ({ destination }) => destination.address };
const SOURCE_PORT: NumberField = { type: 'number', read: ({ source }) => source.port };
const DESTINATION_PORT: NumberField = { type: 'number', read: ({ destination }) => destination.port };

/** What can be compared, by name. */
export const FILTER_FIELDS: ReadonlyMap<string, FilterField> = new Map<string, FilterField>([
  ['conv', { type: 'number', read: ({ datagram }, segment) => known(segment?.conv ?? datagram.conv) }],
  ['cmd', { type: 'number', read: (_, segment) => segment?.cmd ?? NaN, names: COMMAND_NAMES }],
  ['frg', { type: 'number', read: (_, segment) => segment?.frg ?? NaN }],
  ['wnd', { type: 'number', read: (_, segment) => segment?.wnd ?? NaN }],
  ['ts', { type: 'number', read: (_, segment) => unsigned(segment?.ts) }],
  ['sn', { type: 'number', read: (_, segment) => unsigned(segment?.sn) }],
  ['una', { type: 'number', read: (_, segment) => unsigned(segment?.una) }],
  ['len', { type: 'number', read: (_, segment) => segment?.length ?? NaN }],
  ['kind', { type: 'name', read: ({ datagram }) => datagram.kind, names: KIND_NAMES }],
  ['carrier', { type: 'name', read: ({ datagram }) => datagram.found.flow.carrier, names: CARRIER_NAMES }],
  ['direction', { type: 'name', read: ({ direction }) => direction, names: ['client', 'gateway'] }],
  ['src', SOURCE],
  ['dst', DESTINATION],
  ['host', { type: 'either', of: [SOURCE, DESTINATION] }],
  ['sport', SOURCE_PORT],
  ['dport', DESTINATION_PORT],
  ['port', { type: 'either', of: [SOURCE_PORT, DESTINATION_PORT] }],
  ['time', { type: 'number', read: ({ seconds }) => seconds, fraction: true }],
  ['packet', { type: 'number', read: ({ datagram }) => datagram.found.packet }],
  ['session', { type: 'number', read: ({ datagram }) => known(datagram.session) }],
  ['pn', { type: 'number', read: ({ packetNumber }) => known(packetNumber) }],
  ['path_id', { type: 'number', read: ({ pathId }) => known(pathId) }],
]);

/** What is true or not, by name. */
export const FILTER_FLAGS: ReadonlyMap<string, Predicate> = new Map<string, Predicate>([
  ...MARK_TABLE.map(({ name, bit }): [string, Predicate] => [
    name,
    (_, segment) => segment !== null && (segment.marks & bit) !== 0,
  ]),
  ['copy', ({ isCopy }) => isCopy],
  ['problem', ({ hasProblem }) => hasProblem],
  ['decrypted', ({ isDecrypted }) => isDecrypted],
]);

/** Names that stand for a comparison when they stand alone: `push` for `cmd == push`. */
export const FILTER_SHORTHANDS: ReadonlyMap<string, Predicate> = new Map<string, Predicate>([
  ...[...COMMAND_NAMES].map(([name, cmd]): [string, Predicate] => [
    name,
    (_, segment) => segment?.cmd === cmd,
  ]),
  ...KIND_NAMES.map((kind): [string, Predicate] => [kind, ({ datagram }) => datagram.kind === kind]),
  ...CARRIER_NAMES.map((carrier): [string, Predicate] => [
    carrier,
    ({ datagram }) => datagram.found.flow.carrier === carrier,
  ]),
]);

/** -1 stands for nothing. */
const known = (value: number): number => (value === -1 ? NaN : value);

const unsigned = (value: number | undefined): number => (value === undefined ? NaN : value >>> 0);
