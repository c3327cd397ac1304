/**
 * Keeps one text for a client, from one run to the next: the last login with its secrets, and the best line. For one client
 * and one identity: two that run at the same time would end each other's sessions. What it throws is logged and harms nothing.
 */
export interface LoginStore {
  /** What was set last; undefined when there is nothing. */
  get(): string | undefined | Promise<string | undefined>;
  set(text: string): void | Promise<void>;
}
