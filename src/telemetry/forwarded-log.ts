import type { LogFields, Logger } from '../base/logger.ts';
import { SEVERITY, type LogThreshold } from './log-level.ts';
import { safeFields } from './safe-fields.ts';

/** Most characters on their way from one thread to the one that writes the log. */
const MAX_BACKLOG = 1024 * 1024;
/** Components whose logger is kept at hand; they are words of the program, never data. */
const MAX_COMPONENTS = 64;

type Level = 'debug' | 'info' | 'warn' | 'error';

/** What crosses, as JSON: the size of text is known, and it is bounded by {@link safeFields}. */
interface ForwardedRecord {
  readonly level: Level;
  readonly message: string;
  readonly component: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * How much of the log of one thread is on its way to another; shared by both, so that the writing side can be slow
 * without the memory in between growing.
 */
export class LogBacklog {
  /** Pass this to the other thread, and make its own LogBacklog of it. */
  readonly memory: SharedArrayBuffer;
  readonly #counts: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#counts = new Int32Array(memory);
  }

  /** Whether there is room for so many characters; if so they are taken, if not the record is counted as dropped. */
  take(length: number): boolean {
    if (Atomics.add(this.#counts, 0, length) + length <= MAX_BACKLOG) return true;
    Atomics.sub(this.#counts, 0, length);
    Atomics.add(this.#counts, 1, 1);
    return false;
  }

  give(length: number): void {
    Atomics.sub(this.#counts, 0, length);
  }

  get droppedRecords(): number {
    return Atomics.load(this.#counts, 1);
  }
}

/**
 * A logger whose records are written elsewhere: `forward` takes each as text for {@link ForwardedLog.write}.
 * @param threshold what is less severe is not even forwarded: it would use up the backlog to be thrown away.
 */
export function createForwardingLogger(
  backlog: LogBacklog,
  forward: (record: string) => void,
  threshold: LogThreshold = 'trace',
): Logger {
  const write = (text: string): void => {
    if (backlog.take(text.length)) forward(text);
  };
  return new ForwardingLogger({ write, severity: SEVERITY[threshold] }, null, {});
}

/** Writes what came from a {@link createForwardingLogger}. */
export class ForwardedLog {
  readonly #logger: Logger;
  readonly #fields: LogFields;
  readonly #backlog: LogBacklog;
  readonly #components = new Map<string | null, Logger>();

  /** @param fields added to every record, such as the number of the thread. */
  constructor(logger: Logger, fields: LogFields, backlog: LogBacklog) {
    this.#logger = logger;
    this.#fields = fields;
    this.#backlog = backlog;
  }

  write(record: string): void {
    this.#backlog.give(record.length);
    const { level, message, component, fields } = JSON.parse(record) as ForwardedRecord;
    this.#loggerOf(component)[level](message, fields);
  }

  #loggerOf(component: string | null): Logger {
    const known = this.#components.get(component);
    if (known !== undefined) return known;
    const made = this.#logger.child(component === null ? this.#fields : { component, ...this.#fields });
    if (this.#components.size < MAX_COMPONENTS) this.#components.set(component, made);
    return made;
  }
}

/** Where the records of a thread go, and which of them. */
interface Outlet {
  readonly write: (text: string) => void;
  readonly severity: number;
}

class ForwardingLogger implements Logger {
  readonly #outlet: Outlet;
  readonly #component: string | null;
  readonly #bindings: LogFields;

  constructor(outlet: Outlet, component: string | null, bindings: LogFields) {
    this.#outlet = outlet;
    this.#component = component;
    this.#bindings = bindings;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  child(fields: LogFields): Logger {
    const { component, ...others } = fields;
    return new ForwardingLogger(this.#outlet, typeof component === 'string' ? component : this.#component, {
      ...this.#bindings,
      ...others,
    });
  }

  #write(level: Level, message: string, fields: LogFields | undefined): void {
    if (SEVERITY[level] < this.#outlet.severity) return;
    const record: ForwardedRecord = {
      level,
      message,
      component: this.#component,
      fields: safeFields({ ...this.#bindings, ...fields }),
    };
    this.#outlet.write(JSON.stringify(record));
  }
}
