/**
 * What runs in a browser today: the KCP engine and the wire codecs, without Node and without the DOM.
 */
export * from '../../kcp/index.ts';
export * from '../../wire/index.ts';
export {
  CLOSE_CODES,
  CloseCode,
  closeCodeName,
  mayReconnect,
  type CloseCodeInfo,
} from '../../base/close-code.ts';
export type { SendArena } from '../../base/send-arena.ts';
