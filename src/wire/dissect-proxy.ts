import { formatIp } from '../base/address.ts';
import { bytesField, type Draft, field } from './dissection-draft.ts';
import type { Field } from './dissection.ts';
import { parseProxyHeader, PROXY_DESTINATION_AT, ProxyHeader, type ProxyMode } from './proxy-header.ts';
import type { ProxyFault } from './proxy-result.ts';
import { PROXY_V2_HEADER_BYTES } from './proxy-v2.ts';
import { quotePrintable } from './printable.ts';

/**
 * Takes the PROXY or SPP header in front of a datagram apart.
 * @returns where the datagram begins; -1 when there is a header, but a faulty one: then nothing tells.
 */
export function dissectProxy(draft: Draft, end: number, mode: ProxyMode): number {
  const header = new ProxyHeader();
  const result = parseProxyHeader(draft.memory, 0, end, mode, header);
  switch (result) {
    case 'ok':
      if (mode === 'spp') addUnit(draft, 'SPP', header, [], SPP_PLACES);
      else if (draft.memory.bytes[0] === TEXT_BEGIN) dissectV1(draft, header);
      else dissectV2(draft, header);
      return header.length;
    case 'none':
      return 0;
    case 'incomplete':
      if (end === 0) return 0;
      draft.problem('proxy_incomplete', 0, 'the datagram ends inside its proxy header');
      return -1;
    case 'proxy_malformed':
    case 'proxy_version':
    case 'proxy_family':
    case 'proxy_oversize':
    case 'proxy_checksum':
      draft.problem(result, 0, FAULT_TEXTS[result]);
      return -1;
  }
}

const TEXT_BEGIN = 0x50;

const FAULT_TEXTS: Readonly<Record<ProxyFault, string>> = {
  proxy_malformed: 'it begins like a PROXY header, but is none',
  proxy_version: 'version or command of the PROXY header is not known',
  proxy_family: 'address family or transport of the PROXY header is not known',
  proxy_oversize: 'the PROXY header is longer than is accepted',
  proxy_checksum: 'the CRC-32C of the PROXY header does not match',
};

/** Where the four parts of an address pair stand: offset and length each. */
interface Places {
  readonly source: readonly [number, number];
  readonly destination: readonly [number, number];
  readonly sourcePort: readonly [number, number];
  readonly destinationPort: readonly [number, number];
}

const SPP_PLACES: Places = {
  source: [2, 16],
  destination: [18, 16],
  sourcePort: [34, 2],
  destinationPort: [36, 2],
};

function dissectV1(draft: Draft, header: ProxyHeader): void {
  const line = String.fromCharCode(...draft.memory.bytes.subarray(0, header.length - 2));
  const [, family = '', source = '', destination = '', sourcePort = '', destinationPort = ''] =
    line.split(' ');
  const familyField = field('family', family, 6, family.length);
  if (header.kind !== 'proxied') {
    const rest = line.slice(6 + family.length);
    const restField = field('rest', rest, 6 + family.length, rest.length, quotePrintable(rest));
    return addUnit(draft, 'PROXY_V1', header, rest === '' ? [familyField] : [familyField, restField]);
  }
  const sourceAt = 7 + family.length;
  const destinationAt = sourceAt + source.length + 1;
  const sourcePortAt = destinationAt + destination.length + 1;
  addUnit(draft, 'PROXY_V1', header, [familyField], {
    source: [sourceAt, source.length],
    destination: [destinationAt, destination.length],
    sourcePort: [sourcePortAt, sourcePort.length],
    destinationPort: [sourcePortAt + sourcePort.length + 1, destinationPort.length],
  });
}

function dissectV2(draft: Draft, header: ProxyHeader): void {
  const { bytes, view } = draft.memory;
  const family = bytes[13]!;
  const fields = [
    field('command', bytes[12]!, 12, 1, header.kind === 'local' ? 'LOCAL' : 'PROXY'),
    field('family', family, 13, 1, FAMILY_NAMES.get(family) ?? `0x${family.toString(16)}`),
    field('length', view.getUint16(14, false), 14, 2),
  ];
  const at = PROXY_V2_HEADER_BYTES;
  if (header.kind !== 'proxied') {
    if (header.length > at) fields.push(bytesField(draft.memory, 'skipped', at, header.length - at));
    return addUnit(draft, 'PROXY_V2', header, fields);
  }
  const ipBytes = family >> 4 === 1 ? 4 : 16;
  const portsAt = at + 2 * ipBytes;
  const places: Places = {
    source: [at, ipBytes],
    destination: [at + ipBytes, ipBytes],
    sourcePort: [portsAt, 2],
    destinationPort: [portsAt + 2, 2],
  };
  addUnit(draft, 'PROXY_V2', header, fields, places, tlvFields(draft, portsAt + 4, header.length));
}

const FAMILY_NAMES: ReadonlyMap<number, string> = new Map([
  [0x00, 'UNSPEC'],
  [0x11, 'TCP4'],
  [0x12, 'UDP4'],
  [0x21, 'TCP6'],
  [0x22, 'UDP6'],
  [0x31, 'UNIX_STREAM'],
  [0x32, 'UNIX_DGRAM'],
]);

const TLV_NAMES: ReadonlyMap<number, string> = new Map([
  [0x01, 'alpn'],
  [0x02, 'authority'],
  [0x03, 'crc32c'],
  [0x04, 'noop'],
  [0x05, 'uniqueId'],
  [0x20, 'ssl'],
  [0x30, 'netns'],
]);

/** One field for each TLV, which covers type, length and value; the parser has checked that they fit. */
function tlvFields(draft: Draft, from: number, end: number): Field[] {
  const { memory } = draft;
  const fields: Field[] = [];
  for (let at = from; at < end;) {
    const type = memory.bytes[at]!;
    const length = memory.view.getUint16(at + 1, false);
    const name = TLV_NAMES.get(type) ?? `tlv0x${type.toString(16).padStart(2, '0')}`;
    fields.push(bytesField(memory, name, at + 3, length));
    at += 3 + length;
  }
  return fields;
}

function addUnit(
  draft: Draft,
  name: string,
  header: ProxyHeader,
  first: readonly Field[],
  places?: Places,
  last: readonly Field[] = [],
): void {
  const fields = [...first];
  if (places !== undefined) {
    fields.push(
      field('source', formatIp(header.addresses, 0), ...places.source),
      field('destination', formatIp(header.addresses, PROXY_DESTINATION_AT), ...places.destination),
      field('sourcePort', header.sourcePort, ...places.sourcePort),
      field('destinationPort', header.destinationPort, ...places.destinationPort),
    );
  }
  draft.unit(name, 0, header.length, [...fields, ...last]);
}
