import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import { assignSockets, inheritedSockets } from '../../../src/gateway/inherited-sockets.ts';

/** @param names each may have its type behind a colon. */
function listenersNamed(...names: string[]) {
  const entries = names.map((text, i) => {
    const [name, type = 'kcp-udp'] = text.split(':');
    return `{ name: ${String(name)}, type: ${type}, bind: "127.0.0.1:${String(4000 + i)}" }`;
  });
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
    expect(assignSockets(listenersNamed('b:http', 'c', 'a:kcp-tcp'), [a, b])).toEqual({
      descriptors: new Map([
        ['b', 4],
        ['a', 3],
      ]),
      unused: [],
    });
  });

  it('gives the only socket to the only UDP listener', () => {
    const descriptors = new Map([['line', 4]]);
    expect(assignSockets(listenersNamed('line', 't:kcp-tcp'), [b])).toEqual({ descriptors, unused: [] });
  });

  it('unless it has the name of another listener', () => {
    const descriptors = new Map([['b', 4]]);
    expect(assignSockets(listenersNamed('line', 'b:kcp-tcp'), [b])).toEqual({ descriptors, unused: [] });
  });

  it('says what nobody takes', () => {
    const descriptors = new Map([['a', 3]]);
    expect(assignSockets(listenersNamed('a'), [a, b])).toEqual({ descriptors, unused: [b] });
    expect(assignSockets(listenersNamed('x', 'y'), [a])).toEqual({ descriptors: new Map(), unused: [a] });
  });
});
