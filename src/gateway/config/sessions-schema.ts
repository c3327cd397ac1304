import * as z from 'zod';
import { PRESETS } from './config.ts';
import { choice, duration, integer, size } from './field.ts';
import { DAY, GIB, KIB, MIB, SECOND } from './magnitudes.ts';

/** The section `sessions`. */
export const SESSIONS_SCHEMA = z.strictObject({
  preset: choice(
    PRESETS,
    'KCP timing: update interval 100, 40, 30, 20 and 10 ms, from `default` to `fast3`; `default` has congestion control and no fast resend, all others the opposite.',
  ).prefault('fast3'),
  mtu: integer(
    576,
    1500,
    'Largest datagram, in bytes, with header and seal. Clients are told at login. Above 1472 (IPv6: 1452) Ethernet needs two packets for one.',
  ).prefault(1400),
  send_window: integer(1, 65_535, 'Most segments in flight towards one client.').prefault(1024),
  receive_window: integer(
    1,
    65_535,
    'Most segments held for one client while the upstream is slow or a gap is open.',
  ).prefault(1024),
  dead_link: integer(1, 1000, 'A session is closed when one segment was sent so many times.').prefault(20),
  idle_timeout: duration(
    SECOND,
    DAY,
    'A session from which nothing authentic arrives for so long, on any line, is closed. Clients without traffic send something every 10 s.',
  ).prefault('30s'),
  max_message: size(
    KIB,
    360 * KIB,
    'Largest message in either direction. It has to fit into both windows and into 255 segments of `mtu` - 72 bytes.',
  ).prefault(65_535),
  max_sessions: integer(1, 10_000_000, 'Most sessions at a time.').prefault(100_000),
  max_sessions_per_source: integer(
    1,
    10_000_000,
    'Most sessions at a time from one source IP address.',
  ).prefault(1000),
  new_sessions_per_second: integer(1, 1_000_000, 'Most handshakes a second from all sources.').prefault(
    10_000,
  ),
  new_sessions_per_source_per_second: integer(
    1,
    1_000_000,
    'Most handshakes a second from one source IP address.',
  ).prefault(200),
  max_half_open: integer(1, 1_000_000, 'Most sessions whose handshake is not finished.').prefault(4096),
  max_queue: size(
    64 * KIB,
    GIB,
    'Most bytes queued towards one client; at that point reading from its upstream stops.',
  ).prefault('4MiB'),
  copy_rate: size(
    0,
    GIB,
    'Bytes a second, and at once, that are sent to a client again on another line when it asks for that: while its line is in doubt, or always, for messages that must be fast. 0: never.',
  ).prefault('64KiB'),
  max_memory: size(MIB, 1024 * GIB, 'Memory for the segments of all sessions.').prefault('1GiB'),
});
