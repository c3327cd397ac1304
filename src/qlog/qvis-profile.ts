import { closeCodeName } from '../base/close-code.ts';
import { Command } from '../wire/command.ts';
import type { RecordedEvent, RecordedSegment } from './event-row.ts';
import type { EventProfile, QlogRecord, RecordingInfo } from './recording.ts';

/**
 * The same events in the words of QUIC (qlog 0.3), so that viewers made for QUIC draw them: a datagram is a 1-RTT packet,
 * PUSH a frame of stream 0, an ACK one that names the packet in which that `sn` came last. What has no counterpart is left
 * out. Not for measuring: use the other schema for that.
 */
export class QvisProfile implements EventProfile {
  private readonly sent = new Direction();
  private readonly received = new Direction();
  private mtu = 0;

  header(info: RecordingInfo): QlogRecord {
    this.mtu = info.mtu;
    return {
      qlog_version: '0.3',
      qlog_format: 'JSON-SEQ',
      title: `kcpgate session 0x${info.conv.toString(16).padStart(8, '0')}, seen by the ${info.role}`,
      trace: {
        vantage_point: { name: 'kcpgate', type: info.role === 'client' ? 'client' : 'server' },
        common_fields: {
          ODCID: info.conv.toString(16).padStart(8, '0'),
          protocol_type: ['QUIC'],
          time_format: 'relative',
          reference_time: info.startedAtMs,
        },
      },
    };
  }

  records(event: RecordedEvent): QlogRecord[] {
    switch (event.type) {
      case 'datagram':
        return [this.packet(event)];
      case 'retransmission': {
        const trigger = TRIGGERS[event.cause];
        const number = this.sent.packetOf(event.sn);
        if (trigger === undefined || number === undefined) return [];
        return [at(event.timeMs, 'recovery:packet_lost', { header: header(number), trigger })];
      }
      case 'metrics':
        return [this.metrics(event)];
      case 'state':
        return [at(event.timeMs, 'connectivity:connection_state_updated', { new: STATES[event.state] })];
      case 'pathInUse':
        return [];
    }
  }

  gap(): QlogRecord[] {
    return [];
  }

  closed(timeMs: number, code: number, reason: string): QlogRecord[] {
    const data = {
      owner: 'local',
      application_code: code,
      reason: `${closeCodeName(code)} ${reason}`.trim(),
    };
    return [at(timeMs, 'connectivity:connection_closed', data)];
  }

  private packet(event: Extract<RecordedEvent, { type: 'datagram' }>): QlogRecord {
    const { isSent, number, wireBytes, segments, timeMs } = event;
    const own = isSent ? this.sent : this.received;
    const other = isSent ? this.received : this.sent;
    const frames: QlogRecord[] = event.isHandshake ? [{ frame_type: 'crypto', offset: 0, length: 0 }] : [];
    const acknowledged: number[] = [];
    for (const segment of segments) {
      if (carriesData(segment)) own.carry(segment, number);
      const frame = frameOf(segment, own);
      if (frame !== undefined) frames.push(frame);
      if (segment.cmd === Command.ack) other.acknowledge(segment.sn, acknowledged);
      if (segment.cmd <= Command.windowTell) other.acknowledgeBelow(segment.una, acknowledged);
    }
    if (acknowledged.length > 0)
      frames.push({ frame_type: 'ack', ack_delay: 0, acked_ranges: ranges(acknowledged) });
    return at(timeMs, `transport:packet_${isSent ? 'sent' : 'received'}`, {
      header: { ...header(number), packet_type: event.isHandshake ? 'initial' : '1RTT' },
      raw: { length: wireBytes },
      frames: frames.length > 0 ? frames : [{ frame_type: 'ping' }],
    });
  }

  private metrics(event: Extract<RecordedEvent, { type: 'metrics' }>): QlogRecord {
    const windowSegments = Math.min(event.congestionWindow, event.peerWindow);
    return at(event.timeMs, 'recovery:metrics_updated', {
      smoothed_rtt: event.srttMs,
      rtt_variance: event.rttvarMs,
      congestion_window: windowSegments * this.mtu,
      bytes_in_flight: event.inFlight * this.mtu,
    });
  }
}

/** What travelled one way: which packet a `sn` came in last, and where its bytes stand in the stream. Bounded by the window of KCP. */
class Direction {
  private readonly packets = new Map<number, number>();
  /** Kept of what is acknowledged, too: it may come again. */
  private readonly offsets = new Map<number, number>();
  private nextSn = 0;
  private nextOffset = 0;
  private lowestSn = -1;

  carry({ sn, length }: RecordedSegment, number: number): void {
    this.packets.set(sn, number);
    if (!this.offsets.has(sn)) {
      this.offsets.set(sn, this.nextOffset);
      this.nextOffset += length;
    }
    if (this.lowestSn < 0) this.lowestSn = sn;
    if (sn >= this.nextSn) this.nextSn = sn + 1;
    if (this.offsets.size <= MAX_KNOWN) return;
    const oldest = this.offsets.keys().next();
    if (oldest.done === true) return;
    this.offsets.delete(oldest.value);
    this.packets.delete(oldest.value);
  }

  packetOf(sn: number): number | undefined {
    return this.packets.get(sn);
  }

  offsetOf(sn: number): number {
    return this.offsets.get(sn) ?? 0;
  }

  acknowledge(sn: number, into: number[]): void {
    const number = this.packets.get(sn);
    if (number === undefined) return;
    into.push(number);
    this.packets.delete(sn);
  }

  acknowledgeBelow(una: number, into: number[]): void {
    if (this.lowestSn < 0) return;
    const end = Math.min(una, this.nextSn);
    for (; this.lowestSn < end; this.lowestSn++) this.acknowledge(this.lowestSn, into);
  }
}

const carriesData = ({ cmd }: RecordedSegment): boolean => cmd === Command.push || cmd === Command.new;

function frameOf(segment: RecordedSegment, own: Direction): QlogRecord | undefined {
  const { cmd, length, sn, wnd } = segment;
  switch (cmd) {
    case Command.new:
    case Command.push:
      return { frame_type: 'stream', stream_id: 0, offset: own.offsetOf(sn), length, fin: false };
    case Command.windowTell:
      return { frame_type: 'max_data', maximum: wnd };
    case Command.windowAsk:
      return { frame_type: 'data_blocked', limit: wnd };
    case Command.pathChallenge:
      return { frame_type: 'path_challenge' };
    case Command.pathResponse:
      return { frame_type: 'path_response' };
    case Command.fin:
    case Command.kick:
      return { frame_type: 'connection_close', error_space: 'application', raw_error_code: sn };
    case Command.datagram:
      return { frame_type: 'datagram', length };
    case Command.padding:
      return { frame_type: 'padding', length };
    default:
      return undefined;
  }
}

/** Numbers as inclusive ranges, ascending. */
function ranges(numbers: number[]): [number, number][] {
  numbers.sort((a, b) => a - b);
  const found: [number, number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && number <= last[1] + 1) last[1] = number;
    else found.push([number, number]);
  }
  return found;
}

const header = (number: number): QlogRecord => ({ packet_type: '1RTT', packet_number: number });

const at = (time: number, name: string, data: QlogRecord): QlogRecord => ({ time, name, data });

/** A resend because the path changed is no loss. */
const TRIGGERS: Readonly<Record<string, string | undefined>> = {
  timeout: 'pto_expired',
  fast: 'reordering_threshold',
};

const STATES = {
  opening: 'attempted',
  open: 'handshake_confirmed',
  closing: 'closing',
  lingering: 'draining',
  gone: 'closed',
} as const;

/** Two send windows of the largest size. */
const MAX_KNOWN = 131_072;
