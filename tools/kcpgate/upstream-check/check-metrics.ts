import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { FRONT_KINDS, type FrontGateway } from '../nginx/include-files.ts';
import { packageVersion } from '../version.ts';
import type { CheckEvent } from './check-event.ts';
import type { CheckObserver } from './check-observer.ts';
import { APPLY_RESULTS, type Applied } from './file-applier.ts';
import type { FrontCheck } from './front-check.ts';
import type { GatewayJudge, RoundOutcomes } from './gateway-judge.ts';

/** What is counted, for Prometheus. Labels have few values: gateways of the configuration and words of the program. */
export class CheckMetrics implements CheckObserver {
  readonly #registry = new Registry();
  readonly #check: FrontCheck;
  readonly #took: Histogram<'gateway' | 'kind'>;
  readonly #probes: Counter<'gateway' | 'kind' | 'result'>;
  readonly #failures: Counter<'gateway' | 'kind' | 'reason'>;
  readonly #discards: Counter<'gateway' | 'kind' | 'reason'>;
  readonly #changes: Counter<'gateway' | 'kind' | 'to'>;
  readonly #restarts: Counter<'gateway'>;
  readonly #updates: Counter<'result'>;
  readonly #updateTook: Histogram;
  readonly #lastTold: Gauge;

  /** @param check what is shown as it is when somebody asks. */
  constructor(check: FrontCheck) {
    this.#check = check;
    const registers = [this.#registry];
    const probe = ['gateway', 'kind'] as const;
    this.#took = new Histogram({
      name: `${PREFIX}probe_duration_seconds`,
      help: 'How long answers to probes took.',
      labelNames: probe,
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#probes = new Counter({
      name: `${PREFIX}probes_total`,
      help: 'Probes that ended, by result: answered, failed, discarded.',
      labelNames: [...probe, 'result'],
      registers,
    });
    this.#failures = new Counter({
      name: `${PREFIX}probe_failures_total`,
      help: 'Probes that failed, by reason.',
      labelNames: [...probe, 'reason'],
      registers,
    });
    this.#discards = new Counter({
      name: `${PREFIX}probes_discarded_total`,
      help: 'Probes that say nothing because of this host: late, local_fault.',
      labelNames: [...probe, 'reason'],
      registers,
    });
    this.#changes = new Counter({
      name: `${PREFIX}state_changes_total`,
      help: 'Changes of the state of a gateway, by the new one.',
      labelNames: [...probe, 'to'],
      registers,
    });
    this.#restarts = new Counter({
      name: `${PREFIX}gateway_restarts_total`,
      help: 'Changes of the start of a gateway.',
      labelNames: ['gateway'],
      registers,
    });
    for (const { name: gateway } of check.judges) this.#restarts.inc({ gateway }, 0);
    this.#updates = new Counter({
      name: `${PREFIX}updates_total`,
      help: 'Attempts to tell nginx: done (it was reloaded), write_failed, test_failed, reload_failed.',
      labelNames: ['result'],
      registers,
    });
    for (const result of APPLY_RESULTS) this.#updates.inc({ result }, 0);
    this.#updateTook = new Histogram({
      name: `${PREFIX}update_duration_seconds`,
      help: 'How long writing, testing and reloading took.',
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#lastTold = new Gauge({
      name: `${PREFIX}last_reload_timestamp_seconds`,
      help: 'When nginx was told last, in Unix time; 0: not yet.',
      registers,
    });
    this.#addGauges();
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  probed({ name: gateway }: FrontGateway, outcomes: RoundOutcomes): void {
    for (const [kind, outcome] of outcomes) {
      const { result } = outcome;
      this.#probes.inc({ gateway, kind, result });
      if (result === 'answered') this.#took.observe({ gateway, kind }, outcome.tookMs / 1000);
      else if (result === 'failed') this.#failures.inc({ gateway, kind, reason: outcome.reason });
      else this.#discards.inc({ gateway, kind, reason: outcome.reason });
    }
  }

  changed(event: CheckEvent): void {
    if (event.type === 'restarted') this.#restarts.inc({ gateway: event.gateway });
    if (event.type !== 'state') return;
    const { gateway, kind, to } = event;
    this.#changes.inc({ gateway, kind, to });
  }

  applied({ result, tookMs }: Applied): void {
    this.#updates.inc({ result });
    this.#updateTook.observe(tookMs / 1000);
    if (result === 'done') this.#lastTold.set(Date.now() / 1000);
  }

  /** What is read off when somebody asks. */
  #addGauges(): void {
    const check = this.#check;
    this.#gauge(
      'gateway_state',
      '1 for the state a gateway is in: up, draining, down.',
      STATE_LABELS,
      (gauge) => {
        for (const judge of check.judges) {
          for (const kind of judge.kinds) {
            for (const state of STATES) {
              gauge.set({ gateway: judge.name, kind, state }, judge.stateOf(kind) === state ? 1 : 0);
            }
          }
        }
      },
    );
    this.#gatewayGauge('gateway_load', 'How busy it says it is, 0 to 255.', ({ load }) => load);
    this.#gatewayGauge('gateway_draining', '1 when it says that it takes no sessions.', (judge) =>
      judge.isDraining ? 1 : 0,
    );
    this.#gatewayGauge('gateway_overloaded', '1 when its load was above max_load.', (judge) =>
      judge.isOverloaded ? 1 : 0,
    );
    this.#gatewayGauge(
      'gateway_start_time_seconds',
      'When it started, in Unix time.',
      ({ epochSeconds }) => epochSeconds,
    );
    this.#gauge('panic', '1 when no gateway of the kind is up.', ['kind'], (gauge) => {
      for (const kind of FRONT_KINDS) gauge.set({ kind }, check.isPanic(kind) ? 1 : 0);
    });
    this.#gauge('behind', '1 when nginx does not have what it should.', [], (gauge) => {
      gauge.set(check.isBehind ? 1 : 0);
    });
    this.#gauge('update_failures', 'Attempts to tell nginx that failed in a row.', [], (gauge) => {
      gauge.set(check.failures);
    });
    this.#gauge('info', 'Always 1.', ['version'], (gauge) => {
      gauge.set({ version: packageVersion() }, 1);
    });
  }

  #gatewayGauge(name: string, help: string, valueOf: (judge: GatewayJudge) => number | null): void {
    const check = this.#check;
    this.#gauge(name, help, ['gateway'], (gauge) => {
      for (const judge of check.judges) {
        const value = valueOf(judge);
        if (value !== null) gauge.set({ gateway: judge.name }, value);
      }
    });
  }

  #gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    collect: (gauge: Gauge<Label>) => void,
  ): void {
    const registers = [this.#registry];
    const gauge = new Gauge<Label>({
      name: `${PREFIX}${name}`,
      help,
      labelNames,
      registers,
      collect: () => {
        collect(gauge);
      },
    });
  }
}

const PREFIX = 'kcpgate_upstream_check_';
const STATES = ['up', 'draining', 'down'] as const;
const STATE_LABELS = ['gateway', 'kind', 'state'] as const;
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
