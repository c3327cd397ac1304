export {
  configOfConversation,
  resolveKcpConfig,
  MAX_MTU,
  MAX_WINDOW,
  MIN_MTU,
  type KcpConfig,
  type KcpOptions,
} from './config.ts';
export type { CongestionController } from './congestion-controller.ts';
export { DATAGRAM_FAULT_NAMES, DatagramFault } from './datagram-fault.ts';
export { KcpEngine, type CommandHandler } from './engine.ts';
export { KCP_PRESETS, type CongestionName, type KcpPreset, type KcpPresetName } from './presets.ts';
export type { DirectReceiver, SegmentReceiver } from './receive-buffer.ts';
export type { RetransmissionCause, RetransmissionTrace } from './retransmission-trace.ts';
export { SegmentPool, type SegmentPoolOptions } from './segment-pool.ts';
export type { KcpStats } from './stats.ts';
