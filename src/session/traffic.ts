/** What a session sent and received on all its paths; only grows. */
export class Traffic {
  /** Bytes of datagrams, headers and tags included. */
  sentBytes = 0;
  receivedBytes = 0;
}
