import type { DrainNotice } from './drain-notice.ts';
import type { Path } from './path.ts';

/** What a session tells of its paths, from within its turns. A client decides by it where to go. */
export interface SessionObserver {
  /** The peer answered on a path that was tried. */
  pathValidated?(path: Path): void;
  /** The peer answered on the path in use, which was asked by {@link Session.checkPath} or because it was quiet. */
  pathChecked?(path: Path, rttMs: number): void;
  /** Nobody answered on a path that was tried; it is given up unless it is the one in use. */
  pathFailed?(path: Path): void;
  /** The connection of the path in use broke. */
  pathLost?(path: Path): void;
  /** The session uses another path. */
  moved?(from: Path, to: Path): void;
  /** Client: the gateway asks to go elsewhere. */
  draining?(notice: DrainNotice): void;
}
