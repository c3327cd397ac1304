import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { GATEWAY_ERRORS, GatewayError } from '../../../src/base/errors.ts';
import { describeSystemError, fromSystemError, gatewayCodeOf } from '../../../src/base/node-error.ts';

describe('GatewayError', () => {
  test('says the sentence of its code unless it is told more', () => {
    const error = new GatewayError('queue_full');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('GatewayError');
    expect(error.message).toBe(GATEWAY_ERRORS.queue_full);
    expect(new GatewayError('queue_full', 'no room for 12 bytes').message).toBe('no room for 12 bytes');
    expect('cause' in error).toBe(false);
    expect('details' in error).toBe(false);
  });

  test('keeps cause and details', () => {
    const cause = new Error('why');
    const error = new GatewayError('io_failed', undefined, { cause, details: { bytes: 3 } });
    expect(error.cause).toBe(cause);
    expect(error.details).toEqual({ bytes: 3 });
  });

  test('from takes whatever was thrown', () => {
    const known = new GatewayError('config_invalid');
    expect(GatewayError.from(known)).toBe(known);
    const cause = new TypeError('x is not a function');
    const wrapped = GatewayError.from(cause);
    expect([wrapped.code, wrapped.message, wrapped.cause]).toEqual([
      'internal',
      'x is not a function',
      cause,
    ]);
    expect(GatewayError.from('text').message).toBe('text');
    for (const thrown of [undefined, null, 5, {}, '', Symbol('s')]) {
      expect(GatewayError.from(thrown).message).toBe(GATEWAY_ERRORS.internal);
    }
  });

  test('every code has one sentence', () => {
    for (const text of Object.values(GATEWAY_ERRORS)) expect(text).toMatch(/^[A-Z].*\.$/);
  });
});

describe('system errors', () => {
  test.each([
    ['EADDRINUSE', 'address_in_use'],
    ['EACCES', 'permission_denied'],
    ['ECONNREFUSED', 'connect_failed'],
    ['ETIMEDOUT', 'connect_timeout'],
    ['ECONNRESET', 'bind_failed'],
    ['EXOTIC', 'bind_failed'],
    [undefined, 'bind_failed'],
  ])('%s is %s', (code, expected) => {
    expect(gatewayCodeOf({ code }, 'bind_failed')).toBe(expected);
  });

  test('are described in words without addresses', () => {
    expect(describeSystemError({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 10.0.0.1:80' })).toBe(
      'connection refused',
    );
    expect(describeSystemError({})).toBe('input or output failed');
    expect(gatewayCodeOf({})).toBe('io_failed');
  });

  test('a real one keeps its message and itself as the cause', async () => {
    const first = createServer();
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
    const address = first.address();
    const second = createServer();
    const thrown = await new Promise<NodeJS.ErrnoException>((resolve) => {
      second.once('error', resolve);
      second.listen(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
    });
    await new Promise((resolve) => first.close(resolve));
    const error = fromSystemError(thrown, 'bind_failed', { listener: 'line-udp' });
    expect(error.code).toBe('address_in_use');
    expect(error.message).toContain('EADDRINUSE');
    expect(error.cause).toBe(thrown);
    expect(error.details).toEqual({ listener: 'line-udp' });
    expect(fromSystemError({}).message).toBe(GATEWAY_ERRORS.io_failed);
  });
});
