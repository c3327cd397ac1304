/**
 * Lets what is to happen at the exit of this process happen when it is told to end, too: vitest ends its processes by SIGTERM
 * when a hook ran out of time, and the children of a test must not outlive it.
 */
export function endInOrder(): void {
  if (process.listeners('SIGTERM').includes(exit)) return;
  process.once('SIGTERM', exit);
}

const exit = (): never => process.exit(143);
