import { isIP } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import type { LineConfig, LineTermsConfig, LineTransport, ServerConfig } from '../config/config.ts';
import type { Line } from './login-answer.ts';

/** A line, and whether sessions without seal may use it. */
export interface OfferedLine {
  readonly line: Line;
  /** It is confidential itself (wss, TLS), or the operator said so. */
  readonly allowsClear: boolean;
}

/** A listener that is a line, as it really listens. */
export interface LineListener {
  readonly transport: LineTransport;
  /** Whether a `tcp` line is TLS. */
  readonly tls: boolean;
  /** Where it is bound, with the real port. */
  readonly address: SocketAddress;
  /** What clients are told instead. */
  readonly publicAddress: ServerConfig | null;
  /** Path of the WebSocket; null for `udp` and `tcp`. */
  readonly path: string | null;
  readonly terms: LineTermsConfig;
  readonly allowsClear: boolean;
}

/** The gateway that the lines lead to. */
export interface LineOwner {
  readonly gatewayId: number;
  readonly region: string | null;
}

/** Lines that were written by hand, as clients are told. */
export function configuredLines(lines: readonly LineConfig[]): OfferedLine[] {
  return lines.map(
    ({ id, gatewayId, transport, tls, allowClear, host, port, path, region, priority, weight }) => ({
      line: {
        id,
        gatewayId,
        transport,
        ...(tls ? { tls } : {}),
        host,
        port,
        ...(path === null ? {} : { path }),
        ...(region === null ? {} : { region }),
        priority,
        weight,
      },
      allowsClear: allowClear || tls || transport === 'wss',
    }),
  );
}

/**
 * The lines of a gateway, from what it listens on. A listener that is bound to any address is reached by the same host as
 * the login was; one that does not speak the IP version of that host is left out.
 * @param requestHost host name or IP address, without brackets.
 */
export function deriveLines(
  listeners: readonly LineListener[],
  requestHost: string,
  owner: LineOwner,
): OfferedLine[] {
  return listeners.flatMap((listener) => {
    const place = placeOf(listener, requestHost);
    return place === undefined
      ? []
      : [{ line: lineOf(listener, place, owner), allowsClear: listener.allowsClear }];
  });
}

function placeOf({ publicAddress, address }: LineListener, requestHost: string): ServerConfig | undefined {
  if (publicAddress !== null) return publicAddress;
  const { address: bound, family, port } = address;
  if (bound !== '0.0.0.0' && bound !== '::') return { host: bound, port };
  // `::` takes both versions.
  return family === 4 && isIP(requestHost) === 6 ? undefined : { host: requestHost, port };
}

function lineOf(listener: LineListener, { host, port }: ServerConfig, owner: LineOwner): Line {
  const { transport, tls, path, terms } = listener;
  return {
    id: terms.id,
    gatewayId: owner.gatewayId,
    transport,
    ...(transport === 'tcp' && tls ? { tls: true } : {}),
    host,
    port,
    ...(path === null ? {} : { path }),
    ...(owner.region === null ? {} : { region: owner.region }),
    priority: terms.priority,
    weight: terms.weight,
  };
}
