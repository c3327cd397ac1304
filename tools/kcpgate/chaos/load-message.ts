/** What the self-test tells the process that makes its load. */
export interface LoadOrder {
  readonly kind: 'load';
  /** Where the relay listens. */
  readonly port: number;
  /** Of each datagram. */
  readonly bytes: number;
  /** Datagrams on their way at a time. */
  readonly window: number;
  /** How long. */
  readonly ms: number;
}

/** What that process says. */
export type LoadReport =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'done'; readonly sent: number; readonly received: number };

export const isLoadOrder = (message: unknown): message is LoadOrder => kindOf(message) === 'load';

/** Whether a message is a report of this kind. */
export function isLoadReport<Kind extends LoadReport['kind']>(
  message: unknown,
  kind: Kind,
): message is LoadReport & { kind: Kind } {
  return kindOf(message) === kind;
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'kind' in message ? message.kind : undefined;
}
