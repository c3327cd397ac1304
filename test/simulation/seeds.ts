import { env } from 'node:process';

/**
 * The seeds a simulation runs with: those given, or the one in the environment variable KCPGATE_SEED when it is set,
 * to see one failing run again.
 */
export function seeds(...defaults: readonly number[]): readonly number[] {
  const asked = env.KCPGATE_SEED;
  if (asked === undefined || asked === '') return defaults;
  const seed = Number(asked);
  if (!Number.isInteger(seed)) throw new Error(`KCPGATE_SEED must be an integer, not "${asked}"`);
  return [seed];
}

/** Runs one simulation; when it fails, the error says which seed it was and how to run it again. */
export function withSeed<Result>(seed: number, run: (seed: number) => Result): Result {
  try {
    return run(seed);
  } catch (error) {
    const hint = `seed ${String(seed)}; run it again with KCPGATE_SEED=${String(seed)}`;
    if (error instanceof Error) {
      error.message = `${error.message}\n(${hint})`;
      throw error;
    }
    throw new Error(hint, { cause: error });
  }
}
