import { parentPort, workerData } from 'node:worker_threads';
import { loadNativeBindings } from '../../../native-bindings/index.ts';
import { GatewayError } from '../../base/errors.ts';
import { createForwardingLogger, LogBacklog } from '../../telemetry/forwarded-log.ts';
import { LocalDataPlane } from '../local-data-plane.ts';
import { mostTalkative } from '../../telemetry/log-level.ts';
import type { WorkerCommand, WorkerReport, WorkerStart } from './message.ts';

// The module that a worker thread runs: a whole data plane, led by messages. It ends by itself when it was closed.
if (parentPort !== null) {
  const port = parentPort;
  const report = (message: WorkerReport): void => port.postMessage(message);
  const plane = open(workerData as WorkerStart, report);
  port.on('message', (command: WorkerCommand) => void obey(command));

  const obey = async (command: WorkerCommand): Promise<void> => {
    const opened = await plane;
    if (opened === undefined) return;
    switch (command.type) {
      case 'report':
        return report({ type: 'status', status: opened.serving() });
      case 'drain':
        return report({ type: 'drained', cutOff: await opened.drain(command.timeoutMs) });
      case 'close':
        await opened.close();
        report({ type: 'closed', status: opened.serving() });
        port.close();
    }
  };
  // Nothing may be left that holds a thread that failed to open.
  if ((await plane) === undefined) port.close();
}

async function open(
  start: WorkerStart,
  report: (message: WorkerReport) => void,
): Promise<LocalDataPlane | undefined> {
  const { config, descriptors, logBacklog } = start;
  const { logLevel, logLevels } = config.common;
  const logger = createForwardingLogger(
    new LogBacklog(logBacklog),
    (record) => report({ type: 'log', record }),
    mostTalkative([logLevel, ...Object.values(logLevels)]),
  );
  try {
    // The main thread found it; it may have been told to by more than the environment.
    const native = loadNativeBindings('on');
    const plane = await LocalDataPlane.open(config, { logger, native, descriptors });
    report({ type: 'open', status: plane.serving() });
    return plane;
  } catch (error) {
    const { code, message } = GatewayError.from(error);
    report({ type: 'failed', code, message });
    return undefined;
  }
}
