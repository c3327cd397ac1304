import { GatewayError } from '../../src/base/errors.ts';
import type { CommonConfig } from '../../src/gateway/config/config.ts';
import { createLog, type Log } from '../../src/telemetry/log.ts';

/**
 * The log that a configuration asks for. What nobody caught is its last record: then the process ends with 1.
 * @throws GatewayError `io_failed` when the file cannot be opened.
 */
export function createConfiguredLog(common: CommonConfig): Log {
  const log = openLog(common);
  process.once('uncaughtException', (error) => {
    log.logger.error('unexpected error', { err: error });
    log.close();
    process.exit(1);
  });
  return log;
}

function openLog({ logLevel, logLevels, logFile, logFormat, nodeId }: CommonConfig): Log {
  try {
    return createLog({
      level: logLevel,
      componentLevels: logLevels,
      file: logFile,
      format: logFormat,
      fields: { node: nodeId },
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GatewayError('io_failed', `cannot open the log file: ${reason}`, { cause });
  }
}
