/** What becomes of a datagram: bits of a sum. Whatever is dropped has one of the first five and no other. */
export const Fate = {
  /** Lost by chance, alone or in a burst. */
  loss: 1,
  /** The queue in front of the bottleneck was full. */
  queue: 2,
  /** Larger than the path takes. */
  mtu: 4,
  /** Sent into a black hole or an outage. */
  blackHole: 8,
  /** The relay had no room: too many clients, or too much on its way. */
  overflow: 16,
  /** Arrives with flipped bits. */
  corrupted: 32,
  /** Arrives twice. */
  duplicated: 64,
  /** Takes a detour: those behind it may pass. */
  late: 128,
} as const;

/** Whether a datagram with this fate never arrives. */
export const isDropped = (fate: number): boolean => (fate & DROPPED) !== 0;

/** The fate in words: `delivered`, `delivered: corrupted, twice`, `dropped: loss`. */
export function fateText(fate: number): string {
  return (TEXTS[fate] ??= describe(fate));
}

/** The same sums come again and again. */
const TEXTS: (string | undefined)[] = [];

function describe(fate: number): string {
  const words = WORDS.filter(([bit]) => (fate & bit) !== 0).map(([, word]) => word);
  const outcome = isDropped(fate) ? 'dropped' : 'delivered';
  return words.length === 0 ? outcome : `${outcome}: ${words.join(', ')}`;
}

const DROPPED = Fate.loss | Fate.queue | Fate.mtu | Fate.blackHole | Fate.overflow;

const WORDS: readonly (readonly [bit: number, word: string])[] = [
  [Fate.loss, 'loss'],
  [Fate.queue, 'queue'],
  [Fate.mtu, 'mtu'],
  [Fate.blackHole, 'black hole'],
  [Fate.overflow, 'overflow'],
  [Fate.corrupted, 'corrupted'],
  [Fate.duplicated, 'duplicated'],
  [Fate.late, 'late'],
];
