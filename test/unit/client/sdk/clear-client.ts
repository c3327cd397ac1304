import { NO_LOG, type Logger } from '../../../../src/base/logger.ts';
import type { Sink } from '../../../../src/base/sink.ts';
import { ClearEndpoint } from '../../../../src/client/sdk/clear-endpoint.ts';
import type { ClientSessionConfig } from '../../../../src/client/sdk/client-platform.ts';
import { createHandshakeCrypto } from '../../../../src/crypto/handshake-keys.ts';
import { resolveKcpConfig } from '../../../../src/kcp/index.ts';
import type { Path, Session, SessionCredentials, SessionObserver } from '../../../../src/session/index.ts';
import type { ConnectionLine } from '../../../simulation/connection-line.ts';
import { PERFECT_PIPE } from '../../../simulation/connection-pipe.ts';
import type { SimulatedClient } from '../../../simulation/multi-path-network.ts';
import { onLoginPair, type LoginPair, type LoginPairOptions } from '../../endpoint/login-pair.ts';
import { RecordingSink } from '../../session/session-pair.ts';

/** A client with a {@link ClearEndpoint} and lines to the gateway of a {@link LoginPair}. */
export class ClearClient implements SessionObserver {
  readonly endpoint: ClearEndpoint;
  credentials: SessionCredentials;
  /** Every connection it made. */
  readonly lines: ConnectionLine[] = [];
  readonly events: string[] = [];
  readonly pair: LoginPair;
  session!: Session;
  sink!: RecordingSink;
  /** Whether it dials again when its connection broke. */
  redials = true;
  #wanted: Path | undefined;
  readonly #host: SimulatedClient;

  constructor(
    pair: LoginPair,
    config: Partial<ClientSessionConfig> = {},
    credentials = pair.gateway.login({ seal: 'clear' }),
  ) {
    this.pair = pair;
    this.credentials = credentials;
    this.#host = pair.network.addClient();
    const logger: Logger = NO_LOG;
    this.endpoint = new ClearEndpoint(
      {
        clock: pair.loop,
        crypto: createHandshakeCrypto(),
        later: (run) => {
          setImmediate(run);
        },
      },
      {
        kcp: resolveKcpConfig({ conv: 0, mtu: 1372, sendWindow: 256, receiveWindow: 256 }),
        idleTimeoutMs: 30_000,
        keepAliveMs: 10_000,
        closeTimeoutMs: 2_000,
        maxMemoryBytes: 8 * 1024 * 1024,
        logger,
        ...config,
      },
    );
  }

  connect(delayMs = 10): ConnectionLine {
    const pipe = { ...PERFECT_PIPE, delayMs };
    const line = this.#host.connect(this.pair.tcp, { up: pipe, highWaterBytes: 16 * 1024 });
    this.lines.push(line);
    return line;
  }

  /** One more session, beside the one it has. */
  dialAnother(wrap?: (sink: RecordingSink) => Sink): void {
    this.credentials = this.pair.gateway.login({ seal: 'clear', conv: this.credentials.conv + 1 });
    this.dial(undefined, wrap);
  }

  /** Begins the session on a line of its own. */
  dial(line = this.connect(), wrap: (sink: RecordingSink) => Sink = (sink) => sink): ConnectionLine {
    const { port, slot } = this.attach(line);
    this.session = this.endpoint.dial({
      port,
      slot,
      credentials: this.credentials,
      stream: true,
      timeoutMs: 5_000,
      earlyData: false,
      observer: this,
      bind: (session) => wrap((this.sink = new RecordingSink(session))),
    });
    line.carrier.release(slot);
    return line;
  }

  /** Tries a line, and goes there when the gateway answered. */
  moveTo(line = this.connect()): Path {
    const { port, slot } = this.attach(line);
    this.#wanted = this.endpoint.tryPath(this.session, port, slot);
    line.carrier.release(slot);
    return this.#wanted;
  }

  attach({ carrier }: ConnectionLine): { port: number; slot: number } {
    const port = this.endpoint.attach(carrier, { name: 'line', reliable: true });
    return { port, slot: carrier.intern(carrier.remoteAddress) };
  }

  pathValidated(path: Path): void {
    this.events.push('validated');
    if (path === this.#wanted) this.session.moveTo(this.pair.loop.now(), path);
  }
  pathFailed(path: Path): void {
    this.events.push('failed');
    if (path === this.#wanted && this.session.path.isLost) this.#redial();
  }
  pathLost(): void {
    this.events.push('lost');
    this.#redial();
  }

  #redial(): void {
    if (this.redials && this.session.state === 'open') this.moveTo();
  }
}

/** A gateway that lets clear sessions in, and one client of it that did nothing yet. */
export function onClearClient(
  run: (client: ClearClient, pair: LoginPair) => void,
  options: LoginPairOptions = {},
  config: Partial<ClientSessionConfig> = {},
): void {
  onLoginPair({ port: { allowClear: true }, ...options }, (pair) => {
    run(new ClearClient(pair, config), pair);
  });
}
