import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
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
  // Commands wait in the port until somebody listens.
  port.ref();
  const plane = await open(workerData as WorkerStart, report);
  // Nothing may be left that holds a thread that failed to open.
  if (plane === undefined) port.close();
  else port.on('message', (command: WorkerCommand) => obey(plane, command, port, report));
}

function obey(
  plane: LocalDataPlane,
  command: WorkerCommand,
  port: MessagePort,
  report: (message: WorkerReport) => void,
): void {
  switch (command.type) {
    case 'start':
      return plane.start();
    case 'report':
      return report({ type: 'status', status: plane.serving() });
    case 'sessions': {
      const { request, query } = command;
      void plane.sessions(query).then((sessions) => report({ type: 'sessions', request, sessions }));
      return;
    }
    case 'kick': {
      const { request, query, code, reason } = command;
      void plane.kick(query, code, reason).then((count) => report({ type: 'kicked', request, count }));
      return;
    }
    case 'start_draining':
      return plane.startDraining(command.notice);
    case 'stop_draining':
      return plane.stopDraining();
    case 'drain':
      void plane.drain(command.timeoutMs).then((cutOff) => report({ type: 'drained', cutOff }));
      return;
    case 'close':
      void plane.close().then(() => {
        report({ type: 'closed', status: plane.serving() });
        port.close();
      });
  }
}

async function open(
  start: WorkerStart,
  report: (message: WorkerReport) => void,
): Promise<LocalDataPlane | undefined> {
  const { index, config, descriptors, serving, draining, logBacklog } = start;
  const { logLevel, logLevels } = config.common;
  const logger = createForwardingLogger(
    new LogBacklog(logBacklog),
    (record) => report({ type: 'log', record }),
    mostTalkative([logLevel, ...Object.values(logLevels)]),
  );
  try {
    // The main thread found it; it may have been told to by more than the environment.
    const native = loadNativeBindings('on');
    const plane = await LocalDataPlane.open(config, { logger, native, descriptors, worker: index });
    if (draining !== null) plane.startDraining(draining);
    if (serving) plane.start();
    report({ type: 'open', status: plane.serving() });
    return plane;
  } catch (error) {
    const { code, message } = GatewayError.from(error);
    report({ type: 'failed', code, message });
    return undefined;
  }
}
