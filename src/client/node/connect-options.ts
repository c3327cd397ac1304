import type { LoginAnswer } from '../login-answer.ts';
import type { SessionOptions as SharedSessionOptions } from '../sdk/session-options.ts';
import type { LoginOptions } from '../sdk/login.ts';
import type { NodePlatformOptions } from './node-platform.ts';

/** What {@link connect} takes beside the login. */
export interface SessionOptions extends SharedSessionOptions, Omit<NodePlatformOptions, 'fetch'> {}

/** How to come by what opens a session: log in, or use what a former login gave while its tickets hold. */
export type ConnectLogin =
  (LoginOptions & { readonly credentials?: never }) | { readonly credentials: LoginAnswer };

/** What {@link connect} takes. */
export type ConnectOptions = SessionOptions & ConnectLogin;
