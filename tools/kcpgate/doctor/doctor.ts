import { loadNativeBindings } from '../../../native-bindings/index.ts';
import { formatIssues } from '../../../src/gateway/config/issue.ts';
import { readConfig, type ConfigOptions } from '../config-options.ts';
import { ExitCode } from '../exit-code.ts';
import { checkBindings } from './checks/bindings.ts';
import { checkCipher } from './checks/cipher.ts';
import { checkClock } from './checks/clock.ts';
import { checkDescriptors } from './checks/descriptors.ts';
import { checkIpv6 } from './checks/ipv6.ts';
import { checkLoopback } from './checks/loopback.ts';
import { checkNative } from './checks/native.ts';
import { checkOffload } from './checks/offload.ts';
import { checkProcessors } from './checks/processors.ts';
import { checkSocketBuffers } from './checks/socket-buffers.ts';
import type { Check, Finding, Patient } from './finding.ts';

/** What was found, and what it comes to. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
  readonly exitCode: number;
}

/** Looks at this machine, and at the configuration the options name. */
export async function examine(options: ConfigOptions): Promise<Diagnosis> {
  const result = readConfig(options);
  if (!result.ok) {
    const findings = result.errors.map((issue) => invalid(formatIssues([issue])));
    return { findings, exitCode: ExitCode.invalid };
  }
  const patient: Patient = {
    native: loadNativeBindings(),
    config: result.config,
    isConfigured: options.config !== undefined || options.bind !== undefined,
  };
  const findings: Finding[] = [];
  // One after the other: they measure.
  for (const check of CHECKS) findings.push(...[await check(patient)].flat());
  return diagnosisOf(findings);
}

export function diagnosisOf(findings: readonly Finding[]): Diagnosis {
  const failed = findings.some(({ status }) => status === 'failure');
  return { findings, exitCode: failed ? ExitCode.failure : ExitCode.ok };
}

function invalid(text: string): Finding {
  return { check: 'configuration', status: 'failure', text };
}

/** In the order of the report. */
const CHECKS: readonly Check[] = [
  checkNative,
  checkOffload,
  checkCipher,
  checkSocketBuffers,
  checkDescriptors,
  checkProcessors,
  checkClock,
  checkIpv6,
  checkLoopback,
  checkBindings,
];
