import { createHash } from 'node:crypto';

/** A datagram that somebody who holds the keys has made. */
export interface AuthenticDatagram {
  readonly conv: number;
  /** Which handshake of the conversation its keys come from. */
  readonly epoch: number;
  /** -1 for a HELLO: those have numbers of their own. */
  readonly pn: number;
  /** It says that the same went another way, too. */
  readonly isCopy: boolean;
  accepted: boolean;
}

/**
 * Knows every datagram that was made with the keys of a session, so that it can tell what an endpoint may believe. It reads
 * datagrams by itself.
 */
export class LoginOracle {
  readonly #authentic = new Map<string, AuthenticDatagram>();
  readonly #highest = new Map<string, number>();

  /** Somebody with the keys has sent it. */
  note(datagram: Uint8Array, epoch: number): void {
    const key = coreOf(datagram);
    if (key === undefined || this.#authentic.has(key)) return;
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const isHello = datagram[4]! >= 0xb0;
    const pn = view.getUint32(6, true) + view.getUint16(10, true) * 2 ** 32;
    this.#authentic.set(key, {
      conv: view.getUint32(0, true),
      epoch,
      pn: isHello ? -1 : pn,
      isCopy: !isHello && (datagram[4]! & 0x08) !== 0,
      accepted: false,
    });
  }

  /** What is known of it; undefined when nobody who could has made it, whatever its address block says. */
  find(datagram: Uint8Array): AuthenticDatagram | undefined {
    const key = coreOf(datagram);
    return key === undefined ? undefined : this.#authentic.get(key);
  }

  /** The endpoint took it. @returns whether it is the newest of its session so far. */
  accept(known: AuthenticDatagram): boolean {
    known.accepted = true;
    const key = `${String(known.conv)} ${String(known.epoch)}`;
    // A copy tells nothing of where its client is.
    const isNewest = !known.isCopy && known.pn > (this.#highest.get(key) ?? -1);
    if (isNewest) this.#highest.set(key, known.pn);
    return isNewest;
  }
}

/** A sealed datagram or HELLO without its address block, which nobody answers for; undefined when it is neither. */
function coreOf(datagram: Uint8Array): string | undefined {
  if (datagram.length < 28) return undefined;
  const kind = datagram[4]!;
  const hasBlock = (kind & 4) !== 0;
  let blockAt = 12;
  if (kind === 0xb0 || kind === 0xb4) blockAt = 30 + datagram[28]! + 256 * datagram[29]!;
  else if ((kind & ~0x0c) !== 0xa0) return undefined;
  const hash = createHash('sha1').update(datagram.subarray(0, blockAt));
  return hash.update(datagram.subarray(hasBlock ? blockAt + 20 : blockAt)).digest('base64');
}
