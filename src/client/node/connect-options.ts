import type { Logger } from '../../base/logger.ts';
import type { TlsClientOptions } from '../../carrier/node/tls-client.ts';
import type { LineChoice } from '../choose-line.ts';
import type { LoginAnswer } from '../login-answer.ts';
import type { ClientSessionOptions } from './client-sessions.ts';
import type { LoginOptions } from './login.ts';

/** What {@link connect} takes beside the login. */
export interface SessionOptions extends ClientSessionOptions, Pick<LoginOptions, 'seal' | 'signal'> {
  /** The line to begin on: its id, its transport, or what it must be like. Default: the first that can be used. */
  readonly line?: LineChoice;
  /** true: bytes are one stream. false: each send is one message. It must suit what the gateway leads to. Default false. */
  readonly stream?: boolean;
  /** How long connecting may take after the login, in ms: name, carrier and handshake. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Goes out within the first datagram of the handshake, as far as it fits there, some 1,000 bytes. Whoever records that
   * datagram can send it again: only for what may be done twice. The gateway hands it on when the handshake is done. It arrives
   * in any case, only later where the gateway takes no early data. Default: nothing.
   */
  readonly earlyData?: Uint8Array;
  /** Whether a broken TCP or WebSocket connection is made again, until the idle timeout ends the session. Default true. */
  readonly redial?: boolean;
  /** How servers of TLS lines are checked. Default: as Node does it. */
  readonly tls?: TlsClientOptions;
  /** Bytes held towards the gateway, sent or not; beyond it `send` takes no more. Default 4 MiB. */
  readonly maxQueueBytes?: number;
  /** Kernel buffers of UDP sockets in bytes. Default 4 MiB; the kernel may give less. */
  readonly socketBufferBytes?: number;
  /** Where to log. Default: nowhere. */
  readonly logger?: Logger;
}

/** How to come by what opens a session: log in, or use what a former login gave while its tickets hold. */
export type ConnectLogin =
  (LoginOptions & { readonly credentials?: never }) | { readonly credentials: LoginAnswer };

/** What {@link connect} takes. */
export type ConnectOptions = SessionOptions & ConnectLogin;
