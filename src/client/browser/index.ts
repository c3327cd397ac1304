/**
 * What runs in a browser: the {@link createClient client}, and the KCP engine and the wire codecs for those who want no more.
 * A bundler leaves out what is not used.
 */
export * from './client.ts';
export * from '../../kcp/index.ts';
export * from '../../wire/index.ts';
export { CLOSE_CODES, type CloseCodeInfo } from '../../base/close-code.ts';
export type { SendArena } from '../../base/send-arena.ts';
