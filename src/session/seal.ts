import { ReplayWindow } from './replay-window.ts';

/**
 * What protects the datagrams of one session: a key for each direction, as slots of the `PacketCipher`, the packet number
 * to use next, and those that were seen.
 */
export class Seal {
  readonly sendKey: number;
  readonly receiveKey: number;
  readonly replay = new ReplayWindow();
  /** The number of the next datagram sealed; never used twice. */
  nextPn = 0;
  /** The highest number that came and was no copy; -1 before the first. */
  newest = -1;

  constructor(sendKey: number, receiveKey: number) {
    this.sendKey = sendKey;
    this.receiveKey = receiveKey;
  }

  /**
   * Takes the number of an authentic datagram that is no copy: those may be far ahead on their paths and tell nothing of where
   * the peer is.
   * @returns whether it is the highest so far.
   */
  isNewest(pn: number): boolean {
    if (pn <= this.newest) return false;
    this.newest = pn;
    return true;
  }

  /** One direction has used up what its key may seal: the session is to end with `rekey_required`. */
  get isSpent(): boolean {
    return this.nextPn >= MAX_PACKETS || this.replay.highest >= MAX_PACKETS;
  }
}

/** Datagrams one key seals at most. */
const MAX_PACKETS = 2 ** 40;
