import { expect, test } from 'vitest';
import type { Finding } from '../../../../../tools/kcpgate/doctor/finding.ts';
import { formatReport } from '../../../../../tools/kcpgate/doctor/report.ts';

const OK: Finding = { check: 'clock', status: 'ok', text: 'fine' };
const WARNING: Finding = { check: 'socket buffers', status: 'warning', text: 'small', advice: ['sysctl -w'] };
const FAILURE: Finding = { check: 'IPv6', status: 'failure', text: 'none' };

test('aligned, the advice under the text', () => {
  expect(formatReport([OK, WARNING], '1.2.3', false).split('\n').slice(1)).toEqual([
    '',
    'ok    clock           fine',
    'warn  socket buffers  small',
    '                      -> sysctl -w',
    '',
    'Works; 1 of 2 checks found something to improve.',
    '',
  ]);
});

test('the worst decides the summary', () => {
  expect(formatReport([OK], '1.2.3', false)).toContain('All is well.');
  expect(formatReport([OK, WARNING, FAILURE], '1.2.3', false)).toContain('1 of 3 checks failed.');
});

test('colour only when asked for', () => {
  expect(formatReport([OK, WARNING, FAILURE], '1.2.3', false)).not.toContain('\u001b');
  expect(formatReport([FAILURE], '1.2.3', true)).toContain('\u001b[31mFAIL\u001b[0m');
});

test('nothing that a terminal might obey', () => {
  const hostile: Finding = { ...WARNING, text: 'a\u001b[2Jb', advice: ['c\u0007\u009bd', 'e\r'] };
  expect(formatReport([hostile], '1.2.3', false)).not.toMatch(/[^\n\x20-\x7e]/);
});
