/**
 * Makes a function that runs others once this turn of the event loop is over. Unlike timers it is not slowed down, neither when it
 * is used again and again nor on a hidden page.
 */
export function createLater(): (run: () => void) => void {
  const { port1, port2 } = new MessageChannel();
  const due: (() => void)[] = [];
  port1.onmessage = () => {
    due.shift()?.();
  };
  return (run) => {
    due.push(run);
    port2.postMessage(null);
  };
}
