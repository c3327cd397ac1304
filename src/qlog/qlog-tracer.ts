import { CloseCode } from '../base/close-code.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { PathDescriber, SessionTrace, SessionTracer, TracedSession } from '../session/index.ts';
import { EventRing } from './event-ring.ts';
import { readEvents } from './event-row.ts';
import { FileOutput, type FileCounters, type OutputFile } from './file-output.ts';
import { KcpProfile } from './kcp-profile.ts';
import type { QlogConfig } from './qlog-options.ts';
import { QvisProfile } from './qvis-profile.ts';
import { jsonSequence, type EventProfile, type QlogRecord, type RecordingInfo } from './recording.ts';
import { SessionRecorder, type RecorderHost } from './session-recorder.ts';

/** What the recording of sessions needs. */
export interface QlogComponents {
  /** The clock of the endpoint whose sessions are recorded. */
  readonly clock: Clock;
  /** Unix time in ms. */
  readonly wallClock: Clock;
  readonly logger: Logger;
}

/** What a recording in progress is written to. */
interface Recording {
  readonly recorder: SessionRecorder;
  readonly profile: EventProfile;
  readonly name: string;
  readonly startedAtMs: number;
  /** Memory granted to its ring. */
  grantedBytes: number;
  writtenBytes: number;
  /** Undefined until something is written. */
  file: OutputFile | undefined;
  isFull: boolean;
}

/** Records sessions into qlog files of one directory; see docs/qlog.md. */
export class QlogTracer implements SessionTracer, RecorderHost {
  private readonly config: QlogConfig;
  private readonly clock: Clock;
  private readonly wallClock: Clock;
  private readonly output: FileOutput;
  private readonly recordings = new Map<SessionRecorder, Recording>();
  private memoryBytes = 0;
  private count = 0;
  /** Runs while there is something to write regularly. */
  private timer: NodeJS.Timeout | undefined;

  constructor(config: QlogConfig, { clock, wallClock, logger }: QlogComponents) {
    this.config = config;
    this.clock = clock;
    this.wallClock = wallClock;
    this.output = new FileOutput(config, logger);
  }

  get counters(): Readonly<FileCounters> {
    return this.output.counters;
  }

  begin(session: TracedSession, describe: PathDescriber): SessionTrace {
    const startedAtMs = this.wallClock.now() - (this.clock.now() - session.startedAt);
    const recording: Recording = {
      recorder: new SessionRecorder(
        session,
        describe,
        new EventRing(this.config.maxEvents, (bytes) => this.grant(recording, bytes)),
        this,
      ),
      profile: this.config.profile === 'qvis' ? new QvisProfile() : new KcpProfile(),
      name: fileNameOf(session, startedAtMs, ++this.count),
      startedAtMs,
      grantedBytes: 0,
      writtenBytes: 0,
      file: undefined,
      isFull: false,
    };
    this.recordings.set(recording.recorder, recording);
    if (this.config.sessions === 'all') this.timer ??= this.writeRegularly();
    return recording.recorder;
  }

  // ---- RecorderHost ----

  recorded(recorder: SessionRecorder): void {
    if (this.config.sessions !== 'all' || recorder.ring.size < this.writeRows) return;
    const recording = this.recordings.get(recorder);
    if (recording !== undefined) this.write(recording);
  }

  ended(recorder: SessionRecorder): void {
    const recording = this.recordings.get(recorder);
    if (recording === undefined) return;
    const { code, reason } = recorder.session.closing;
    if (this.config.sessions === 'all' || isAbnormal(code)) {
      this.write(recording);
      const endMs = this.clock.now() - recorder.session.startedAt;
      this.append(recording, recording.profile.closed(endMs, code, reason));
    }
    this.recordings.delete(recorder);
    recorder.ring.release();
    this.memoryBytes -= recording.grantedBytes;
    if (this.recordings.size === 0) this.stopTimer();
  }

  /** Writes what was recorded so far, and waits for the disk. Sessions that go on are not recorded further. */
  async close(): Promise<void> {
    this.stopTimer();
    if (this.config.sessions === 'all')
      for (const recording of this.recordings.values()) this.write(recording);
    this.recordings.clear();
    await this.output.flushed();
  }

  private writeRegularly(): NodeJS.Timeout {
    const timer = setInterval(() => {
      for (const recording of this.recordings.values()) this.write(recording);
    }, WRITE_INTERVAL_MS);
    timer.unref();
    return timer;
  }

  private stopTimer(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private grant(recording: Recording, bytes: number): boolean {
    if (this.memoryBytes + bytes > this.config.maxMemoryBytes) return false;
    this.memoryBytes += bytes;
    recording.grantedBytes += bytes;
    return true;
  }

  /** A ring is written when it is half full, before anything gives way. */
  private get writeRows(): number {
    return this.config.maxEvents / 2;
  }

  private write(recording: Recording): void {
    const { recorder, profile, startedAtMs } = recording;
    const { ring, session, paths } = recorder;
    // When many sessions end at once, none is turned into text that nobody takes.
    if (!recording.isFull && this.output.isFull) {
      recording.isFull = true;
      this.output.drop(ring.size);
    }
    if (ring.size === 0 || recording.isFull) {
      ring.clear();
      return;
    }
    const info: RecordingInfo = {
      conv: session.conv,
      role: session.config.role,
      peer: session.config.peer,
      loggedIn: session.loggedIn,
      startedAtMs,
      mtu: session.config.kcp.mtu,
      paths,
    };
    const records: QlogRecord[] = [];
    if (recording.file === undefined) records.push(profile.header(info));
    const events = readEvents(ring);
    if (ring.overwritten > 0) records.push(...profile.gap(events[0]?.timeMs ?? 0, ring.overwritten));
    for (const event of events) records.push(...profile.records(event, info));
    ring.clear();
    this.append(recording, records);
  }

  private append(recording: Recording, records: readonly QlogRecord[]): void {
    if (records.length === 0 || recording.isFull) return;
    const text = jsonSequence(records);
    if (recording.writtenBytes + text.length > this.config.maxFileBytes) {
      recording.isFull = true;
      this.output.counters.dropped += records.length;
      return;
    }
    recording.file ??= this.output.create(recording.name);
    if (this.output.append(recording.file, text, records.length)) recording.writtenBytes += text.length;
    else recording.isFull = true;
  }
}

/** Both sides meant it to end, or the gateway went away as it should. */
const isAbnormal = (code: number): boolean => code !== CloseCode.normal && code !== CloseCode.drain;

/** Sorts by time: `20260102T030405678Z-01020304-client-1.sqlog`. */
function fileNameOf(session: TracedSession, startedAtMs: number, count: number): string {
  const time = new Date(startedAtMs).toISOString().replaceAll(/[-:.]/g, '');
  const conv = session.conv.toString(16).padStart(8, '0');
  return `${time}-${conv}-${session.config.role}-${count}.sqlog`;
}

const WRITE_INTERVAL_MS = 1000;
