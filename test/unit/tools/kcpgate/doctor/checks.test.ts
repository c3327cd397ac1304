import { describe, expect, test } from 'vitest';
import type { NativeLoad } from '../../../../../native-bindings/index.ts';
import { loadConfig } from '../../../../../src/gateway/config/load.ts';
import { checkCipher } from '../../../../../tools/kcpgate/doctor/checks/cipher.ts';
import { judgeClock } from '../../../../../tools/kcpgate/doctor/checks/clock.ts';
import { judgeDescriptors, openFilesLimit } from '../../../../../tools/kcpgate/doctor/checks/descriptors.ts';
import { checkNative } from '../../../../../tools/kcpgate/doctor/checks/native.ts';
import { checkOffload } from '../../../../../tools/kcpgate/doctor/checks/offload.ts';
import { judgeProcessors, processorQuota } from '../../../../../tools/kcpgate/doctor/checks/processors.ts';
import { judgeBuffers } from '../../../../../tools/kcpgate/doctor/checks/socket-buffers.ts';
import type { Patient } from '../../../../../tools/kcpgate/doctor/finding.ts';

function patient(native: NativeLoad): Patient {
  const loaded = loadConfig({ text: '', env: {} });
  if (!loaded.ok) throw new Error('the embedded default is right');
  return { native, config: loaded.config, isConfigured: false };
}

const MISSING: NativeLoad = { status: 'missing', reason: 'no make (make) on the PATH' };
const ALL = { segmentation: true, receiveOffload: true, reusePort: true, steering: true };

/** An addon of which only the probes are asked. */
function loaded(features: Partial<typeof ALL>, aead = { available: true, reason: '' }): NativeLoad {
  const bindings = { probeUdp: () => ({ ...ALL, ...features }), probeAead: () => aead };
  return { status: 'loaded', file: 'kcpgate.node', bindings: bindings as never };
}

describe('the addon', () => {
  test('loaded is good, off a note', () => {
    expect(checkNative(patient(loaded({})))).toMatchObject({ status: 'ok' });
    const off = checkNative(patient({ status: 'off', reason: 'KCPGATE_NATIVE=off' }));
    expect(off).toMatchObject({
      status: 'note',
      text: expect.stringContaining('KCPGATE_NATIVE=off') as string,
    });
    expect(off.advice).toBeUndefined();
  });

  test
    .runIf(process.platform === 'linux')
    .each([MISSING, { status: 'broken', reason: 'no make (make) on the PATH' }] as const)(
    '$status: why, and what to do',
    (native) => {
      const finding = checkNative(patient(native));
      expect(finding).toMatchObject({
        status: 'warning',
        text: expect.stringContaining(native.reason) as string,
        advice: [expect.stringContaining('npm run build:native')],
      });
    },
  );

  test('what the kernel does not grant is named, with the version that has it', () => {
    expect(checkOffload(patient(loaded({})))).toMatchObject({ status: 'ok' });
    const finding = checkOffload(patient(loaded({ segmentation: false })));
    expect(finding).toMatchObject({
      status: 'warning',
      text: 'the kernel does not grant segmentation',
      advice: [expect.stringContaining('4.18')],
    });
    expect(checkOffload(patient(MISSING))).toMatchObject({ status: 'note' });
  });

  test('ciphers one at a time: why', () => {
    const reason = 'this Node exports no OpenSSL 3';
    expect(checkCipher(patient(loaded({})))).toMatchObject({ status: 'ok' });
    expect(checkCipher(patient(loaded({}, { available: false, reason })))).toMatchObject({
      status: 'note',
      text: expect.stringContaining(reason) as string,
    });
  });
});

describe('socket buffers', () => {
  const MIB = 1024 * 1024;

  test('as asked for', () => {
    const finding = judgeBuffers({ requested: 4 * MIB, receive: 4 * MIB, send: 4 * MIB }, true);
    expect(finding).toMatchObject({ status: 'ok', text: '4MiB each way, as asked for' });
  });

  test('smaller: the command that raises what is too small, and nothing else', () => {
    const finding = judgeBuffers({ requested: 4 * MIB, receive: MIB, send: 4 * MIB }, true);
    expect(finding.status).toBe('warning');
    expect(finding.advice?.[0]).toBe('sysctl -w net.core.rmem_max=4194304');
    expect(judgeBuffers({ requested: 4 * MIB, receive: MIB, send: MIB }, true).advice?.[0]).toBe(
      'sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304',
    );
    expect(judgeBuffers({ requested: 4 * MIB, receive: MIB, send: MIB }, false).advice).toBeUndefined();
  });
});

describe('open files', () => {
  const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             31433                31433                processes
Max open files            1024                 524288               files
`;

  test('the soft limit counts', () => {
    expect(openFilesLimit(LIMITS)).toBe(1024);
    expect(openFilesLimit(LIMITS.replace('1024 ', 'unlimited'))).toBe(Infinity);
    expect(openFilesLimit('')).toBeUndefined();
  });

  test('one for each session that leads to a TCP server', () => {
    expect(judgeDescriptors(1024, 0).status).toBe('ok');
    expect(judgeDescriptors(1024, 924).status).toBe('ok');
    expect(judgeDescriptors(1024, 925)).toMatchObject({
      status: 'warning',
      advice: [expect.stringContaining('ulimit -n 1025')],
    });
    expect(judgeDescriptors(undefined, 1).status).toBe('note');
  });
});

describe('processors', () => {
  test('a quota of the control group', () => {
    expect(processorQuota('max 100000')).toBeUndefined();
    expect(processorQuota('150000 100000')).toBe(1.5);
    expect(processorQuota('')).toBeUndefined();
  });

  test('more workers than processors, or than the quota allows', () => {
    expect(judgeProcessors(4, undefined, 4).status).toBe('ok');
    expect(judgeProcessors(4, undefined, 'auto').status).toBe('ok');
    expect(judgeProcessors(4, undefined, 5).advice?.[0]).toContain('common.workers: 4');
    expect(judgeProcessors(4, 2.5, 'auto').advice?.[0]).toContain('common.workers: 2');
    // Less than one processor is still one worker.
    expect(judgeProcessors(4, 0.5, 1).status).toBe('ok');
  });
});

test('a clock that is slow to read', () => {
  expect(judgeClock(0.05, 'tsc')).toMatchObject({ status: 'ok', text: '0.05 us a reading (tsc)' });
  expect(judgeClock(2.5, 'hpet')).toMatchObject({ status: 'warning' });
  expect(judgeClock(2.5, undefined).advice).toBeUndefined();
});
