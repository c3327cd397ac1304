import type { KcpEngine } from '../kcp/index.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Liveness } from './liveness.ts';
import type { SessionConfig } from './session-config.ts';
import type { PathHost, SessionPaths } from './session-paths.ts';

/** What the parts of a session work on together, each by the methods of its owner; and how they ask for a turn. */
export class SessionCore<S = unknown> {
  readonly config: SessionConfig;
  /** It logged in: it may have several paths, and its peer knows every command. */
  readonly loggedIn: boolean;
  readonly host: CoreHost<S>;
  readonly engine: KcpEngine;
  readonly paths: SessionPaths;
  readonly life: Lifecycle;
  readonly liveness: Liveness;
  private readonly session: S;
  private wakePending = false;

  constructor(session: S, { config, loggedIn, host, engine, paths, life, liveness }: CoreParts<S>) {
    this.session = session;
    this.config = config;
    this.loggedIn = loggedIn;
    this.host = host;
    this.engine = engine;
    this.paths = paths;
    this.life = life;
    this.liveness = liveness;
  }

  get conv(): number {
    return this.config.kcp.conv;
  }

  /** Asks the host for a turn; once, until it comes. */
  wake(): void {
    if (this.wakePending || this.life.isGone) return;
    this.wakePending = true;
    this.host.wake(this.session);
  }

  /** The turn came. */
  awake(): void {
    this.wakePending = false;
  }
}

/** Whoever drives the session. */
interface CoreHost<S> extends PathHost {
  wake(session: S): void;
}

interface CoreParts<S> {
  readonly config: SessionConfig;
  readonly loggedIn: boolean;
  readonly host: CoreHost<S>;
  readonly engine: KcpEngine;
  readonly paths: SessionPaths;
  readonly life: Lifecycle;
  readonly liveness: Liveness;
}
