import type { CloseCode } from '../../base/close-code.ts';
import type { HandshakeCrypto } from '../../base/handshake-crypto.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import { createPacketCipher } from '../../crypto/create-packet-cipher.ts';
import { Endpoint, NODE_CLOCK, type SessionGroupConfig } from '../../endpoint/index.ts';
import type { Path, Session, SessionTracer } from '../../session/index.ts';
import type { ClientSessionConfig } from '../sdk/client-platform.ts';
import type { SessionDial, SessionEndpoint } from '../sdk/session-endpoint.ts';
import { clientSessions } from './client-sessions.ts';

/** An `Endpoint` that has one session, and a cipher of its own. */
export class NodeSessionEndpoint implements SessionEndpoint {
  readonly #sessions: SessionGroupConfig;
  readonly #cipher = createPacketCipher();
  readonly #endpoint: Endpoint;

  /** @param crypto of its handshakes. @param tracer looks into its session. */
  constructor(config: ClientSessionConfig, crypto: HandshakeCrypto, tracer?: SessionTracer) {
    const { kcp, logger } = config;
    this.#sessions = clientSessions(kcp, config);
    this.#endpoint = new Endpoint(
      {
        clock: NODE_CLOCK,
        logger,
        security: { crypto, cipher: this.#cipher },
        ...(tracer === undefined ? {} : { tracer }),
      },
      { login: { ...this.#sessions, maxHalfOpen: 1 } },
    );
    this.#endpoint.start();
  }

  attach(
    carrier: Carrier,
    { name, reliable }: { readonly name: string; readonly reliable: boolean },
  ): number {
    return this.#endpoint.attach(carrier, {
      ...this.#sessions,
      ...{ name, reliable, allowStock: false, closeWhenUnused: true },
    });
  }

  detach(port: number): Promise<void> {
    return this.#endpoint.detach(port);
  }

  dial(options: SessionDial): Session {
    return this.#endpoint.dial(options);
  }

  tryOpening(session: Session, port: number, slot: number): Path {
    return this.#endpoint.tryOpening(session, port, slot);
  }

  tryPath(session: Session, port: number, slot: number): Path {
    return this.#endpoint.tryPath(session, port, slot);
  }

  abandonPath(session: Session, path: Path): void {
    this.#endpoint.abandonPath(session, path);
  }

  gone(): Promise<void> {
    return this.#endpoint.gone();
  }

  async close(code?: CloseCode, reason?: string): Promise<void> {
    await this.#endpoint.close(code, reason);
    this.#cipher.close();
  }
}
