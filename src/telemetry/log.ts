import { type Logger as PinoLogger, pino } from 'pino';
import type { LogFields, Logger } from '../base/logger.ts';
import { SEVERITY, type LogThreshold } from './log-level.ts';
import { recordToText } from './log-text.ts';
import { LineWriter } from './line-writer.ts';
import { safeFields } from './safe-fields.ts';

export interface LogOptions {
  /** Least severe level that is written. Default `info`. */
  readonly level?: LogThreshold;
  /** Levels of single components; all others have `level`. */
  readonly componentLevels?: Readonly<Record<string, LogThreshold>>;
  /** Path of a file to append to; null (the default) is standard output. */
  readonly file?: string | null;
  /** `json` (the default): one object a line. `text`: one line for people. */
  readonly format?: 'json' | 'text';
  /** Fields of every record, as `{ node: 'gw-1' }`. Default none. */
  readonly fields?: LogFields;
  /** Takes finished lines instead of `file`; for tests and for embedding. */
  readonly write?: (line: string) => void;
}

/** The log of one program: the loggers it hands out, and what is behind them. */
export interface Log {
  /** The logger without component; `child({ component })` makes the others. */
  readonly logger: Logger;
  /** Changes the level of one component, or of all that have none of their own. Loggers in use follow at once. */
  setLevel(level: LogThreshold, component?: string): void;
  /** Lines lost so far: the disk is full, the reader is gone or does not read. */
  droppedLines(): number;
  /** Writes what waits for a slow reader, for at most a second. */
  flush(): void;
  /** Flushes and releases the file. Records that come later are ignored. */
  close(): void;
}

/**
 * Opens a log. Records are `{"level","time","component","msg",...fields}`, with the level as text and the time in
 * RFC 3339 (UTC, milliseconds). They are written at once, so an ending process loses none.
 * @throws Error with the system's code when the file cannot be opened.
 */
export function createLog(options: LogOptions = {}): Log {
  const writer = options.write === undefined ? new LineWriter(options.file ?? STANDARD_OUTPUT) : undefined;
  const write = options.write ?? ((line: string) => writer?.write(line));
  const levels = new LevelTable(options.level ?? 'info', options.componentLevels ?? {});
  const root = pino(
    {
      // The level table decides: it can change while loggers are in use.
      level: 'trace',
      base: recordFields(options.fields),
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // Fields are plain data already; pino would take an `err` for an error once more.
      serializers: { err: (value: unknown) => value },
    },
    {
      write: (line: string) => {
        write(options.format === 'text' ? recordToText(line) : line);
      },
    },
  );
  return {
    logger: new ComponentLogger(root, levels, levels.general(), {}),
    setLevel: (level, component) => {
      levels.set(level, component);
    },
    droppedLines: () => writer?.stats().droppedLines ?? 0,
    flush: () => writer?.flush(),
    close: () => writer?.close(),
  };
}

const STANDARD_OUTPUT = 1;

/** Most components that have a level of their own: names are words of the program, never data. */
const MAX_COMPONENTS = 256;

/** The level of one component, shared by all its loggers. */
interface Threshold {
  severity: number;
  /** Whether it was set for the component, rather than for all. */
  own: boolean;
}

class LevelTable {
  readonly #general: Threshold;
  readonly #components = new Map<string, Threshold>();

  constructor(level: LogThreshold, components: Readonly<Record<string, LogThreshold>>) {
    this.#general = { severity: SEVERITY[level], own: false };
    for (const [component, own] of Object.entries(components)) this.set(own, component);
  }

  set(level: LogThreshold, component: string | undefined): void {
    const severity = SEVERITY[level];
    if (component !== undefined) {
      Object.assign(this.of(component), { severity, own: true });
      return;
    }
    this.#general.severity = severity;
    for (const threshold of this.#components.values()) if (!threshold.own) threshold.severity = severity;
  }

  of(component: string): Threshold {
    const known = this.#components.get(component);
    if (known !== undefined) return known;
    const made = { severity: this.#general.severity, own: false };
    // Beyond the bound a component keeps the level it began with.
    if (this.#components.size < MAX_COMPONENTS) this.#components.set(component, made);
    return made;
  }

  general(): Threshold {
    return this.#general;
  }
}

class ComponentLogger implements Logger {
  readonly #root: PinoLogger;
  readonly #pino: PinoLogger;
  readonly #levels: LevelTable;
  readonly #threshold: Threshold;
  readonly #bindings: LogFields;

  constructor(root: PinoLogger, levels: LevelTable, threshold: Threshold, bindings: LogFields) {
    this.#root = root;
    this.#pino = root.child(bindings);
    this.#levels = levels;
    this.#threshold = threshold;
    this.#bindings = bindings;
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#threshold.severity <= SEVERITY.debug) this.#pino.debug(recordFields(fields), message);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#threshold.severity <= SEVERITY.info) this.#pino.info(recordFields(fields), message);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#threshold.severity <= SEVERITY.warn) this.#pino.warn(recordFields(fields), message);
  }

  error(message: string, fields?: LogFields): void {
    if (this.#threshold.severity <= SEVERITY.error) this.#pino.error(recordFields(fields), message);
  }

  child(fields: LogFields): Logger {
    const { component, ...others } = fields;
    const named = typeof component === 'string';
    const bindings = { ...this.#bindings, ...(named ? { component } : {}), ...recordFields(others) };
    const threshold = named ? this.#levels.of(component) : this.#threshold;
    return new ComponentLogger(this.#root, this.#levels, threshold, bindings);
  }
}

/** Names that every record has; a field of such a name gets an underscore. */
const RECORD_KEYS = new Set(['level', 'time', 'component', 'msg']);

function recordFields(fields: LogFields | undefined): Record<string, unknown> {
  if (fields === undefined) return {};
  const safe = safeFields(fields);
  for (const key of RECORD_KEYS) {
    if (!Object.hasOwn(safe, key)) continue;
    safe[`${key}_`] = safe[key];
    Reflect.deleteProperty(safe, key);
  }
  return safe;
}
