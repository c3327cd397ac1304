/** How often each property runs; set KCPGATE_FUZZ_RUNS for a longer hunt. */
export const RUNS = Number(process.env.KCPGATE_FUZZ_RUNS ?? 5000);

/** How long one property may take, in milliseconds. */
export const LIMIT_MS = 60_000 + RUNS * 5;
