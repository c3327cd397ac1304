import { closeCodeName } from '../base/close-code.ts';
import { commandName } from '../wire/command.ts';
import type { RecordedEvent, RecordedSegment } from './event-row.ts';
import type { EventProfile, QlogRecord, RecordingInfo } from './recording.ts';

/** URI of the event schema that docs/qlog.md describes. */
export const KCP_EVENT_SCHEMA = 'urn:kcpgate:qlog:events:kcp-1';

/** Our own schema: what happened, in the terms of KCP. */
export class KcpProfile implements EventProfile {
  private toldPaths = 0;

  header(info: RecordingInfo): QlogRecord {
    return {
      file_schema: 'urn:ietf:params:qlog:file:sequential',
      serialization_format: 'application/qlog+json-seq',
      title: `kcpgate session ${hex(info.conv)}, seen by the ${info.role}`,
      event_schemas: [KCP_EVENT_SCHEMA],
      trace: {
        vantage_point: { name: 'kcpgate', type: info.role === 'client' ? 'client' : 'server' },
        common_fields: {
          conv: info.conv,
          peer: info.peer,
          logged_in: info.loggedIn,
          mtu: info.mtu,
          time_format: 'relative_to_epoch',
          reference_time: { clock_type: 'system', epoch: new Date(info.startedAtMs).toISOString() },
        },
      },
    };
  }

  records(event: RecordedEvent, info: RecordingInfo): QlogRecord[] {
    const records: QlogRecord[] = [];
    for (const { carrier, local, remote } of info.paths.slice(this.toldPaths))
      records.push(at(event.timeMs, 'path_found', { path: this.toldPaths++, carrier, local, remote }));
    records.push(recordOf(event));
    return records;
  }

  gap(timeMs: number, rows: number): QlogRecord[] {
    return [at(timeMs, 'events_dropped', { count: rows })];
  }

  closed(timeMs: number, code: number, reason: string): QlogRecord[] {
    return [at(timeMs, 'session_closed', { code, name: closeCodeName(code), reason })];
  }
}

function recordOf(event: RecordedEvent): QlogRecord {
  switch (event.type) {
    case 'datagram': {
      const { isSent, isCopy, isHandshake, path, wireBytes, number, segments } = event;
      return at(event.timeMs, isSent ? 'datagram_sent' : 'datagram_received', {
        number,
        path,
        raw: { length: wireBytes },
        ...(isCopy ? { copy: true } : {}),
        ...(isHandshake ? { handshake: true } : { segments: segments.map(segmentOf) }),
      });
    }
    case 'retransmission':
      return at(event.timeMs, 'segment_retransmitted', { sn: event.sn, trigger: event.cause });
    case 'metrics':
      return at(event.timeMs, 'metrics_updated', {
        smoothed_rtt: event.srttMs,
        rtt_variance: event.rttvarMs,
        rto: event.rtoMs,
        ...(event.congestionWindow === UNLIMITED ? {} : { congestion_window: event.congestionWindow }),
        segments_in_flight: event.inFlight,
        peer_window: event.peerWindow,
      });
    case 'state':
      return at(event.timeMs, 'session_state_updated', { new: event.state });
    case 'pathInUse':
      return at(event.timeMs, 'path_in_use', { path: event.path });
  }
}

function segmentOf({ cmd, frg, wnd, ts, sn, una, length }: RecordedSegment): QlogRecord {
  return { cmd: commandName(cmd) ?? cmd, frg, wnd, ts, sn, una, length };
}

const at = (time: number, name: string, data: QlogRecord): QlogRecord => ({
  time,
  name: `kcp:${name}`,
  data,
});

const hex = (conv: number): string => `0x${(conv >>> 0).toString(16).padStart(8, '0')}`;

/** The congestion window without congestion control. */
const UNLIMITED = 0x7fff_ffff;
