/**
 * What the peer said of its end by FIN, and the FIN_ACK it is owed. The first FIN of a direction fixes its final `sn`; one
 * with a code other than 0 ends the whole session.
 */
export class PeerEnd {
  /** The peer's direction has an end. */
  isKnown = false;
  /** First `sn` that will never come. */
  finalSn = 0;
  /** The end was reported to the application. */
  isDelivered = false;
  /** The close code that ends the whole session; 0 while none came. */
  closeCode = 0;
  /** The FIN with that code came before all data below its final `sn`: the peer gave up. */
  isTruncated = false;
  private ackWanted = false;
  private ackSn = 0;
  private ackCode = 0;

  /** A FIN_ACK is to be sent. */
  get isAckDue(): boolean {
    return this.ackWanted;
  }
  /** What it returns. */
  get ackSequence(): number {
    return this.ackSn;
  }
  get ackFinCode(): number {
    return this.ackCode;
  }

  /**
   * Takes a FIN.
   * @param mayEnd whether `finalSn` is a possible end: not before what arrived, not beyond what may still arrive.
   * @param isComplete whether everything below `finalSn` has arrived.
   * @returns whether it was the first one to say where the direction ends.
   */
  handleFin(finalSn: number, code: number, mayEnd: boolean, isComplete: boolean): boolean {
    const isFirst = !this.isKnown && mayEnd;
    if (isFirst) {
      this.isKnown = true;
      this.finalSn = finalSn;
    }
    if (code !== 0) {
      this.closeCode = code;
      this.isTruncated = !isComplete;
    } else if (!this.isKnown) {
      return false;
    }
    // One answer a turn; that to the goodbye goes first.
    if (this.ackWanted && this.ackCode !== 0) return isFirst;
    this.ackWanted = true;
    this.ackSn = finalSn;
    this.ackCode = code;
    return isFirst;
  }

  ackSent(): void {
    this.ackWanted = false;
  }
}
