export { connectStock } from './connect-stock.ts';
export { StockConnection, type CloseInfo } from './stock-connection.ts';
export type { StockOptions } from './stock-options.ts';
