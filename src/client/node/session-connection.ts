import type { Connection } from './connection.ts';
import type { StockConnection } from './stock-connection.ts';

/** One connection, whatever its session is. */
export type SessionConnection = Connection | StockConnection;
