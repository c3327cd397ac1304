import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import { GatewayError } from '../../../src/base/errors.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import { NODE_CLOCK } from '../../../src/endpoint/index.ts';
import type { FrontCheckConfig, GatewayConfig } from '../../../src/gateway/config/config.ts';
import type { Logger } from '../../../src/base/logger.ts';
import { requireConfig, type ConfigOptions } from '../config-options.ts';
import { createConfiguredLog } from '../configured-log.ts';
import { ExitCode } from '../exit-code.ts';
import { FRONT_KINDS, type FrontGateway } from '../nginx/include-files.ts';
import { untilSignal } from '../shutdown.ts';
import { CheckLog } from './check-log.ts';
import { observers, type CheckObserver } from './check-observer.ts';
import { checkOnce } from './check-once.ts';
import { lockDirectory } from './directory-lock.ts';
import { FileApplier, type Applied } from './file-applier.ts';
import { FrontCheck } from './front-check.ts';
import { GatewayWatch } from './gateway-watch.ts';
import { IncludeDirectory } from './include-directory.ts';
import { filesFor, type FrontStates } from './include-text.ts';
import { onceJson, onceText, type OnceReport } from './once-report.ts';

/** What the options of `upstream-check` give. */
export interface UpstreamCheckOptions extends ConfigOptions {
  readonly once: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly metrics?: SocketAddress;
}

/** Where text goes. */
export interface TextOutput {
  write(text: string): unknown;
}

/**
 * Watches the gateways of a front until a signal, or looks at them once.
 * @returns the exit code.
 * @throws GatewayError `config_invalid`, `io_failed` when the include directory cannot be used, what binding says.
 */
export async function upstreamCheck(options: UpstreamCheckOptions, output: TextOutput): Promise<number> {
  const { config } = requireConfig(options.json ? { ...options, logFormat: 'json' } : options);
  const { gateways, check } = config.front;
  if (gateways.length === 0) {
    throw new GatewayError('config_invalid', 'kcpgate: front.gateways: there is no gateway to watch');
  }
  const lock = options.dryRun ? undefined : lockDirectory(check.includeDirectory);
  try {
    const front = openFront(gateways, check, options);
    if (options.once) return await lookOnce(front, options, output);
    await watch(front, config, options);
    return ExitCode.ok;
  } finally {
    lock?.release();
  }
}

/** Everything both ways of checking work with. */
interface OpenFront {
  readonly gateways: readonly FrontGateway[];
  readonly config: FrontCheckConfig;
  readonly check: FrontCheck;
  readonly apply: (states: FrontStates) => Promise<Applied>;
}

function openFront(
  gateways: readonly FrontGateway[],
  config: FrontCheckConfig,
  { dryRun }: UpstreamCheckOptions,
): OpenFront {
  const directory = new IncludeDirectory(config.includeDirectory);
  const found = readDirectory(directory);
  const { intervalMs, timeoutMs, rise, fall, maxLoad, reloadIntervalMs } = config;
  const options = { intervalMs, timeoutMs, rise, fall, maxLoad, reloadIntervalMs, jitter: JITTER };
  const check = new FrontCheck({ gateways, ...options, ...found, random: Math.random }, NODE_CLOCK.now());
  const { testCommand, reloadCommand } = config;
  const applier = new FileApplier({
    ...{ gateways, directory, testCommand, reloadCommand },
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
  });
  const apply = dryRun
    ? (states: FrontStates) => Promise.resolve(pretend(gateways, states))
    : (states: FrontStates) => applier.apply(states, new Date());
  return { gateways, config, check, apply };
}

/** @throws GatewayError `io_failed` */
function readDirectory(directory: IncludeDirectory): {
  readonly files: ReadonlyMap<string, string>;
  readonly needsReload: boolean;
} {
  try {
    return { files: directory.read(), needsReload: directory.isUntold };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GatewayError('io_failed', `cannot read the include files: ${reason}`, { cause });
  }
}

/** As if nginx had been told. */
function pretend(gateways: readonly FrontGateway[], states: FrontStates): Applied {
  const files = filesFor(gateways, states, '');
  return { result: 'done', detail: '', hasSucceeded: true, needsReload: false, files, tookMs: 0 };
}

async function lookOnce(
  { gateways, config, check, apply }: OpenFront,
  { dryRun, json }: UpstreamCheckOptions,
  output: TextOutput,
): Promise<number> {
  const rounds = Math.max(config.rise, config.fall);
  const outcomes = await checkOnce(check, gateways, rounds, config.timeoutMs);
  const files: OnceReport['files'] = await (async () => {
    if (!check.isBehind) return 'unchanged';
    return dryRun ? 'would_change' : apply(check.states());
  })();
  const report = { check, gateways, outcomes, files };
  output.write(json ? onceJson(report) : onceText(report));
  const hasTold = typeof files === 'string' || files.result === 'done';
  const areAllUp = check.judges.every((judge) => judge.kinds.every((kind) => judge.stateOf(kind) === 'up'));
  return areAllUp && hasTold ? ExitCode.ok : ExitCode.failure;
}

async function watch(
  { gateways, config, check, apply }: OpenFront,
  { common }: GatewayConfig,
  { metrics: metricsOption, dryRun }: UpstreamCheckOptions,
): Promise<void> {
  const signalled = untilSignal();
  const log = createConfiguredLog(common);
  const logger = log.logger.child({ component: 'upstream-check', ...(dryRun ? { dryRun } : {}) });
  const observing: CheckObserver[] = [new CheckLog(logger, NODE_CLOCK)];
  const server = await serveMetrics(metricsOption ?? config.metricsAddress, check, observing, logger);
  const watching = new GatewayWatch({
    ...{ check, gateways, apply, timeoutMs: config.timeoutMs, clock: NODE_CLOCK },
    observer: observers(...observing),
  });
  try {
    logger.info('watching', {
      gateways: gateways.map(({ name }) => name),
      folder: config.includeDirectory,
    });
    for (const kind of FRONT_KINDS) {
      const notUp = [...(check.states().get(kind) ?? [])].filter(([, state]) => state !== 'up');
      for (const [gateway, state] of notUp) logger.info('as the include files say', { gateway, kind, state });
    }
    watching.start();
    logger.info('stopping', { signal: await signalled });
  } finally {
    await watching.stop();
    await server?.close();
    logger.info('stopped');
    log.close();
  }
}

/** Adds the metrics to who is told, and serves them where that is wanted. */
async function serveMetrics(
  address: SocketAddress | null,
  check: FrontCheck,
  observing: CheckObserver[],
  logger: Logger = NO_LOG,
): Promise<{ close(): Promise<void> } | undefined> {
  if (address === null) return undefined;
  const [{ CheckMetrics }, { startMetricsServer }] = await Promise.all([
    import('./check-metrics.ts'),
    import('./metrics-server.ts'),
  ]);
  const metrics = new CheckMetrics(check);
  observing.push(metrics);
  const server = await startMetricsServer(address, metrics);
  logger.info('metrics', { address: formatSocketAddress(server.address) });
  return server;
}

/** Rounds come up to a tenth of the interval earlier. */
const JITTER = 0.1;
/** `nginx -t` resolves names and reads certificates. */
const COMMAND_TIMEOUT_MS = 10_000;
