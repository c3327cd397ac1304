import type { LogFields, Logger } from '../../src/base/logger.ts';

/** One record as it was logged. */
export interface RecordedLog {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  /** Those of the logger and those of the record. */
  readonly fields: LogFields;
}

/** A logger that keeps everything. */
export class RecordingLogger implements Logger {
  readonly records: RecordedLog[];
  readonly #bindings: LogFields;

  constructor(records: RecordedLog[] = [], bindings: LogFields = {}) {
    this.records = records;
    this.#bindings = bindings;
  }

  debug(message: string, fields?: LogFields): void {
    this.records.push({ level: 'debug', message, fields: { ...this.#bindings, ...fields } });
  }

  info(message: string, fields?: LogFields): void {
    this.records.push({ level: 'info', message, fields: { ...this.#bindings, ...fields } });
  }

  warn(message: string, fields?: LogFields): void {
    this.records.push({ level: 'warn', message, fields: { ...this.#bindings, ...fields } });
  }

  error(message: string, fields?: LogFields): void {
    this.records.push({ level: 'error', message, fields: { ...this.#bindings, ...fields } });
  }

  child(fields: LogFields): Logger {
    return new RecordingLogger(this.records, { ...this.#bindings, ...fields });
  }

  /** The fields of every record with this message. */
  fieldsOf(message: string): LogFields[] {
    return this.records.filter((record) => record.message === message).map(({ fields }) => fields);
  }
}
