import type { ClientHandshake } from './client-handshake.ts';
import type { Path } from './path.ts';
import type { Seal } from './seal.ts';

/** What a session begins with, beside its configuration. */
export interface SessionBeginning {
  /** Where its first datagram came from, or goes to. */
  readonly path: Path;
  /** Of a session whose handshake is done; clear sessions have none. */
  readonly seal?: Seal | undefined;
  /** Client: the handshake to begin with. */
  readonly handshake?: ClientHandshake | undefined;
  /** It logged in: it may have several paths, and its peer knows every command. */
  readonly loggedIn?: boolean;
}
