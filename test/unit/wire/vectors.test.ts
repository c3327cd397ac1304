import { describe, expect, it } from 'vitest';
import { checkAddressBlock, readAddressBlock, writeAddressBlock } from '../../../src/wire/address-block.ts';
import { readAnySegment, writeAnySegment } from '../../../src/wire/any-segment.ts';
import { Command } from '../../../src/wire/command.ts';
import { datagramKind } from '../../../src/wire/datagram-kind.ts';
import { dissect } from '../../../src/wire/dissect.ts';
import {
  FEC_DATA_HEADER_BYTES,
  fecPayloadLength,
  fecSequenceOf,
  fecSizeOf,
  fecTypeOf,
  writeFecHeader,
  type FecType,
} from '../../../src/wire/fec-header.ts';
import { AT, placed, written } from './placed.ts';
import { fromHex, toHex, toSegment, vectors } from './vectors.ts';

describe('address block vectors', () => {
  it.each(vectors.addressBlocks)('$name: decodes and encodes', ({ address, hex }) => {
    const { memory, end } = placed(hex);
    expect(checkAddressBlock(memory.view, AT, end)).toBe(address === null ? 'not_filled' : 'filled');
    if (address !== null) expect(readAddressBlock(memory, AT)).toEqual(address);
    expect(written((target, at) => writeAddressBlock(target, at, address))).toBe(hex);
  });

  it.each(vectors.badAddressBlocks)('$name: $state', ({ hex, state }) => {
    const { memory, end } = placed(hex);
    expect(checkAddressBlock(memory.view, AT, end)).toBe(state);
  });
});

describe('segment vectors', () => {
  it.each(vectors.segments)('$name: decodes and encodes', ({ segment, hex }) => {
    const { memory, end } = placed(hex);
    expect(readAnySegment(memory, AT, end)).toEqual(toSegment(segment));
    expect(written((target, at) => writeAnySegment(target, at, toSegment(segment)))).toBe(hex);
  });

  it.each(vectors.lenientSegments)('$name: decodes', ({ segment, hex }) => {
    const { memory, end } = placed(hex);
    expect(readAnySegment(memory, AT, end)).toEqual(toSegment(segment));
  });

  it.each(vectors.badSegments)('$name: $fault', ({ hex, fault }) => {
    const { memory, end } = placed(hex);
    expect(readAnySegment(memory, AT, end)).toBe(fault);
  });

  it('cover every command', () => {
    expect(new Set(vectors.segments.map(({ segment }) => segment.type))).toEqual(
      new Set(Object.keys(Command)),
    );
  });
});

describe('datagram vectors', () => {
  it.each(vectors.datagramKinds)('$name: $kind', ({ hex, kind }) => {
    const { memory, end } = placed(hex);
    expect(datagramKind(memory.view, AT, end - AT)).toBe(kind);
  });

  it.each(vectors.datagrams)('$name: $units $problems', ({ hex, units, problems }) => {
    const dissection = dissect(fromHex(hex));
    expect(dissection.units.map((unit) => unit.name)).toEqual(units);
    expect(dissection.problems.map((problem) => problem.code)).toEqual(problems);
  });
});

describe('FEC vectors', () => {
  it.each(vectors.fecPackets)('$name', ({ fec, payload, hex }) => {
    const { memory, end } = placed(hex);
    const { view } = memory;
    expect(datagramKind(view, AT, end - AT)).toBe('fec');
    expect(fecSequenceOf(view, AT)).toBe(fec.seqid);
    expect(fecTypeOf(view, AT)).toBe(fec.type);
    if (fec.size !== undefined) expect(fecSizeOf(view, AT)).toBe(fec.size);
    const length = fecPayloadLength(view, AT, end);
    expect(length).toBe(payload === null ? -1 : payload.length / 2);
    if (payload === null) return;
    const from = AT + FEC_DATA_HEADER_BYTES;
    expect(toHex(memory.bytes.subarray(from, from + length))).toBe(payload);
    const header = written((target, at) =>
      writeFecHeader(target.view, at, fec.seqid, fec.type as FecType, length),
    );
    expect(header + payload).toBe(hex);
  });
});
