/** The congestion control strategies. */
export type CongestionName = 'none' | 'reno' | 'reno-abc';

/** What a preset sets: the four numbers of the reference's `ikcp_nodelay`. */
export interface KcpPreset {
  /** true: the retransmission timeout may go down to 30 ms and starts without slack; false: 100 ms and one eighth more. */
  readonly nodelay: boolean;
  /** The peer's assumed flush interval in ms; enters the retransmission timeout. */
  readonly intervalMs: number;
  /** Retransmit after this many datagrams acknowledged later segments; 0 = never early. */
  readonly fastResend: number;
  readonly congestion: CongestionName;
}

/** The named parameter sets known from kcptun, and the reference's own default. */
export const KCP_PRESETS = {
  default: { nodelay: false, intervalMs: 100, fastResend: 0, congestion: 'reno-abc' },
  normal: { nodelay: false, intervalMs: 40, fastResend: 2, congestion: 'none' },
  fast: { nodelay: false, intervalMs: 30, fastResend: 2, congestion: 'none' },
  fast2: { nodelay: true, intervalMs: 20, fastResend: 2, congestion: 'none' },
  fast3: { nodelay: true, intervalMs: 10, fastResend: 2, congestion: 'none' },
} as const satisfies Record<string, KcpPreset>;

export type KcpPresetName = keyof typeof KCP_PRESETS;
