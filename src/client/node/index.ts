export { connectStock } from './connect-stock.ts';
export type { CloseInfo } from '../connection-status.ts';
export { StockConnection } from './stock-connection.ts';
export type { StockOptions } from './stock-options.ts';
