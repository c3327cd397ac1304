import { availableParallelism } from 'node:os';
import type { Finding, Patient } from '../finding.ts';
import { systemSetting } from './system-setting.ts';

/** Whether there is a processor for each worker. */
export function checkProcessors({ config, native }: Patient): Finding {
  const { workers } = config.common;
  const quota = processorQuota(systemSetting('/sys/fs/cgroup/cpu.max') ?? '');
  const finding = judgeProcessors(availableParallelism(), quota, workers);
  if (workers === 1 || native.status === 'loaded' || finding.status !== 'ok') return finding;
  return { ...finding, status: 'warning', text: 'several workers take the native addon: only one will run' };
}

/** @param quota processors this group of processes may use; undefined: no limit. */
export function judgeProcessors(
  processors: number,
  quota: number | undefined,
  workers: number | 'auto',
): Finding {
  const check = 'processors';
  const usable = Math.min(processors, quota ?? processors);
  const workerCount = workers === 'auto' ? processors : workers;
  const limited =
    quota === undefined || quota >= processors ? '' : `, limited to ${quota} by its control group`;
  const text = `${processors}${limited}; ${workerCount} ${workerCount === 1 ? 'worker' : 'workers'}`;
  const details = { processors, quota, workers };
  if (workerCount <= Math.max(1, usable)) return { check, status: 'ok', text, details };
  return {
    check,
    status: 'warning',
    text,
    advice: [`common.workers: ${Math.max(1, Math.floor(usable))}, or more processors`],
    details,
  };
}

/** Processors that a cgroup v2 `cpu.max` allows; undefined when it sets no limit. */
export function processorQuota(cpuMax: string): number | undefined {
  const [quota, period] = cpuMax.split(' ').map(Number);
  if (quota === undefined || period === undefined) return undefined;
  return Number.isFinite(quota) && period > 0 ? quota / period : undefined;
}
