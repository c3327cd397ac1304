import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import { assignSockets, inheritedSockets } from '../../../src/gateway/inherited-sockets.ts';

function listenersNamed(...names: string[]) {
  const entries = names.map(
    (name, i) => `{ name: ${name}, type: kcp-udp, bind: "127.0.0.1:${String(4000 + i)}" }`,
  );
  const loaded = loadConfig({ text: `listeners: [ ${entries.join(', ')} ]`, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  return loaded.config.listeners;
}

describe('inheritedSockets', () => {
  it('counts from descriptor 3, with names where there are any', () => {
    const environment = { LISTEN_PID: '77', LISTEN_FDS: '3', LISTEN_FDNAMES: 'a:b' };
    expect(inheritedSockets(environment, 77)).toEqual([
      { name: 'a', descriptor: 3 },
      { name: 'b', descriptor: 4 },
      { name: '', descriptor: 5 },
    ]);
  });

  it.each([
    ['for another process', { LISTEN_PID: '78', LISTEN_FDS: '1' }],
    ['for nobody', { LISTEN_FDS: '1' }],
    ['none', { LISTEN_PID: '77', LISTEN_FDS: '0' }],
    ['unsaid', { LISTEN_PID: '77' }],
    ['no number', { LISTEN_PID: '77', LISTEN_FDS: '-1' }],
    ['absurd', { LISTEN_PID: '77', LISTEN_FDS: '999999999' }],
  ])('gives none: %s', (_, environment) => {
    expect(inheritedSockets(environment, 77)).toEqual([]);
  });
});

describe('assignSockets', () => {
  const a = { name: 'a', descriptor: 3 };
  const b = { name: 'b', descriptor: 4 };

  it('goes by name, in whatever order', () => {
    expect(assignSockets(listenersNamed('b', 'c', 'a'), [a, b])).toEqual({
      descriptors: [4, undefined, 3],
      unused: [],
    });
  });

  it('gives the only socket to the only listener', () => {
    expect(assignSockets(listenersNamed('line'), [b])).toEqual({ descriptors: [4], unused: [] });
  });

  it('says what nobody takes', () => {
    expect(assignSockets(listenersNamed('a'), [a, b])).toEqual({ descriptors: [3], unused: [b] });
    expect(assignSockets(listenersNamed('x', 'y'), [a])).toEqual({
      descriptors: [undefined, undefined],
      unused: [a],
    });
  });
});
