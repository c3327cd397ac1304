import { expect, test } from 'vitest';
import { lineArgument } from '../../../../tools/kcpgate/probe/line-argument.ts';

test.each([
  ['udp://gw.example:4000', { transport: 'udp', tls: false, host: 'gw.example', port: 4000, path: '' }],
  ['udp://gw.example:4000/', { transport: 'udp', tls: false, host: 'gw.example', port: 4000, path: '' }],
  ['tcp://192.0.2.1:80', { transport: 'tcp', tls: false, host: '192.0.2.1', port: 80, path: '' }],
  ['tls://[2001:db8::1]:443', { transport: 'tcp', tls: true, host: '2001:db8::1', port: 443, path: '' }],
  ['ws://gw.example/kcp', { transport: 'ws', tls: false, host: 'gw.example', port: 80, path: '/kcp' }],
  ['wss://gw.example', { transport: 'wss', tls: true, host: 'gw.example', port: 443, path: '/' }],
  [
    'wss://gw.example:8443/a?b=c',
    { transport: 'wss', tls: true, host: 'gw.example', port: 8443, path: '/a?b=c' },
  ],
])('%s is a line', (text, expected) => {
  expect(lineArgument(text)).toMatchObject([{ id: text, ...expected }]);
});

test.each([
  'gw.example:4000',
  'http://gw.example:80',
  'udp://gw.example',
  'udp://gw.example:0',
  'udp://:4000',
  'udp://user@gw.example:4000',
  'udp://gw.example:4000/path',
  'tcp://gw.example:4000?x',
  'wss://gw.example/#x',
  'udp://999.1.1.1:5',
])('%s is none', (text) => {
  expect(() => lineArgument(text)).toThrow(/^It must be a line: /);
});

test('the same line twice is a mistake', () => {
  const one = lineArgument('udp://gw.example:4000');
  expect(lineArgument('udp://gw.example:4001', one)).toHaveLength(2);
  expect(() => lineArgument('udp://gw.example:4000', one)).toThrow(/twice/);
});
