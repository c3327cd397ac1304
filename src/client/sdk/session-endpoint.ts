import type { CloseCode } from '../../base/close-code.ts';
import type { Sink } from '../../base/sink.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import type { Path, Session, SessionCredentials, SessionObserver } from '../../session/index.ts';

/** How a client begins a session. */
export interface SessionDial {
  /** The port to begin on, and the slot of the gateway there. */
  readonly port: number;
  readonly slot: number;
  readonly credentials: SessionCredentials;
  /** Bytes as one stream (true) or messages. */
  readonly stream: boolean;
  /** How long the handshake may take, in ms. */
  readonly timeoutMs: number;
  readonly earlyData: boolean;
  readonly observer: SessionObserver;
  bind(session: Session): Sink;
}

/**
 * What drives the session of a client: the `Endpoint` in Node, a smaller one in a browser. Each carrier is a *port*; the
 * carrier of a port that no path uses any more is closed.
 */
export interface SessionEndpoint {
  /** Takes over a carrier. @param reliable what is sent there arrives, in order, while the connection lives. */
  attach(carrier: Carrier, port: { readonly name: string; readonly reliable: boolean }): number;
  detach(port: number): Promise<void>;
  dial(options: SessionDial): Session;
  /** While the handshake is under way: sends it on another path, too. The first that is answered becomes the path in use. */
  tryOpening(session: Session, port: number, slot: number): Path;
  /** Asks whether another path leads to the gateway. */
  tryPath(session: Session, port: number, slot: number): Path;
  abandonPath(session: Session, path: Path): void;
  /** Resolves when no session is left, not even one that lingers. */
  gone(): Promise<void>;
  /** Tells the gateway, destroys what is left, closes every carrier. Safe to call twice. */
  close(code?: CloseCode, reason?: string): Promise<void>;
}
