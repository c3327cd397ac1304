/** Lets this thread sleep, and nothing else in it go on. @param ms fractions allowed. */
export function restThread(ms: number): void {
  Atomics.wait(NEVER_WOKEN, 0, 0, ms);
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));
