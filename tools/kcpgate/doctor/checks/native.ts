import { platformName } from '../../../../native-bindings/index.ts';
import type { Finding, Patient } from '../finding.ts';

/** Whether the addon is in use, and what to do when it is not. */
export function checkNative({ native }: Patient): Finding {
  const check = 'native addon';
  switch (native.status) {
    case 'loaded':
      return {
        check,
        status: 'ok',
        text: `loaded from ${native.file}`,
        details: { status: native.status, file: native.file },
      };
    case 'off':
      return {
        check,
        status: 'note',
        text: `turned off by ${native.reason}: JavaScript does the work`,
        details: { ...native },
      };
    case 'missing':
      return {
        check,
        status: process.platform === 'linux' ? 'warning' : 'note',
        text: `not built: ${native.reason}; JavaScript does the work, with more CPU`,
        ...(process.platform === 'linux' && { advice: [BUILD] }),
        details: { ...native, platform: platformName() },
      };
    case 'broken':
      return {
        check,
        status: 'warning',
        text: `cannot be used: ${native.reason}; JavaScript does the work, with more CPU`,
        advice: [BUILD],
        details: { ...native, platform: platformName() },
      };
  }
}

const BUILD = 'install g++, make and python3, then run npm run build:native in the folder of the package';
