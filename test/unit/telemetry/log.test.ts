import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog, type LogOptions } from '../../../src/telemetry/log.ts';

type Entry = Record<string, unknown>;

function collect(options: LogOptions = {}) {
  const lines: string[] = [];
  const log = createLog({ ...options, write: (line) => void lines.push(line) });
  return { log, lines, records: () => lines.map((line) => JSON.parse(line) as Entry) };
}

describe('createLog', () => {
  it('writes one JSON object a line with time, level, component, message and fields', () => {
    const { log, lines, records } = collect({ fields: { node: 'gw-7' } });
    log.logger.child({ component: 'endpoint', listener: 'line-udp' }).warn('session refused', { conv: 7 });
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    expect(records()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        node: 'gw-7',
        component: 'endpoint',
        listener: 'line-udp',
        msg: 'session refused',
        conv: 7,
      },
    ]);
  });

  it('takes a message as it is, whatever it looks like', () => {
    const { log, records } = collect();
    log.logger.info('100%s "quoted"\nsecond %d line', { value: 1 });
    expect(records()[0]?.msg).toBe('100%s "quoted"\nsecond %d line');
  });

  it('keeps fields from standing in for what every record has', () => {
    const { log, lines, records } = collect();
    log.logger
      .child({ component: 'endpoint' })
      .info('real', { msg: 'false', level: 'error', time: 0, component: 'x' });
    expect(records()[0]).toMatchObject({
      msg: 'real',
      level: 'info',
      component: 'endpoint',
      msg_: 'false',
      level_: 'error',
    });
    expect(lines[0]?.match(/"component":/g)).toHaveLength(1);
  });

  it('shows an error once, with its cause inside of it, under whatever name', () => {
    const { log, records } = collect();
    const error = new Error('outer', { cause: new RangeError('inner') });
    log.logger.error('x', { err: error, error });
    const shown = { name: 'Error', message: 'outer', cause: { name: 'RangeError', message: 'inner' } };
    expect(records()[0]).toMatchObject({ err: shown, error: shown });
  });

  it('names one component, the nearest', () => {
    const { log, lines } = collect();
    log.logger.child({ component: 'gateway', a: 1 }).child({ component: 'upstream' }).info('x');
    expect(lines[0]?.match(/"component":"\w+"/g)).toEqual(['"component":"upstream"']);
    expect(lines[0]).toContain('"a":1');
  });

  it.each([
    ['trace', ['debug', 'info', 'warn', 'error']],
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const)('at level %s writes %j', (level, expected) => {
    const { log, records } = collect({ level });
    for (const method of ['debug', 'info', 'warn', 'error'] as const) log.logger[method]('x');
    expect(records().map((record) => record.level)).toEqual(expected);
  });

  it('has levels for single components, and loggers in use follow a change', () => {
    const { log, records } = collect({ level: 'warn', componentLevels: { endpoint: 'debug' } });
    const endpoint = log.logger.child({ component: 'endpoint' });
    const session = endpoint.child({ session: 1 });
    const upstream = log.logger.child({ component: 'upstream' });
    session.debug('1');
    upstream.info('hidden');
    log.setLevel('info');
    upstream.info('2');
    session.debug('3');
    log.logger.info('4');
    log.setLevel('error', 'endpoint');
    session.warn('hidden');
    log.setLevel('debug', 'upstream');
    upstream.debug('5');
    log.logger.debug('hidden');
    expect(records().map((record) => record.msg)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('writes plain text for people', () => {
    const { log, lines } = collect({ format: 'text' });
    log.logger
      .child({ component: 'endpoint' })
      .info('session opened\u001b[31m', { conv: 7, peer: '[::1]:5', why: 'a b\nc' });
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}endpoint session opened\\u001b\[31m conv=7 peer=\[::1\]:5 why="a b\\nc"\n$/,
    );
  });
});

describe('createLog to a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-log-'));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('appends, has every line on disk at once, and ignores what comes after close', () => {
    const file = join(folder, 'gateway.log');
    for (const msg of ['first', 'second']) {
      const log = createLog({ file });
      log.logger.info(msg);
      expect(readFileSync(file, 'utf8')).toContain(`"msg":"${msg}"`);
      log.close();
      log.close();
      log.logger.info('late');
      expect(log.droppedLines()).toBe(0);
    }
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Entry).msg)).toEqual(['first', 'second']);
  });

  it('says with a code why a file cannot be opened', () => {
    expect(() => createLog({ file: join(folder, 'missing', 'x.log') })).toThrow(
      expect.objectContaining({ code: 'ENOENT' }) as Error,
    );
  });
});
