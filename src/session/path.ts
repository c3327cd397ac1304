import type { SocketAddress } from '../base/address.ts';
import { NEVER } from '../base/clock.ts';
import type { PathChallenge } from './path-challenge.ts';
import type { SessionTrace } from './session-trace.ts';
import { Traffic } from './traffic.ts';

/**
 * One way to the peer: a carrier of the host and, on it, an address or a connection.
 *
 * An address that nobody proved yet is *not validated*: towards it a gateway sends at most three times what came from it,
 * so that whoever forges a source address gains nothing (RFC 9000, section 8).
 */
export class Path {
  /** The host's number of the carrier. */
  readonly port: number;
  /** Address slot on that carrier. */
  readonly slot: number;
  /** A connection: what is sent arrives, in order, as long as it lives. */
  readonly reliable: boolean;
  /** Its number in sealed datagrams, 0 to 255; the client's to give. */
  id: number;
  isValidated: boolean;
  /** Its connection broke: what is sent here goes nowhere. */
  isLost = false;
  /** Its carrier has enough queued for it: nothing is written until there is room. */
  isFull = false;
  /** Client: datagrams carry an address block, until the gateway was heard here. */
  isAnnouncing: boolean;
  /** Client: HELLO goes out here until it is answered somewhere; and the next one is due. */
  isCandidate = false;
  isHelloDue = false;
  /** The last round trip of a challenge in ms; -1 before the first. */
  rttMs = -1;
  /** Where its session counts what goes here. */
  traffic = NO_TRAFFIC;
  /** Told of what goes out here. */
  trace: SessionTrace | undefined = undefined;
  /** Bytes that came from here and went here; only counted while it is not validated. */
  receivedBytes = 0;
  sentBytes = 0;
  /** What a trusted proxy said is the client's address, in the address block of a datagram from here. */
  clientAddress: SocketAddress | undefined;
  /** Its session has it: it was not given up. */
  isKept = true;
  /** What is sent on the path in use is sent here, too: it does not give way to others. */
  isCopied = false;
  /** Asked and not answered. */
  challenge: PathChallenge | undefined;
  /** The peer's challenge, to be returned: its 8 bytes and its time stamp. */
  answer: Uint8Array | undefined;
  answerTimestamp = 0;
  /** When the host may forget it, although it is not the one in use; NEVER while that is open. */
  retireAt = NEVER;

  constructor(port: number, slot: number, reliable: boolean, id: number, state: PathBeginning) {
    this.port = port;
    this.slot = slot;
    this.reliable = reliable;
    this.id = id;
    this.isValidated = state.validated;
    this.isAnnouncing = state.announcing;
  }

  /** What has time may be sent here: it is validated, lives and has room. */
  get isReady(): boolean {
    return this.isValidated && !this.isLost && !this.isFull;
  }

  /** Bytes that may be sent here now; no limit for a validated path. */
  get budget(): number {
    if (this.isValidated) return NEVER;
    return Math.max(0, AMPLIFICATION * this.receivedBytes - this.sentBytes);
  }
}

/** How a {@link Path} begins. */
export interface PathBeginning {
  readonly validated: boolean;
  readonly announcing: boolean;
}

/** Of paths that belong to no session yet. */
const NO_TRAFFIC = new Traffic();
/** Bytes sent for each byte that came from an address nobody proved. */
const AMPLIFICATION = 3;
