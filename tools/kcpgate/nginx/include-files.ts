import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';

/**
 * How nginx treats a gateway. `up`: it gets new sessions and its own. `draining`: only its own. `down`: none; another gateway
 * answers for its sessions, so that their clients learn that they are gone.
 */
export type GatewayState = 'up' | 'draining' | 'down';

/** A gateway behind nginx; null where it has no such listener. */
export interface FrontGateway {
  /** Distinct among gateways; letters, digits, `_`, `.` and `-`. */
  readonly name: string;
  /** Top byte of the `conv` of its sessions. 0 to 255, distinct. */
  readonly gatewayId: number;
  readonly udp: SocketAddress | null;
  readonly tcp: SocketAddress | null;
  readonly http: SocketAddress | null;
  /** Share of new sessions. 1 or more. */
  readonly weight: number;
}

/** What is told apart: each has its pool and its owners. */
export const FRONT_KINDS = ['udp', 'tcp', 'http'] as const;
export type FrontKind = (typeof FRONT_KINDS)[number];

/** The gateways that have an address of one kind. */
export function gatewaysOf(gateways: readonly FrontGateway[], kind: FrontKind): readonly FrontGateway[] {
  return gateways.filter((gateway) => gateway[kind] !== null);
}

/** `kcpgate_udp_pool`: the upstream of new sessions. */
export function poolName(kind: FrontKind): string {
  return `kcpgate_${kind}_pool`;
}

/** `kcpgate_udp_1`: the upstream of the sessions of one gateway. */
export function ownerName(kind: FrontKind, gatewayId: number): string {
  return `kcpgate_${kind}_${String(gatewayId)}`;
}

/**
 * The files that change with the state of the gateways, by name: `pool-udp.inc` with servers and `owners-udp.inc` with lines of
 * a map, the same for `tcp` and `http`. A gateway that is not up stays in its pool as `down`, because the hash ring
 * must not change. A pool never is without a server: without one that is up, those that drain count as up; when all are
 * down, everything is written as up, because then the checks are more likely to be wrong than all gateways.
 * @param states by name; a gateway that is not there is up.
 * @param writtenBy stands in the first line of each file, a comment.
 */
export function renderIncludeFiles(
  gateways: readonly FrontGateway[],
  states: ReadonlyMap<string, GatewayState>,
  writtenBy: string,
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const kind of FRONT_KINDS) {
    const members = gatewaysOf(gateways, kind);
    const wanted = new Map(members.map(({ name }) => [name, states.get(name) ?? 'up']));
    const written = writtenStates(wanted);
    const head = headOf(writtenBy, wanted, written);
    const stateOf = ({ name }: FrontGateway): GatewayState => written.get(name) ?? 'up';
    const servers = members.map((gateway) => serverLine(gateway, kind, stateOf(gateway)));
    const owners = members.map((gateway) => ownerLine(gateway, kind, stateOf(gateway)));
    files.set(`pool-${kind}.inc`, [...head, ...servers, ''].join('\n'));
    files.set(`owners-${kind}.inc`, [...head, ...owners, ''].join('\n'));
  }
  return files;
}

/** The names of the files of {@link renderIncludeFiles}. */
export const INCLUDE_FILES: readonly string[] = FRONT_KINDS.flatMap((kind) => [
  `pool-${kind}.inc`,
  `owners-${kind}.inc`,
]);

/** The states that are written, so that one at least is up. */
function writtenStates(wanted: ReadonlyMap<string, GatewayState>): ReadonlyMap<string, GatewayState> {
  const states = [...wanted.values()];
  if (states.includes('up')) return wanted;
  const isReplaced = (state: GatewayState): boolean => state === 'draining' || !states.includes('draining');
  return new Map([...wanted].map(([name, state]) => [name, isReplaced(state) ? 'up' : state]));
}

function headOf(
  writtenBy: string,
  wanted: ReadonlyMap<string, GatewayState>,
  written: ReadonlyMap<string, GatewayState>,
): string[] {
  const lines = [`# Written by ${writtenBy}. Changes made by hand are lost.`];
  if (written !== wanted && wanted.size > 0) {
    const states = [...wanted].map(([name, state]) => `${name} ${state}`).join(', ');
    lines.push(`# No gateway is up (${states}); a pool cannot be empty, so these are written instead:`);
  }
  return lines;
}

function serverLine(gateway: FrontGateway, kind: FrontKind, state: GatewayState): string {
  const address = gateway[kind];
  const text = address === null ? '' : formatSocketAddress(address);
  const weight = gateway.weight === 1 ? '' : ` weight=${String(gateway.weight)}`;
  const down = state === 'up' ? '' : ' down';
  return `server ${text}${weight} ${FAILURES[kind]}${down}; # ${gateway.name}`;
}

function ownerLine({ gatewayId, name }: FrontGateway, kind: FrontKind, state: GatewayState): string {
  const upstream = state === 'down' ? poolName(kind) : ownerName(kind, gatewayId);
  return `${String(gatewayId)} ${upstream}; # ${name}`;
}

/** What nginx concludes by itself: from datagrams and connections nothing, the checker knows better; requests go on at once. */
const FAILURES: Readonly<Record<FrontKind, string>> = {
  udp: 'max_fails=0',
  tcp: 'max_fails=0',
  http: 'max_fails=1 fail_timeout=2s',
};
