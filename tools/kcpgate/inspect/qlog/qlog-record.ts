import { z } from 'zod';
import { KCP_EVENT_SCHEMA } from '../../../../src/qlog/index.ts';

const uint32 = z.int().min(0).max(0xffff_ffff);
const time = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const header = z.object({
  event_schemas: z.array(z.string()).refine((schemas) => schemas.includes(KCP_EVENT_SCHEMA)),
  trace: z.object({
    vantage_point: z.object({ type: z.enum(['client', 'server']) }),
    common_fields: z.object({
      conv: uint32,
      logged_in: z.boolean(),
      reference_time: z.object({ epoch: z.iso.datetime() }),
    }),
  }),
});

/** What the first record of a recording says. */
export interface QlogHeader {
  readonly isClient: boolean;
  readonly conv: number;
  readonly isLoggedIn: boolean;
  /** Unix time in ms of time 0. */
  readonly startedAtMs: number;
}

/** @returns undefined when it is not the first record of a recording of our schema. */
export function readHeader(record: unknown): QlogHeader | undefined {
  const { data } = header.safeParse(record);
  if (data === undefined) return undefined;
  const { vantage_point: vantage, common_fields: common } = data.trace;
  return {
    isClient: vantage.type === 'client',
    conv: common.conv,
    isLoggedIn: common.logged_in,
    startedAtMs: Date.parse(common.reference_time.epoch),
  };
}

const segment = z.object({
  cmd: z.union([z.string().max(32), z.int().min(0).max(255)]),
  frg: z.int().min(0).max(255),
  wnd: z.int().min(0).max(65_535),
  ts: uint32,
  sn: uint32,
  una: uint32,
  length: z.int().min(0).max(65_535),
});

const datagram = z.object({
  number: uint32,
  path: z.int().min(-1).max(63),
  raw: z.object({ length: z.int().min(0).max(65_535) }),
  copy: z.boolean().default(false),
  handshake: z.boolean().default(false),
  segments: z.array(segment).max(2731).default([]),
});

const event = z.discriminatedUnion('name', [
  z.object({ name: z.literal('kcp:datagram_sent'), time, data: datagram }),
  z.object({ name: z.literal('kcp:datagram_received'), time, data: datagram }),
  z.object({
    name: z.literal('kcp:segment_retransmitted'),
    time,
    data: z.object({ sn: uint32, trigger: z.enum(['timeout', 'fast', 'path']) }),
  }),
  z.object({
    name: z.literal('kcp:path_found'),
    time,
    data: z.object({
      path: z.int().min(0).max(63),
      carrier: z.string().max(32),
      local: z.string().max(128),
      remote: z.string().max(128),
    }),
  }),
  z.object({ name: z.literal('kcp:path_in_use'), time, data: z.object({ path: z.int() }) }),
  z.object({ name: z.literal('kcp:metrics_updated'), time, data: z.record(z.string(), z.number()) }),
  z.object({
    name: z.literal('kcp:session_state_updated'),
    time,
    data: z.object({ new: z.string().max(32) }),
  }),
  z.object({
    name: z.literal('kcp:session_closed'),
    time,
    data: z.object({ code: z.int(), name: z.string().max(64), reason: z.string().max(1024) }),
  }),
  z.object({ name: z.literal('kcp:events_dropped'), time, data: z.object({ count: z.int() }) }),
]);

/** One event of a recording; `time` in ms since it began. */
export type QlogEvent = z.infer<typeof event>;
export type QlogDatagram = z.infer<typeof datagram>;
export type QlogSegment = z.infer<typeof segment>;

/** @returns undefined when it is no event of our schema. */
export function readEvent(record: unknown): QlogEvent | undefined {
  return event.safeParse(record).data;
}
