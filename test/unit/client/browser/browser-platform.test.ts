import { afterEach, describe, expect, test, vi } from 'vitest';
import { NO_LOG } from '../../../../src/base/logger.ts';
import { createBrowserPlatform } from '../../../../src/client/browser/browser-platform.ts';
import { CLEAR_CRYPTO } from '../../../../src/client/browser/clear-crypto.ts';
import { createLater } from '../../../../src/client/browser/later.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { FakeWebSocket } from './fake-web-socket.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

const LINE: Line = {
  ...{ id: 'eu', gatewayId: 1, transport: 'wss', tls: true, host: 'gw.example', port: 443, path: '/kcp' },
  ...{ region: '', priority: 0, weight: 100 },
};

describe('the platform of a page', () => {
  test('uses ws only where the page is not secure itself', () => {
    const transportsAt = (protocol?: string) => {
      vi.stubGlobal('location', protocol === undefined ? undefined : { protocol });
      return createBrowserPlatform().transports;
    };
    expect(transportsAt('https:')).toEqual(['wss']);
    expect(transportsAt('http:')).toEqual(['wss', 'ws']);
    expect(transportsAt()).toEqual(['wss', 'ws']);
  });

  test('offers no seal, whole milliseconds, and leaves names to the browser', async () => {
    const { seals, clock, wallClock, resolve } = createBrowserPlatform();
    expect(seals).toEqual(['clear']);
    expect(Number.isInteger(clock.now())).toBe(true);
    expect(wallClock.now()).toBeGreaterThan(1.7e12);
    const { signal } = new AbortController();
    await expect(resolve('gw.example', 443, signal)).resolves.toEqual([undefined]);
  });

  test('has chance that nobody can guess', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { random } = createBrowserPlatform();
    const values = Array.from({ length: 100 }, random);
    expect(new Set(values).size).toBeGreaterThan(90);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    vi.restoreAllMocks();
  });

  test.each([
    ['gw.example', 'wss://gw.example:443/kcp'],
    ['2001:db8::7', 'wss://[2001:db8::7]:443/kcp'],
  ])('opens a line to %s; its slot is retained for whoever asked', async (host, url) => {
    const sockets: FakeWebSocket[] = [];
    class Recorded extends FakeWebSocket {
      constructor(...parts: ConstructorParameters<typeof FakeWebSocket>) {
        super(...parts);
        sockets.push(this);
      }
    }
    const platform = createBrowserPlatform({ WebSocket: Recorded });
    const { signal } = new AbortController();
    const options = { address: undefined, maxDatagramBytes: 2048, timeoutMs: 1_000, signal };
    const opening = platform.openLine({ ...LINE, host }, options);
    const [socket] = sockets;
    expect(socket?.url).toBe(url);
    socket!.open();
    const { carrier, slot } = await opening;
    expect(slot).toBe(0);
    socket!.end();
    expect(carrier.addressOf(slot)).toBeDefined();
    carrier.release(slot);
    expect(() => carrier.addressOf(slot)).toThrow(RangeError);
  });

  test('tells of the network, and when the page is looked at again; not when it is hidden', () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'hidden' });
    const window = new EventTarget();
    vi.stubGlobal('document', page);
    vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
    vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window));
    const listener = vi.fn();
    const end = createBrowserPlatform().onNetworkChange(listener);
    window.dispatchEvent(new Event('online'));
    window.dispatchEvent(new Event('offline'));
    expect(listener).toHaveBeenCalledTimes(2);
    page.dispatchEvent(new Event('visibilitychange'));
    expect(listener).toHaveBeenCalledTimes(2);
    page.visibilityState = 'visible';
    page.dispatchEvent(new Event('visibilitychange'));
    expect(listener).toHaveBeenCalledTimes(3);
    end();
    window.dispatchEvent(new Event('online'));
    page.dispatchEvent(new Event('visibilitychange'));
    expect(listener).toHaveBeenCalledTimes(3);
  });

  test('does not take sessions that want a cipher', () => {
    const endpoint = createBrowserPlatform().createEndpoint({
      ...{ kcp: { mtu: 1372 } as never, idleTimeoutMs: 1, keepAliveMs: 1, closeTimeoutMs: 1 },
      ...{ maxMemoryBytes: 1_000_000, logger: NO_LOG },
    });
    const none = new Uint8Array(16);
    const credentials = { conv: 7, ticket: none, secret: none, resetToken: none, seal: 'aead' } as const;
    const dial = { port: 0, slot: 0, credentials, stream: false, timeoutMs: 1, earlyData: false };
    expect(() => endpoint.dial({ ...dial, observer: {}, bind: () => expect.fail() })).toThrow('no cipher');
  });
});

test('what is run later runs after this turn, in order, also what is added meanwhile', async () => {
  const later = createLater();
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    later(() => {
      ran.push('first');
      later(() => {
        ran.push('third');
        resolve();
      });
    });
    later(() => void ran.push('second'));
    queueMicrotask(() => ran.push('microtask'));
    expect(ran).toEqual([]);
  });
  expect(ran).toEqual(['microtask', 'first', 'second', 'third']);
});

test('one that throws does not keep the others', async () => {
  const later = createLater();
  const caught = vi.fn();
  process.once('uncaughtException', caught);
  const second = new Promise<void>((resolve) => {
    later(() => {
      throw new Error('its own affair');
    });
    later(resolve);
  });
  await second;
  expect(caught).toHaveBeenCalledTimes(1);
});

test('random bytes differ, equal bytes are equal', () => {
  const { randomBytes, equal, deriveKey } = CLEAR_CRYPTO;
  expect(randomBytes(16)).toHaveLength(16);
  expect(equal(randomBytes(16), randomBytes(16))).toBe(false);
  expect(equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(equal(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(equal(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false);
  expect(equal(Uint8Array.of(1, 0), Uint8Array.of(1))).toBe(false);
  expect(() => deriveKey(randomBytes(32), randomBytes(16), 'early', 1)).toThrow();
});
