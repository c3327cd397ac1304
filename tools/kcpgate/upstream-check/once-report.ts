import { formatSocketAddress } from '../../../src/base/address.ts';
import { alignRows } from '../align-rows.ts';
import { FRONT_KINDS, type FrontGateway, type FrontKind } from '../nginx/include-files.ts';
import type { Applied } from './file-applier.ts';
import type { FrontCheck } from './front-check.ts';
import type { GatewayJudge, RoundOutcomes } from './gateway-judge.ts';
import type { ProbeOutcome } from './probe-outcome.ts';

/** What one look at all gateways found. */
export interface OnceReport {
  readonly check: FrontCheck;
  readonly gateways: readonly FrontGateway[];
  /** The last round of each. */
  readonly outcomes: ReadonlyMap<FrontGateway, RoundOutcomes>;
  /** `unchanged`: nginx has what it should. `would_change`: it does not, and was not told. */
  readonly files: Applied | 'unchanged' | 'would_change';
}

/** For people: a row for each gateway, then what became of the files. */
export function onceText(report: OnceReport): string {
  const rows = report.gateways.flatMap((gateway) => {
    const judge = judgeOf(report, gateway);
    return judge === undefined ? [] : [rowOf(gateway, judge, report.outcomes.get(gateway) ?? new Map())];
  });
  const panics = FRONT_KINDS.filter((kind) => report.check.isPanic(kind)).map(
    (kind) => `no gateway is up for ${kind}: nginx goes on as if some were`,
  );
  return [...alignRows([HEADER, ...rows], NUMERIC), '', ...panics, filesText(report.files), ''].join('\n');
}

/** For programs: one JSON object a line, `event` says what it is. */
export function onceJson(report: OnceReport): string {
  const gateways = report.gateways.map((gateway) => {
    const judge = judgeOf(report, gateway);
    const outcomes = report.outcomes.get(gateway);
    return {
      event: 'gateway',
      gateway: gateway.name,
      gatewayId: gateway.gatewayId,
      load: judge?.load ?? null,
      draining: judge?.isDraining ?? false,
      overloaded: judge?.isOverloaded ?? false,
      startedAt: startOf(judge),
      kinds: Object.fromEntries(
        FRONT_KINDS.flatMap((kind) => {
          const address = gateway[kind];
          if (address === null) return [];
          const state = judge?.stateOf(kind) ?? null;
          return [[kind, { address: formatSocketAddress(address), state, ...outcomes?.get(kind) }]];
        }),
      ),
    };
  });
  const { files, check } = report;
  const panic = FRONT_KINDS.filter((kind) => check.isPanic(kind));
  const change =
    typeof files === 'string' ? { result: files } : { result: files.result, detail: files.detail };
  return [...gateways, { event: 'files', panic, ...change }]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

const judgeOf = ({ check }: OnceReport, gateway: FrontGateway): GatewayJudge | undefined =>
  check.judges.find(({ name }) => name === gateway.name);

function startOf(judge: GatewayJudge | undefined): string | null {
  const seconds = judge?.epochSeconds ?? null;
  return seconds === null ? null : new Date(seconds * 1000).toISOString();
}

function rowOf(gateway: FrontGateway, judge: GatewayJudge, outcomes: RoundOutcomes): string[] {
  const { load, isDraining, isOverloaded } = judge;
  return [
    gateway.name,
    String(gateway.gatewayId),
    ...FRONT_KINDS.map((kind) => cellOf(judge, kind, outcomes.get(kind))),
    load === null ? '' : String(load),
    [...(isDraining ? ['takes no sessions'] : []), ...(isOverloaded ? ['too busy'] : [])].join(', '),
    startOf(judge) ?? '',
  ];
}

function cellOf(judge: GatewayJudge, kind: FrontKind, outcome: ProbeOutcome | undefined): string {
  const state = judge.stateOf(kind);
  if (state === undefined || outcome === undefined) return '-';
  if (outcome.result === 'answered') return `${state} ${outcome.tookMs.toFixed(1)}ms`;
  return `${state} (${outcome.reason}${outcome.detail === '' ? '' : `, ${outcome.detail}`})`;
}

function filesText(files: OnceReport['files']): string {
  if (files === 'unchanged') return 'nginx has what it should';
  if (files === 'would_change') return 'nginx has something else; nothing was written';
  return files.result === 'done' ? 'nginx was told' : `${files.result}: ${files.detail}`;
}

const HEADER = ['GATEWAY', 'ID', 'UDP', 'TCP', 'HTTP', 'LOAD', 'REMARKS', 'STARTED'];
const NUMERIC: ReadonlySet<number> = new Set([1, 5]);
