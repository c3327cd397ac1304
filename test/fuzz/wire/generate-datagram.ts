import fc from 'fast-check';
import { type AnySegment, writeAnySegment } from '../../../src/wire/any-segment.ts';
import { writeFecHeader } from '../../../src/wire/fec-header.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { anyMutation, mutated, type Mutation } from './mutate.ts';

const uint = (bits: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: 2 ** bits - 1 }),
    fc.constantFrom(0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2 ** bits - 1),
  );
const payload = fc.uint8Array({ maxLength: 64 });
const session = { conv: fc.constantFrom(0x01020304, 0, 0xffffffff), wnd: uint(16), una: uint(32) };
const address = fc.oneof(
  fc.constant(null),
  fc.record({ address: fc.ipV4(), family: fc.constant<4>(4), port: uint(16) }),
  // IPv6 text has several forms: only the canonical one comes back, so these are written canonically.
  fc.record({
    address: fc.constantFrom('::', '::1', '2001:db8::1', 'fe80::1:0:0:1', '1:2:3:4:5:6:7:8'),
    family: fc.constant<6>(6),
    port: fc.integer({ min: 1, max: 65535 }),
  }),
);
const pushFields = { ...session, frg: uint(8), ts: uint(32), sn: uint(32), payload };
const probeFields = { conv: session.conv, index: uint(8), ts: uint(32), number: uint(32), nonce: uint(32) };

/** Any segment that comes back from the wire as it was written. */
export const segment: fc.Arbitrary<AnySegment> = fc.oneof(
  fc.record({ type: fc.constant<'push'>('push'), ...pushFields }),
  fc.record({ type: fc.constant<'new'>('new'), ...pushFields, address }),
  fc.record({
    type: fc.constantFrom<'ack' | 'windowAsk' | 'windowTell'>('ack', 'windowAsk', 'windowTell'),
    ...session,
    ts: uint(32),
    sn: uint(32),
  }),
  fc.record({
    type: fc.constant<'kick'>('kick'),
    ...session,
    code: uint(32),
    retryAfterMs: uint(32),
    reason: fc.string({ unit: 'binary', maxLength: 30 }),
  }),
  fc.record({
    type: fc.constant<'fin'>('fin'),
    ...session,
    acknowledges: fc.boolean(),
    finalSn: uint(32),
    code: uint(32),
  }),
  fc.record({
    type: fc.constant<'probe'>('probe'),
    ...probeFields,
    paddingBytes: fc.integer({ min: 40, max: 99 }),
  }),
  fc.record({
    type: fc.constant<'probeAck'>('probeAck'),
    ...probeFields,
    load: uint(8),
    draining: fc.boolean(),
    notReady: fc.boolean(),
    address,
    nodeId: uint(32),
    epochSeconds: uint(32),
    retryAfterMs: uint(32),
  }),
  fc.record({
    type: fc.constant<'reset'>('reset'),
    conv: session.conv,
    token: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  }),
  fc.record({
    type: fc.constantFrom<'pathChallenge' | 'pathResponse'>('pathChallenge', 'pathResponse'),
    ...session,
    ts: uint(32),
    data: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  }),
  fc.record({
    type: fc.constant<'drain'>('drain'),
    ...session,
    deadlineMs: uint(32),
    jitterMs: uint(32),
    lines: fc.array(fc.stringMatching(/^[a-z0-9-]{1,12}$/), { maxLength: 4 }),
  }),
  fc.record({ type: fc.constant<'datagram'>('datagram'), ...session, counter: uint(32), payload }),
  fc.record({
    type: fc.constant<'padding'>('padding'),
    conv: session.conv,
    paddingBytes: fc.integer({ min: 0, max: 99 }),
  }),
);

/** A well-formed datagram: segments back to back, sometimes behind an FEC header. */
const wellFormed = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 6 }), fc.boolean())
  .map(([segments, fec]) => {
    const memory = wireMemory(new Uint8Array(4000));
    let end = fec ? 8 : 0;
    for (const each of segments) end += writeAnySegment(memory, end, each);
    if (fec) writeFecHeader(memory.view, 0, 7, 0xf1, end - 8);
    return memory.bytes.slice(0, end);
  });

/** A field of some 24-byte step gets an edge value: command, len and everything between. */
const setField: fc.Arbitrary<Mutation> = fc
  .tuple(fc.integer({ min: 0, max: 8 }), fc.constantFrom(0, 4, 5, 6, 8, 12, 16, 20), uint(32))
  .map(([step, fieldAt, value]) => (bytes) => {
    for (let i = 0; i < 4; i += 1) {
      const at = step * 24 + fieldAt + i;
      if (at < bytes.length) bytes[at] = (value >>> (8 * i)) & 0xff;
    }
    return bytes;
  });
const setKind: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.integer({ min: 78, max: 96 }),
    fc.constantFrom(0xa0, 0xa4, 0xa8, 0xac, 0xb0, 0xb7, 0xf1, 0xf2, 0xf3),
    fc.boolean(),
  )
  .map(([command, kind, clear]) => (bytes) => {
    if (bytes.length > 5) bytes.set([clear ? command : kind, 0], 4);
    return bytes;
  });
/** A datagram that was well-formed before up to four changes: it gets deep into the decoders. */
export const mutatedDatagram = mutated(wellFormed, fc.oneof(anyMutation, setField, setField, setKind));

/** Any bytes; those of an interesting length more often. */
export const randomDatagram = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.uint8Array({ minLength: 20, maxLength: 50 }),
  fc.uint8Array({ minLength: 24, maxLength: 2000 }),
);
