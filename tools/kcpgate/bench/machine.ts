import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** What figures depend on beside the programs. */
export interface MachineFacts {
  readonly node: string;
  /** Operating system and processor family. */
  readonly platform: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMib: number;
  /** The largest socket buffer a program may ask for, in bytes; null where the system does not say. */
  readonly receiveBufferLimitBytes: number | null;
  /** Version of the installed library; null when it is not known or took no part. */
  readonly kcpGo: string | null;
}

export function machineFacts(withKcpGo: boolean): MachineFacts {
  const processors = cpus();
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryMib: Math.round(totalmem() / 1024 / 1024),
    receiveBufferLimitBytes: receiveBufferLimit(),
    kcpGo: withKcpGo ? kcpGoVersion() : null,
  };
}

function receiveBufferLimit(): number | null {
  try {
    return Number(readFileSync('/proc/sys/net/core/rmem_max', 'latin1'));
  } catch {
    return null;
  }
}

/** As the package manager knows it: the sources of the library do not tell. */
function kcpGoVersion(): string | null {
  try {
    const command = ['-W', '-f', '${Version}', 'golang-github-xtaci-kcp-dev'];
    return execFileSync('dpkg-query', command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return null;
  }
}
