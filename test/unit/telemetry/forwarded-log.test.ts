import { describe, expect, it } from 'vitest';
import { createForwardingLogger, ForwardedLog, LogBacklog } from '../../../src/telemetry/forwarded-log.ts';
import { mostTalkative, type LogThreshold } from '../../../src/telemetry/log-level.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

/** A logger here, whose records come out there. */
function pair(threshold: LogThreshold = 'trace') {
  const written = new RecordingLogger();
  const here = new LogBacklog();
  const there = new LogBacklog(here.memory);
  const log = new ForwardedLog(written, { worker: 3 }, there);
  const onTheWay: string[] = [];
  const logger = createForwardingLogger(here, (record) => onTheWay.push(record), threshold);
  const deliver = (): void => {
    for (const record of onTheWay.splice(0)) log.write(record);
  };
  return { written, logger, deliver, onTheWay, backlog: there };
}

describe('a forwarded log', () => {
  it('takes no room for what nobody will write', () => {
    const { logger, onTheWay } = pair(mostTalkative(['warn', 'info']));
    logger.debug('session opened');
    logger.child({ component: 'endpoint' }).debug('session opened');
    logger.info('session closed');
    expect(onTheWay).toHaveLength(1);
  });

  it('comes out with level, component, fields of loggers and of records, and its own', () => {
    const { written, logger, deliver } = pair();
    const endpoint = logger.child({ component: 'endpoint', listener: 'line' });
    endpoint.info('one', { conv: 7 });
    endpoint.child({ more: true }).warn('two');
    logger.error('three', { err: Object.assign(new Error('no'), { code: 'EACCES' }) });
    logger.debug('four');
    deliver();
    expect(written.records).toEqual([
      {
        level: 'info',
        message: 'one',
        fields: { worker: 3, component: 'endpoint', listener: 'line', conv: 7 },
      },
      {
        level: 'warn',
        message: 'two',
        fields: { worker: 3, component: 'endpoint', listener: 'line', more: true },
      },
      {
        level: 'error',
        message: 'three',
        fields: { worker: 3, err: expect.objectContaining({ message: 'no', code: 'EACCES' }) as unknown },
      },
      { level: 'debug', message: 'four', fields: { worker: 3 } },
    ]);
  });

  it('crosses whatever the fields are, and no secret', () => {
    const { written, logger, deliver } = pair();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    logger.info('odd', { circle, big: 2n ** 70n, token: 'abc', f: () => 1 });
    deliver();
    expect(written.records[0]).toMatchObject({ fields: { big: String(2n ** 70n), token: '[redacted]' } });
  });

  it('drops and counts when the reader is slow, and goes on when it has read', () => {
    const { written, logger, deliver, onTheWay, backlog } = pair();
    const text = 'x'.repeat(4000);
    for (let i = 0; i < 400; i++) logger.info('much', { text });
    expect(onTheWay.length).toBeGreaterThan(200);
    expect(onTheWay.join('').length).toBeLessThanOrEqual(1024 * 1024);
    expect(backlog.droppedRecords).toBe(400 - onTheWay.length);
    deliver();
    logger.info('again');
    deliver();
    expect(written.fieldsOf('again')).toHaveLength(1);
  });
});
