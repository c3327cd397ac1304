import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ADDRESS_BLOCK_BYTES } from '../../../src/wire/address-block.ts';
import { CLOSE_CODES } from '../../../src/base/close-code.ts';
import { Command, commandName } from '../../../src/wire/command.ts';
import { isAllocatableConv } from '../../../src/wire/conversation.ts';
import { ADDRESS_BLOCK_BIT, COPY_BIT } from '../../../src/wire/datagram-kind.ts';
import { type FrameFault, MAX_FRAMED_BYTES } from '../../../src/wire/frame.ts';
import {
  HANDSHAKE_VERSION,
  HandshakeKind,
  HELLO_ACK_HEADER_BYTES,
  HELLO_FIELD,
  HELLO_HEADER_BYTES,
  MIN_UDP_HELLO_BYTES,
  RANDOM_BYTES,
} from '../../../src/wire/hello.ts';
import type { ProxyFault } from '../../../src/wire/proxy-header.ts';
import { PROXY_V1_MAX_BYTES } from '../../../src/wire/proxy-v1.ts';
import { PROXY_V2_ACCEPTED_BYTES } from '../../../src/wire/proxy-v2.ts';
import { PROBE_MIN_BYTES } from '../../../src/wire/probe.ts';
import { RESET_BYTES } from '../../../src/wire/reset.ts';
import {
  SEAL_TAG_BYTES,
  SEALED_FIELD,
  SEALED_HEADER_BYTES,
  SEALED_KIND,
  SEALED_OVERHEAD_BYTES,
} from '../../../src/wire/sealed-header.ts';
import { SPP_BYTES } from '../../../src/wire/spp.ts';
import {
  MAX_CLAIMS_BYTES,
  MAX_SUBJECT_BYTES,
  MAX_TICKET_BYTES,
  MIN_TICKET_BYTES,
  readTicketBody,
  SESSION_SECRET_BYTES,
  TICKET_HEADER_BYTES,
  TICKET_NONCE_BYTES,
  TICKET_TAG_BYTES,
} from '../../../src/wire/ticket.ts';
import { fromHex, loadVectors } from './vectors.ts';

const text = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');

const cellsOf = (line: string): string[] => line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
const rowsOf = (part: string): string[][] =>
  part
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map(cellsOf);

const rows = rowsOf(text);

/** What stands under a heading, up to the next one. */
function section(heading: string): string {
  const from = text.indexOf(`${heading}\n`);
  expect(from, `heading ${heading}`).toBeGreaterThanOrEqual(0);
  const next = text.indexOf('\n#', from + heading.length);
  return text.slice(from, next < 0 ? undefined : next);
}

/** Offset, size and name of each row of the `index`-th table of fields in a section. */
function fieldsOf(heading: string, index = 0): (readonly [offset: string, size: string, name: string])[] {
  const tables = section(heading)
    .split(/\n\n+/)
    .filter((block) => block.startsWith('| offset'));
  return rowsOf(tables[index]!)
    .slice(2)
    .map(([, offset, size, name]) => [offset!, size!, name!] as const);
}

/** Paragraphs as one line each, to look for whole sentences. */
const flat = text.replace(/\s+/g, ' ');

it('docs/protocol.md lists every command by its number', () => {
  const listed = rows.filter(([, code]) => /^\d\d$/.test(code!)).map(([, code, name]) => `${code} ${name}`);
  expect(listed.filter((row) => /^(8|9)\d [A-Z]/.test(row))).toEqual(
    Object.values(Command).map((code) => `${code} ${commandName(code)}`),
  );
});

it('docs/protocol.md lists every close code by its name', () => {
  const listed = rows.filter(([, code]) => /^\d{4}$/.test(code!)).map(([, code, name]) => `${code} ${name}`);
  expect(listed).toEqual(CLOSE_CODES.map(({ code, name }) => `${code} ${name}`));
});

it('docs/protocol.md names every file of vectors', () => {
  const folder = new URL('../../vectors/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const listed = rows.map(([, name]) => name!).filter((name) => name.endsWith('.json'));
  expect(listed.sort()).toEqual(files.sort());
});

it('docs/protocol.md links to headings that are there', () => {
  const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor!);
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
});

describe('the layouts of docs/protocol.md are those of the code', () => {
  const { conv, kind, version, pn, random, ticketLength, ticket } = HELLO_FIELD;

  it('HELLO and HELLO_CLEAR', () => {
    expect(fieldsOf('## Handshake', 0)).toEqual([
      [`${conv}`, '4', 'conv'],
      [`${kind}`, '1', '0xB0 or 0xB4'],
      [`${version}`, '1', 'version'],
      [`${pn}`, '6', 'packet number'],
      [`${random}`, `${RANDOM_BYTES}`, 'client random'],
      [`${ticketLength}`, '2', 'length t of the ticket'],
      [`${ticket}`, 't', 'ticket'],
      [`${HELLO_HEADER_BYTES} + t`, `${ADDRESS_BLOCK_BYTES}`, 'address block, only if bit 0x04 is set'],
      ['then', '', `sealed segments, then the tag, ${SEAL_TAG_BYTES} bytes`],
    ]);
    expect([HandshakeKind.hello, HandshakeKind.hello | ADDRESS_BLOCK_BIT]).toEqual([0xb0, 0xb4]);
    expect([HandshakeKind.helloClear, HandshakeKind.helloClear | ADDRESS_BLOCK_BIT]).toEqual([0xb2, 0xb6]);
    expect(section('## Handshake')).toContain(`The version is ${HANDSHAKE_VERSION};`);
    expect(section('## Handshake')).toContain('0xB2 or 0xB6');
  });

  it('HELLO_ACK and HELLO_CLEAR_ACK', () => {
    expect(fieldsOf('## Handshake', 1)).toEqual([
      [`${conv}`, '4', 'conv'],
      [`${kind}`, '1', '0xB1'],
      [`${version}`, '1', 'version'],
      [`${pn}`, '6', 'packet number'],
      [`${random}`, `${RANDOM_BYTES}`, 'server random'],
      [`${HELLO_ACK_HEADER_BYTES}`, '', `sealed segments, then the tag, ${SEAL_TAG_BYTES} bytes`],
    ]);
    expect([HandshakeKind.helloAck, HandshakeKind.helloClearAck]).toEqual([0xb1, 0xb3]);
  });

  it('sealed data', () => {
    expect(fieldsOf('## Sealed data')).toEqual([
      [`${SEALED_FIELD.conv}`, '4', 'conv'],
      [`${SEALED_FIELD.kind}`, '1', '0xA0, plus 0x04 with an address block, plus 0x08 in a copy'],
      [`${SEALED_FIELD.pathId}`, '1', 'path id'],
      [`${SEALED_FIELD.pn}`, '6', 'packet number'],
      [`${SEALED_FIELD.addressBlock}`, `${ADDRESS_BLOCK_BYTES}`, 'address block, only if bit 0x04 is set'],
      ['then', '', `AES-128-GCM of segments, then the tag, ${SEAL_TAG_BYTES} bytes`],
    ]);
    expect([SEALED_KIND, ADDRESS_BLOCK_BIT, COPY_BIT]).toEqual([0xa0, 0x04, 0x08]);
    const overhead = `Overhead: ${SEALED_OVERHEAD_BYTES} bytes, ${SEALED_OVERHEAD_BYTES + ADDRESS_BLOCK_BYTES} with the block`;
    expect(flat).toContain(overhead);
    expect(flat).toContain(`Additional data is bytes 0 to ${SEALED_HEADER_BYTES - 1}`);
  });

  it('ticket', () => {
    expect(fieldsOf('### The ticket', 0).map(([offset, size]) => [offset, size])).toEqual([
      ['0', '1'],
      ['1', '1'],
      ['2', `${TICKET_NONCE_BYTES}`],
      [`${TICKET_HEADER_BYTES}`, 'n'],
      [`${TICKET_HEADER_BYTES} + n`, `${TICKET_TAG_BYTES}`],
    ]);
    expect(flat).toContain(`A ticket is ${MIN_TICKET_BYTES} to ${MAX_TICKET_BYTES} bytes long`);
    expect(flat).toContain(`bytes of the subject, 0 to ${MAX_SUBJECT_BYTES}`);
    expect(flat).toContain(`bytes of the claims, 0 to ${MAX_CLAIMS_BYTES}`);
  });

  it('body of a ticket: read by nothing but the table, a vector gives its fields', () => {
    const { tickets } = loadVectors('handshake.json') as { tickets: readonly { text: string }[] };
    const bytes = Buffer.from(fromHex(tickets[0]!.text));
    const body = readTicketBody(bytes)!;
    const at = (name: string): number => {
      const found = fieldsOf('### The ticket', 1).find(([, , field]) => field.startsWith(name));
      return Number(/^\d+/.exec(found![0])![0]);
    };
    expect(bytes.readUInt32LE(at('conv'))).toBe(body.conv);
    expect(Number(bytes.readBigUInt64LE(at('issued')))).toBe(body.issuedMs);
    expect(Number(bytes.readBigUInt64LE(at('expires')))).toBe(body.expiresMs);
    const secretAt = at('secret');
    expect(bytes.subarray(secretAt, secretAt + SESSION_SECRET_BYTES).equals(body.secret)).toBe(true);
    expect(bytes[at('seal')]).toBe(0);
    const subjectBytes = bytes[at('bytes of the subject')]!;
    const subjectAt = at('subject');
    expect(bytes.toString('utf8', subjectAt, subjectAt + subjectBytes)).toBe(body.subject);
    expect(bytes.readUInt16LE(at('bytes of the claims') + subjectBytes)).toBe(body.claims.length);
    expect(bytes.toString('utf8', at('claims') + subjectBytes)).toBe(body.claims);
  });

  it('conversation ids that are not given out', () => {
    const listed = rowsOf(section('### Conversation ids')).slice(2);
    const convs = listed.map(([, cell]) => Number(/0x[0-9A-F]+/.exec(cell!)![0]));
    expect(convs).toHaveLength(3);
    expect(convs.filter(isAllocatableConv)).toEqual([]);
  });
});

describe('names and limits of docs/protocol.md are those of the code', () => {
  it('faults of proxy headers', () => {
    const faults: Record<ProxyFault, true> = {
      proxy_malformed: true,
      proxy_version: true,
      proxy_family: true,
      proxy_oversize: true,
      proxy_checksum: true,
    };
    const listed = rowsOf(section('## Real client addresses')).map(([, name]) => name!);
    expect(listed.filter((name) => name.startsWith('proxy_'))).toEqual(Object.keys(faults));
  });

  it('faults of frames', () => {
    const faults: Record<FrameFault, true> = { frame_empty: true, frame_oversize: true };
    for (const fault of Object.keys(faults)) expect(section('## Carriers')).toContain(`\`${fault}\``);
  });

  it.each([
    ['the longest frame', `${MAX_FRAMED_BYTES.toLocaleString('en')} bytes at most`],
    ['the shortest HELLO on UDP', `makes the datagram ${MIN_UDP_HELLO_BYTES} bytes long`],
    ['the longest PROXY v1', `at most ${PROXY_V1_MAX_BYTES} bytes with its end`],
    ['the longest PROXY v2', `more than ${PROXY_V2_ACCEPTED_BYTES} bytes in all`],
    ['SPP', `${SPP_BYTES} bytes in network order`],
    ['the shortest datagram a RESET answers', `longer than ${RESET_BYTES} bytes`],
    ['PROBE', `It is always ${PROBE_MIN_BYTES} bytes long`],
  ])('%s', (_name, words) => {
    expect(flat).toContain(words);
  });
});
