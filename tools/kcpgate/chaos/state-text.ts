import { ageCell, bytesCell } from '../admin/cell.ts';
import { alignRows } from '../align-rows.ts';
import { droppedOf, type ChaosState, type RelayState } from './chaos.ts';
import type { LinkCounters } from '../relay/link-fates.ts';

/** What one line says of everything. @param before the state before, about a second older. */
export function statusText(state: ChaosState, before: ChaosState): string {
  const seconds = Math.max(0.001, (state.elapsedMs - before.elapsedMs) / 1000);
  const now = totalsOf(state);
  const then = totalsOf(before);
  const parts = [ageCell(state.elapsedMs)];
  if (state.relays.some(({ carrier }) => carrier === 'udp')) {
    parts.push(
      `${String(now.clients)} clients`,
      `up ${wayText(now.up, then.up, seconds)}`,
      `down ${wayText(now.down, then.down, seconds)}`,
      `${String(now.inFlight)} on their way`,
    );
  }
  if (state.relays.some(({ carrier }) => carrier === 'tcp')) {
    const rate = (now.streamBytes - then.streamBytes) / seconds;
    parts.push(`${String(now.connections)} connections`, `${bytesCell(Math.round(rate))}/s`);
  }
  if (state.nextStepMs !== null) {
    parts.push(`next step in ${ageCell(Math.max(0, state.nextStepMs - state.elapsedMs))}`);
  }
  return parts.join('  ');
}

/** What happened to everything, as tables. */
export function summaryText({ relays, seed, elapsedMs }: ChaosState): string {
  const ways = relays.flatMap((relay) => (relay.carrier === 'udp' ? wayRows(relay) : []));
  const streams = relays.flatMap((relay) => (relay.carrier === 'tcp' ? [streamRow(relay)] : []));
  const lines = [`${ageCell(elapsedMs)}, seed ${String(seed)}`];
  if (ways.length > 0) lines.push(...alignRows([UDP_HEADER, ...ways], NUMERIC_COLUMNS));
  if (streams.length > 0) lines.push(...alignRows([TCP_HEADER, ...streams], NUMERIC_COLUMNS));
  return `${lines.join('\n')}\n`;
}

/** A relay, where it leads and its weather, before anything happened. */
export function relayText({ carrier, listen, target, up, down }: RelayState): string {
  const weather = up === down ? `both ways: ${up}` : `up: ${up}; down: ${down}`;
  return `${carrier} ${listen} -> ${target}  ${weather}`;
}

function wayText(now: Counted, then: Counted, seconds: number): string {
  const datagrams = now.datagrams - then.datagrams;
  const dropped = datagrams === 0 ? 0 : ((now.dropped - then.dropped) / datagrams) * 100;
  const rate = bytesCell(Math.round((now.bytes - then.bytes) / seconds));
  return `${String(Math.round(datagrams / seconds))}/s ${rate}/s ${dropped.toFixed(1)} % dropped`;
}

interface Counted {
  datagrams: number;
  bytes: number;
  dropped: number;
}

interface Totals {
  readonly up: Counted;
  readonly down: Counted;
  clients: number;
  inFlight: number;
  connections: number;
  streamBytes: number;
}

function totalsOf({ relays }: ChaosState): Totals {
  const nothing = (): Counted => ({ datagrams: 0, bytes: 0, dropped: 0 });
  const totals: Totals = {
    ...{ up: nothing(), down: nothing(), clients: 0, inFlight: 0, connections: 0, streamBytes: 0 },
  };
  for (const relay of relays) {
    if (relay.carrier === 'udp') {
      add(totals.up, relay.stats.toTarget);
      add(totals.down, relay.stats.toClient);
      totals.clients += relay.stats.clients;
      totals.inFlight += relay.stats.inFlight;
    } else {
      totals.connections += relay.stats.connections;
      totals.streamBytes += relay.stats.toTargetBytes + relay.stats.toClientBytes;
    }
  }
  return totals;
}

function add(to: Counted, counters: LinkCounters): void {
  to.datagrams += counters.sent;
  to.bytes += counters.sentBytes;
  to.dropped += droppedOf(counters);
}

function wayRows({ listen, stats }: RelayState & { carrier: 'udp' }): string[][] {
  const { toTarget, toClient, overflowDrops, rebinds } = stats;
  const row = (way: string, counters: LinkCounters): string[] => [
    ...[`udp ${listen}`, way, counters.sent, counters.delivered, counters.lost, counters.queueDrops].map(
      String,
    ),
    ...[counters.mtuDrops, counters.blackHoleDrops, counters.reordered, counters.duplicated].map(String),
    String(counters.corrupted),
  ];
  return [
    [...row('up', toTarget), String(overflowDrops), String(rebinds)],
    [...row('down', toClient), '', ''],
  ];
}

function streamRow({ listen, stats }: RelayState & { carrier: 'tcp' }): string[] {
  const { accepted, refused, cut, toTargetBytes, toClientBytes } = stats;
  return [
    ...[`tcp ${listen}`, '', String(accepted), String(refused), String(cut)],
    ...[bytesCell(toTargetBytes), bytesCell(toClientBytes)],
  ];
}

const UDP_HEADER = [
  ...['RELAY', 'WAY', 'CAME', 'LEFT', 'LOSS', 'QUEUE', 'MTU', 'HOLE', 'LATE', 'TWICE', 'CORRUPT', 'OVERFLOW'],
  'REBINDS',
];
const TCP_HEADER = ['RELAY', '', 'ACCEPTED', 'REFUSED', 'CUT', 'UP', 'DOWN'];
const NUMERIC_COLUMNS: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
