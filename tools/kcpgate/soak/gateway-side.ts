/** The process of the gateway under load; started by the soak program. Its argument is the configuration. */
import { loadConfig } from '../../../src/gateway/config/load.ts';
import { startGateway } from '../../../src/gateway/gateway.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { formatIssues } from '../../../src/gateway/config/issue.ts';
import type { GatewayReport, SoakRequest } from './soak-message.ts';

const loaded = loadConfig({ text: process.argv[2] ?? '', env: {} });
if (!loaded.ok) throw new Error(formatIssues(loaded.errors));
const gateway = await startGateway(loaded.config, {
  logger: createLog({ level: 'warn', format: 'text' }).logger,
});
const { listeners } = await gateway.status();
tell({
  kind: 'listening',
  ports: Object.fromEntries(listeners.map(({ name, address }) => [name, address.port])),
});

process.on('message', (request: SoakRequest) => {
  if (request.kind === 'stop') {
    void gateway.stop().then(() => {
      process.disconnect();
    });
  } else void report();
});
// The program that started this one is gone.
process.on('disconnect', () => process.exit());

async function report(): Promise<void> {
  // Garbage is no growth.
  globalThis.gc?.();
  const status = await gateway.status();
  const { heapUsed, external } = process.memoryUsage();
  let sessions = 0;
  let openedSessions = 0;
  for (const { stats } of status.listeners) {
    sessions += stats.openSessions;
    openedSessions += stats.openedSessions;
  }
  tell({ kind: 'report', sessions, openedSessions, heapUsedBytes: heapUsed, externalBytes: external });
}

function tell(report: GatewayReport): void {
  process.send?.(report);
}
