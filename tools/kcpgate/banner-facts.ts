import type { SocketAddress } from '../../src/base/address.ts';
import type { GatewayConfig } from '../../src/gateway/config/config.ts';
import type { GatewayStatus, ListenerStatus } from '../../src/gateway/gateway-status.ts';
import type { ConfigOptions } from './config-options.ts';

/** What a banner tells of. */
export interface BannerFacts {
  readonly status: Pick<GatewayStatus, 'workers' | 'native'> & {
    readonly listeners: readonly Pick<ListenerStatus, 'name' | 'address' | 'upstream'>[];
  };
  /** Where the admin API listens; undefined when it does not. */
  readonly adminAddress: SocketAddress | undefined;
  readonly config: GatewayConfig;
  readonly options: ConfigOptions;
}
