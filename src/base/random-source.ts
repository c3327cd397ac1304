/** Randomness as an argument: the platform's secure source in production, a seeded generator in tests. */
export interface RandomSource {
  /** A uniformly distributed unsigned 32-bit integer. */
  nextUint32(): number;
}
