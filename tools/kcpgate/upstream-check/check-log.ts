import type { Clock } from '../../../src/base/clock.ts';
import type { Logger } from '../../../src/base/logger.ts';
import type { FrontGateway } from '../nginx/include-files.ts';
import type { CheckEvent } from './check-event.ts';
import type { CheckObserver } from './check-observer.ts';
import type { Applied } from './file-applier.ts';
import type { RoundOutcomes } from './gateway-judge.ts';

/** Writes a record for each change. What goes wrong all the time is told now and then only. */
export class CheckLog implements CheckObserver {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #discardsToldAt = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  probed({ name: gateway }: FrontGateway, outcomes: RoundOutcomes): void {
    for (const [kind, outcome] of outcomes) {
      if (outcome.result === 'failed') {
        const { reason, detail } = outcome;
        this.#logger.debug('a probe failed', { gateway, kind, reason, detail });
      } else if (outcome.result === 'discarded') {
        const { reason, detail } = outcome;
        const now = this.#clock.now();
        if (now - this.#discardsToldAt < DISCARDS_TOLD_EVERY_MS) continue;
        this.#discardsToldAt = now;
        this.#logger.warn('probes are discarded: the fault is on this host', {
          gateway,
          kind,
          reason,
          detail,
        });
      }
    }
  }

  changed(event: CheckEvent): void {
    switch (event.type) {
      case 'state': {
        const { gateway, kind, from, to, reason } = event;
        const fields = { gateway, kind, from, to, reason };
        if (to === 'down') this.#logger.warn('a gateway is down', fields);
        else this.#logger.info(to === 'up' ? 'a gateway is up' : 'a gateway gets no new sessions', fields);
        return;
      }
      case 'restarted': {
        const { gateway, epochSeconds } = event;
        const startedAt = new Date(epochSeconds * 1000).toISOString();
        return this.#logger.warn('a gateway was started anew', { gateway, startedAt });
      }
      case 'panic': {
        const { kind, isOn } = event;
        if (isOn) this.#logger.error('no gateway is up: nginx goes on as if some were', { kind });
        else this.#logger.info('a gateway is up again: its pool is as it should be', { kind });
      }
    }
  }

  applied({ result, detail, tookMs }: Applied): void {
    const fields = { tookMs: Math.round(tookMs), ...(detail === '' ? {} : { detail }) };
    if (result === 'done') {
      this.#logger.info(this.#isFailing ? 'nginx was told, at last' : 'nginx was told', fields);
    } else {
      this.#logger.error(FAILURES[result], fields);
    }
    this.#isFailing = result !== 'done';
  }
}

const FAILURES = {
  write_failed: 'the include files cannot be written; they are as before',
  test_failed: 'nginx does not take the include files; they are as before',
  reload_failed: 'the include files are written, but nginx was not told',
} as const;

const DISCARDS_TOLD_EVERY_MS = 10_000;
