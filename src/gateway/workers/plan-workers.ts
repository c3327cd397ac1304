import { availableParallelism } from 'node:os';
import type { NativeBindings, NativeLoad } from '../../../native-bindings/index.ts';
import type { GatewayConfig } from '../config/config.ts';

/** How the sessions of a gateway are to be served. */
export type WorkerPlan =
  | { readonly workers: 1 }
  | { readonly workers: number; readonly bindings: NativeBindings }
  /** More than one was asked for and cannot be had. */
  | { readonly workers: 1; readonly wanted: number; readonly reason: string; readonly advice: string };

/**
 * How many workers there are to be: as configured, or one where sockets cannot be shared. Only the native addon can bind
 * several sockets to one address and have each session's datagrams at one of them.
 * @param inherited whether a listener serves on a socket that the process was started with; such a socket is alone.
 * @param processors what `auto` means. Default: as many as this process may run on.
 */
export function planWorkers(
  { common }: GatewayConfig,
  native: NativeLoad,
  inherited = false,
  processors: number = availableParallelism(),
): WorkerPlan {
  const wanted = common.workers === 'auto' ? Math.min(processors, MAX_WORKERS) : common.workers;
  if (wanted === 1) return { workers: 1 };
  if (inherited) {
    const advice = 'let the gateway bind its sockets, or set common.workers to 1';
    return { workers: 1, wanted, reason: 'a socket was inherited, and each worker needs its own', advice };
  }
  if (native.status !== 'loaded') {
    return { workers: 1, wanted, reason: `no native addon: ${native.reason}`, advice: ADVICE[native.status] };
  }
  const { reusePort, steering } = native.bindings.probeUdp();
  if (reusePort && steering) return { workers: wanted, bindings: native.bindings };
  const reason = reusePort
    ? 'the kernel does not steer a group of sockets'
    : 'sockets cannot share an address here';
  return { workers: 1, wanted, reason, advice: 'use Linux 4.6 or later, or set common.workers to 1' };
}

const MAX_WORKERS = 64;

const ADVICE: Readonly<Record<Exclude<NativeLoad['status'], 'loaded'>, string>> = {
  off: 'unset KCPGATE_NATIVE, or set common.workers to 1',
  missing: 'see kcpgate doctor, or set common.workers to 1',
  broken: 'see kcpgate doctor, or set common.workers to 1',
};
