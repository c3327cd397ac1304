import {
  FRONT_KINDS,
  ownerName,
  poolName,
  renderIncludeFiles,
  type FrontGateway,
  type FrontKind,
  type GatewayState,
} from '../nginx/include-files.ts';

/** The states of all gateways by kind, then by name. */
export type FrontStates = ReadonlyMap<FrontKind, ReadonlyMap<string, GatewayState>>;

/** The include files for states that may differ by kind. @param writtenBy as of `renderIncludeFiles`. */
export function filesFor(
  gateways: readonly FrontGateway[],
  states: FrontStates,
  writtenBy: string,
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const kind of FRONT_KINDS) {
    const rendered = renderIncludeFiles(gateways, states.get(kind) ?? new Map(), writtenBy);
    for (const name of [`pool-${kind}.inc`, `owners-${kind}.inc`]) files.set(name, rendered.get(name) ?? '');
  }
  return files;
}

/** Whether nginx understands the same by both: comments do not count, nor do blanks at the end of a line. */
export function isSameFiles(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, text]) => bodyOf(text) === bodyOf(b.get(name)));
}

function bodyOf(text: string | undefined): string | undefined {
  return text
    ?.split('\n')
    .map((line) => line.replace(/#.*$/, '').trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

/**
 * The state of a gateway by include files, as far as they tell: `up` when they do not know it.
 * @param files by name, as they are on disk.
 */
export function stateIn(
  files: ReadonlyMap<string, string>,
  gateway: FrontGateway,
  kind: FrontKind,
): GatewayState {
  const owners = bodyOf(files.get(`owners-${kind}.inc`))?.split('\n') ?? [];
  if (owners.includes(`${String(gateway.gatewayId)} ${poolName(kind)};`)) return 'down';
  const isOwner = owners.includes(`${String(gateway.gatewayId)} ${ownerName(kind, gateway.gatewayId)};`);
  const server = files
    .get(`pool-${kind}.inc`)
    ?.split('\n')
    .find((line) => line.endsWith(`# ${gateway.name}`));
  return isOwner && server?.includes(' down;') === true ? 'draining' : 'up';
}
