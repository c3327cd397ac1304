import { formatIssues } from '../../src/gateway/config/issue.ts';
import { inheritedSockets } from '../../src/gateway/inherited-sockets.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { bannerStream, bannerText } from './banner.ts';
import { requireConfig, type ConfigOptions } from './config-options.ts';
import { untilSignal } from './shutdown.ts';
import { createConfiguredLog } from './configured-log.ts';

/**
 * Runs the gateway until a signal, then stops it in order. When this returns, nothing holds the process.
 * @throws GatewayError `config_invalid`, or what {@link startGateway} throws.
 */
export async function serve(options: ConfigOptions): Promise<void> {
  const { config, warnings } = requireConfig(options);
  // From now on a signal ends it in order, even while it is still starting.
  const signalled = untilSignal();
  const log = createConfiguredLog(config.common);
  const logger = log.logger.child({ component: 'gateway' });
  try {
    for (const warning of warnings) logger.warn('configuration', { issue: formatIssues([warning]) });
    const gateway = await startGateway(config, {
      logger,
      inherited: inheritedSockets(process.env, process.pid),
    });
    const { adminAddress } = gateway;
    bannerStream(config, options)?.write(
      bannerText({ status: await gateway.status(), adminAddress, config, options }),
    );
    const signal = await signalled;
    logger.info('stopping', { signal });
    await gateway.stop();
    const { upstreams } = await gateway.status();
    for (const [upstream, stats] of Object.entries(upstreams)) {
      logger.info('served', { upstream, ...stats });
    }
  } finally {
    log.close();
  }
}
