import { parentPort, workerData } from 'node:worker_threads';
import { loadNativeBindings } from '../../../native-bindings/index.ts';
import { GatewayError } from '../../base/errors.ts';
import { createForwardingLogger, LogBacklog } from '../../telemetry/forwarded-log.ts';
import { mostTalkative } from '../../telemetry/log-level.ts';
import { transferOf, type WorkerCommand, type WorkerReport, type WorkerStart } from './message.ts';
import { ServingWorker } from './serving-worker.ts';

// The module that a worker thread runs. It ends by itself when it was closed.
if (parentPort !== null) {
  const port = parentPort;
  const report = (message: WorkerReport): void => port.postMessage(message, transferOf(message));
  // Commands wait in the port until somebody listens.
  port.ref();
  const worker = await open(workerData as WorkerStart, report);
  // Nothing may be left that holds a thread that failed to open.
  if (worker === undefined) port.close();
  else port.on('message', (command: WorkerCommand) => worker.obey(command, () => port.close()));
}

async function open(
  start: WorkerStart,
  report: (message: WorkerReport) => void,
): Promise<ServingWorker | undefined> {
  const { config, logBacklog } = start;
  const { logLevel, logLevels } = config.common;
  const logger = createForwardingLogger(
    new LogBacklog(logBacklog),
    (record) => report({ type: 'log', record }),
    mostTalkative([logLevel, ...Object.values(logLevels)]),
  );
  try {
    // The main thread found it; it may have been told to by more than the environment.
    const native = loadNativeBindings('on');
    const worker = await ServingWorker.open(start, { logger, native, report });
    report({ type: 'open', status: worker.status() });
    return worker;
  } catch (error) {
    const { code, message } = GatewayError.from(error);
    report({ type: 'failed', code, message });
    return undefined;
  }
}
