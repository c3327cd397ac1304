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

  constructor(sendKey: number, receiveKey: number) {
    this.sendKey = sendKey;
    this.receiveKey = receiveKey;
  }

  /** One direction has used up what its key may seal: the session is to end with `rekey_required`. */
  get isSpent(): boolean {
    return this.nextPn >= MAX_PACKETS || this.replay.highest >= MAX_PACKETS;
  }
}

/** Datagrams one key seals at most. */
const MAX_PACKETS = 2 ** 40;
