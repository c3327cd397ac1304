/** Structured fields of one log record. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The logger every layer is handed. Message first, fields second; nothing is ever logged per packet.
 * pino implements it in production (`src/telemetry/log.ts`); {@link NO_LOG} is the default everywhere.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `component` (and any other fields) to each record. */
  child(fields: LogFields): Logger;
}

const ignore = (): void => undefined;

/** A logger that drops everything. */
export const NO_LOG: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => NO_LOG,
};
