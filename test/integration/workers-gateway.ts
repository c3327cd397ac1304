import type { GatewayConfig } from '../../src/gateway/config/config.ts';
import type { Gateway } from '../../src/gateway/gateway.ts';
import type { WorkerThread } from '../../src/gateway/workers/worker-thread.ts';
import { builtLibrary } from '../support/built-library.ts';
import { RecordingLogger } from '../support/recording-logger.ts';

/** A gateway with workers in this process. */
export interface WorkersGateway {
  readonly gateway: Gateway;
  readonly address: string;
  readonly port: number;
  readonly logger: RecordingLogger;
  /** Every thread that was started, in order. */
  readonly threads: readonly WorkerThread[];
}

/** Starts a built gateway on a free port: an echo, or with a back end's port a TCP upstream. */
export async function startWorkersGateway(
  workers: number,
  backEndPort?: number,
  bind = '127.0.0.1:0',
): Promise<WorkersGateway> {
  const { loadConfig, startGateway, startWorkerThread } = await builtLibrary();
  const upstream =
    backEndPort === undefined
      ? '{ type: echo }'
      : `{ type: tcp, servers: [ { address: "127.0.0.1:${String(backEndPort)}" } ] }`;
  const loaded = loadConfig({
    text: `
      common: { workers: ${String(workers)}, drain_timeout: 2s, log_level: debug, admin_addr: null }
      listeners: [ { name: line, type: kcp-udp, bind: "${bind}", new_sessions_per_source_per_second: 1000 } ]
      upstreams: { back: ${upstream} }
      routes: [ { name: all, target: back } ]`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const config: GatewayConfig = loaded.config;
  const logger = new RecordingLogger();
  const threads: WorkerThread[] = [];
  const gateway = await startGateway(config, {
    logger,
    startThread: (start) => {
      const thread = startWorkerThread(start);
      threads.push(thread);
      return thread;
    },
  });
  const { address, port } = (await gateway.status()).listeners[0]!.address;
  return { gateway, address, port, logger, threads };
}
