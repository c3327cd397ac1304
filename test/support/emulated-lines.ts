import type { LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { startTcpRelay, type TcpRelay } from '../../tools/kcpgate/relay/tcp-relay.ts';
import { startUdpRelay, type UdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';

/** Which way; the client is at the bottom. */
export type Direction = 'up' | 'down' | 'both';

/** What a line is like when nothing is wrong with it, each way. */
export interface LineWeather {
  readonly delayMs: number;
  /** UDP only. */
  readonly lossRate?: number;
}

/** A line to a gateway, through a relay that a test commands. */
export interface EmulatedLine {
  readonly transport: 'udp' | 'tcp';
  /** Where the gateway listens, and where the line begins. */
  readonly targetPort: number;
  readonly port: number;
  /** Nothing passes any more; on TCP what is sent waits. */
  blackHole(direction?: Direction): void;
  /** Other weather. */
  set(weather: LineWeather): void;
  /** As it was at first. */
  recover(): void;
  /** Ends the connections there are, if it is TCP. */
  cut(how: 'rst' | 'fin'): void;
  /** While true, new connections are reset, if it is TCP. */
  refuse(refuses: boolean): void;
  /** Bytes that were passed on or tried, there and back. */
  bytes(): number;
  close(): Promise<void>;
}

/** Starts a relay in front of a port of 127.0.0.1. */
export async function emulateLine(
  transport: 'udp' | 'tcp',
  targetPort: number,
  weather: LineWeather,
  seed: number,
): Promise<EmulatedLine> {
  const target = { address: '127.0.0.1', port: targetPort };
  if (transport === 'tcp')
    return tcpLine(await startTcpRelay({ target, ...bothWays(weather) }), targetPort, weather);
  const relay = await startUdpRelay({ target, seed, ...bothWays(weather), maxClients: 10_000 });
  return udpLine(relay, targetPort, weather);
}

const bothWays = <Link>(link: Link): { toTarget: Link; toClient: Link } => ({
  toTarget: link,
  toClient: link,
});

function udpLine(relay: UdpRelay, targetPort: number, weather: LineWeather): EmulatedLine {
  let current: Partial<LinkProfile> = weather;
  return {
    ...{ transport: 'udp', targetPort, port: relay.port },
    blackHole: (direction = 'both') => {
      const hole = { ...current, lossRate: 1 };
      relay.setLinks(direction === 'down' ? current : hole, direction === 'up' ? current : hole);
    },
    set: (changed) => relay.setLinks((current = changed), changed),
    recover: () => relay.setLinks((current = weather), weather),
    cut: () => undefined,
    refuse: () => undefined,
    bytes: () => relay.stats().toTarget.sentBytes + relay.stats().toClient.sentBytes,
    close: () => relay.close(),
  };
}

function tcpLine(relay: TcpRelay, targetPort: number, { delayMs }: LineWeather): EmulatedLine {
  let current = { delayMs };
  return {
    ...{ transport: 'tcp', targetPort, port: relay.port },
    blackHole: (direction = 'both') => {
      const hole = { ...current, isStalled: true };
      relay.setLinks(direction === 'down' ? current : hole, direction === 'up' ? current : hole);
    },
    set: (changed) => {
      current = { delayMs: changed.delayMs };
      relay.setLinks(current, current);
    },
    recover: () => {
      current = { delayMs };
      relay.setLinks(current, current);
    },
    cut: (how) => relay.cut(how),
    refuse: (refuses) => (relay.refuses = refuses),
    bytes: () => relay.stats().toTargetBytes + relay.stats().toClientBytes,
    close: () => relay.close(),
  };
}
