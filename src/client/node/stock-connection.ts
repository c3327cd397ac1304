import type { KcpStats } from '../../kcp/index.ts';
import { SessionConnection } from './session-connection.ts';

/** A connection without login, made by `connectStock`: one session over one UDP socket. */
export class StockConnection extends SessionConnection {
  stats(): KcpStats {
    return this.session.stats();
  }
}
