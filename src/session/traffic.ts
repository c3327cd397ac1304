/** What a session sent and received on all its paths; only grows. */
export class Traffic {
  /** Bytes of datagrams, headers and tags included; copies are among them. */
  sentBytes = 0;
  receivedBytes = 0;
  /** Datagrams that were sent again on another path, and their bytes. */
  copiesSent = 0;
  copyBytesSent = 0;
  /** Copies that were due and were not sent: the budget, the path or the arena had no room. */
  copiesSkipped = 0;
  /** Datagrams that came as copies of others, and their bytes. */
  copiesReceived = 0;
  copyBytesReceived = 0;
}
