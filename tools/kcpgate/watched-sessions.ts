import type { Client, ClientSession, ClientStatus } from '../../src/client/node/index.ts';
import { stateAfter, type LinkSample } from './link-status.ts';

/** The sessions of a client, and what each is doing. */
export class WatchedSessions {
  readonly #client: Client;
  readonly #watched = new Set<Watched>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Opens one. @param onStatus is told every status. @throws as `client.connect`. */
  async connect(signal: AbortSignal, onStatus: (status: ClientStatus) => void): Promise<ClientSession> {
    const watched: Watched = { session: undefined, state: 'connecting' };
    this.#watched.add(watched);
    try {
      watched.session = await this.#client.connect({
        signal,
        onStatus: (status) => {
          if (status.type === 'close') this.#watched.delete(watched);
          watched.state = stateAfter(status) ?? watched.state;
          onStatus(status);
        },
      });
      return watched.session;
    } catch (error) {
      // Where it could not even begin nothing is told of its end.
      this.#watched.delete(watched);
      throw error;
    }
  }

  samples(): LinkSample[] {
    return [...this.#watched].map(({ session, state }) => {
      const stats = session?.stats().connection;
      const kcp = stats?.kcp;
      const path = stats?.paths.find(({ active }) => active);
      return {
        line: stats?.line,
        state,
        // Datagrams alone give no round trips; what was asked of the path does.
        rttMs: kcp !== undefined && kcp.srttMs > 0 ? kcp.srttMs : (path?.rttMs ?? 0),
        segments: kcp?.segmentsSent ?? 0,
        repeats: (kcp?.timeoutRetransmits ?? 0) + (kcp?.fastRetransmits ?? 0),
      };
    });
  }
}

interface Watched {
  session: ClientSession | undefined;
  state: string;
}
