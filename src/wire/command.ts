/**
 * The commands of the KCP header (`cmd`, byte 4). 81 to 84 are what the C reference and kcp-go send; the others are ours.
 */
export const Command = {
  /** As PUSH, with a 20-byte address block between header and payload. */
  new: 80,
  /** A piece of data. */
  push: 81,
  /** Acknowledges one `sn`, and everything below `una`. */
  ack: 82,
  /** Asks for the peer's window. */
  windowAsk: 83,
  /** Tells the window. */
  windowTell: 84,
  /** The gateway ends the session: `sn` = close code, `ts` = retry-after in ms. */
  kick: 85,
  /** Ends one direction: `frg` 0 = FIN, 1 = FIN_ACK; `sn` = final sn. */
  fin: 86,
  probe: 87,
  probeAck: 88,
  reset: 89,
  pathChallenge: 90,
  pathResponse: 91,
  drain: 92,
  datagram: 93,
  padding: 94,
} as const;

export type Command = (typeof Command)[keyof typeof Command];

/** The name people and tools know a command by (`PUSH`, `WASK`, ...), or undefined for a byte that is not a command. */
export function commandName(cmd: number): string | undefined {
  return NAMES[cmd - Command.new];
}

const NAMES: readonly string[] = [
  'NEW',
  'PUSH',
  'ACK',
  'WASK',
  'WINS',
  'KICK',
  'FIN',
  'PROBE',
  'PROBE_ACK',
  'RESET',
  'PATH_CHALLENGE',
  'PATH_RESPONSE',
  'DRAIN',
  'DATAGRAM',
  'PADDING',
];
