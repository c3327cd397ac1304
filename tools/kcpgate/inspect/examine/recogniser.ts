import { datagramKind, MIN_DATAGRAM_BYTES } from '../../../../src/wire/datagram-kind.ts';
import {
  FEC_DATA_HEADER_BYTES,
  FecType,
  fecPayloadLength,
  fecSequenceOf,
  fecSizeOf,
  fecTypeOf,
} from '../../../../src/wire/fec-header.ts';
import { HandshakeKind, handshakeKindOf, readHello, readHelloAck } from '../../../../src/wire/hello.ts';
import { type WireMemory, wireMemory } from '../../../../src/wire/memory.ts';
import { ProxyHeader, parseProxyHeader } from '../../../../src/wire/proxy-header.ts';
import { sealedTextLength } from '../../../../src/wire/sealed-header.ts';
import { conversationOf } from '../../../../src/wire/segment.ts';
import { SPP_BYTES } from '../../../../src/wire/spp.ts';
import type { ExaminedDatagram } from '../examined.ts';
import type { FoundDatagram } from '../found-datagram.ts';
import type { ExaminerOptions } from './examiner-options.ts';
import type { FlowState } from './flow-state.ts';
import { KcpGoCrypt, type OpenedPacket } from './kcp-go-crypt.ts';
import { looksClear } from './looks-clear.ts';

/** Whether sealed datagrams of a conv are expected. */
export type KnowsSealed = (conv: number) => boolean;

/**
 * Tells what a datagram is. Byte 4 alone decides little, as encrypted datagrams look random: lengths have to fit as well, a
 * checksum has to be right, or others of the flow have to have been of that kind.
 */
export class Recogniser {
  /** Header in front of the datagram recognised last, when it has {@link ExaminedDatagram.proxyBytes}. */
  readonly header = new ProxyHeader();
  /** Whether that one was a packet of kcp-go's FEC, and which. */
  isFec = false;
  fecType = 0;
  fecSequence = 0;
  /** Whether the header in front was SPP. */
  isSpp = false;
  /** Name of the encryption that was opened last. */
  crypt = '';

  readonly #proxy: ExaminerOptions['proxy'];
  readonly #given: KcpGoCrypt | null;
  /** `none` needs no key, so it is recognised always. */
  readonly #none = new KcpGoCrypt({ crypt: 'none', key: new Uint8Array(0) });
  #openedMemory: WireMemory = wireMemory(new Uint8Array(0));

  constructor({ proxy = 'auto', kcpGo }: ExaminerOptions) {
    this.#proxy = proxy;
    this.#given = kcpGo === undefined || kcpGo.crypt === 'none' ? null : new KcpGoCrypt(kcpGo);
  }

  /** Fills in kind, headers and what is clear. */
  recognise(
    found: FoundDatagram,
    memory: WireMemory,
    flow: FlowState,
    knowsSealed: KnowsSealed,
    into: ExaminedDatagram,
  ): void {
    this.isFec = false;
    const length = this.#skipHeader(found, memory, into);
    const at = found.offset + into.proxyBytes;
    if (length === 0) {
      into.kind = into.proxyBytes > 0 ? 'proxy_header' : 'empty';
      return;
    }
    if (length >= MIN_DATAGRAM_BYTES && this.#recognisePlain(found, memory, at, length, flow, into)) return;
    if (found.missingBytes === 0 && this.#open(memory, at, length, into)) return;
    this.#recogniseRest(memory, at, length, flow, knowsSealed, into);
  }

  /** Reads the PROXY header at the beginning of a connection. */
  readStreamHeader({ offset, length }: FoundDatagram, memory: WireMemory): void {
    this.isFec = false;
    this.isSpp = false;
    parseProxyHeader(memory, offset, length, 'proxy', this.header);
  }

  /** @returns bytes behind a PROXY or SPP header. */
  #skipHeader(found: FoundDatagram, memory: WireMemory, into: ExaminedDatagram): number {
    const { offset, length } = found;
    if (this.#proxy === 'off' || found.flow.carrier !== 'udp' || length === 0) return length;
    const first = memory.bytes[offset];
    const mode = first === SPP_BEGIN ? 'spp' : 'proxy';
    if (this.#proxy === 'auto' || this.#proxy === undefined) {
      if (first !== SPP_BEGIN && first !== V1_BEGIN && first !== V2_BEGIN) return length;
      if (mode === 'spp' && !this.#isLikelySpp(memory, found)) return length;
    } else if (mode !== this.#proxy) {
      return length;
    }
    if (parseProxyHeader(memory, offset, length, mode, this.header) !== 'ok') return length;
    this.isSpp = mode === 'spp';
    into.proxyBytes = this.header.length;
    return length - this.header.length;
  }

  /** Two bytes are little: what follows has to be a datagram, and it must not be one as it stands. */
  #isLikelySpp({ view }: WireMemory, { offset, length, missingBytes }: FoundDatagram): boolean {
    if (length < SPP_BYTES) return false;
    const end = offset + length;
    if (looksClear(view, offset, end, missingBytes)) return false;
    if (length === SPP_BYTES) return true;
    const kind = datagramKind(view, offset + SPP_BYTES, length - SPP_BYTES);
    if (kind === 'clear') return looksClear(view, offset + SPP_BYTES, end, missingBytes);
    return kind === 'sealed' || kind === 'handshake' || kind === 'fec';
  }

  /** What its own bytes prove. */
  #recognisePlain(
    found: FoundDatagram,
    memory: WireMemory,
    at: number,
    length: number,
    flow: FlowState,
    into: ExaminedDatagram,
  ): boolean {
    const { view } = memory;
    switch (datagramKind(view, at, length)) {
      case 'clear':
        if (!looksClear(view, at, at + length, found.missingBytes)) return false;
        if (mayHideFec(found, view, at, length) && this.#open(memory, at, length, into)) return true;
        this.#setClear(into, 'clear', memory.bytes, at, length);
        return true;
      case 'handshake':
        // Two bytes make an answer; of what is encrypted one in 32,768 packets has them.
        if (found.missingBytes === 0 && this.#open(memory, at, length, into)) return true;
        if (isNoise(flow)) return false;
        return recogniseHandshake(view, at, length, memory.bytes, into);
      case 'fec':
        if (!this.#readFec(memory, at, length, found.missingBytes, flow, into)) return false;
        into.kind = 'fec';
        return true;
      default:
        return false;
    }
  }

  /** What kcp-go encrypted: a checksum tells. */
  #open(memory: WireMemory, at: number, length: number, into: ExaminedDatagram): boolean {
    const opened =
      this.#none.open(memory.bytes, at, length) ?? this.#given?.open(memory.bytes, at, length) ?? null;
    if (opened === null) return false;
    if (!this.#readOpened(opened, into)) return false;
    into.kind = 'kcp_go_crypt';
    this.crypt = opened.crypt;
    return true;
  }

  #readOpened({ bytes, at, length, headerBytes }: OpenedPacket, into: ExaminedDatagram): boolean {
    if (this.#openedMemory.bytes !== bytes) this.#openedMemory = wireMemory(bytes);
    const memory = this.#openedMemory;
    into.foreignHeaderBytes = headerBytes;
    if (looksClear(memory.view, at, at + length, 0)) {
      this.#setClear(into, 'kcp_go_crypt', bytes, at, length);
    } else if (
      datagramKind(memory.view, at, length) !== 'fec' ||
      !this.#readFec(memory, at, length, 0, null, into)
    ) {
      // Authentic, but not what is known: there is nothing to read in it.
      this.#setClear(into, 'kcp_go_crypt', bytes, at, 0);
    }
    return true;
  }

  /** Only its flow tells what the rest may be. */
  #recogniseRest(
    { bytes, view }: WireMemory,
    at: number,
    length: number,
    flow: FlowState,
    knowsSealed: KnowsSealed,
    into: ExaminedDatagram,
  ): void {
    into.kind = 'opaque';
    into.foreignHeaderBytes = 0;
    const kind = datagramKind(view, at, length);
    if (kind === 'sealed') {
      const conv = conversationOf(view, at);
      if (!knowsSealed(conv) && (flow.kinds.opaque > flow.kinds.sealed || conv === 0)) return;
      into.kind = 'sealed';
      into.conv = conv;
      into.sealedBecause = sealedTextLength(view, at, length) < 0 ? 'cut_off' : 'no_key';
    } else if (kind === 'clear' && flow.links.has(conversationOf(view, at))) {
      // A session's own conv: it is damaged. Its segments up to the damage are read.
      this.#setClear(into, 'clear', bytes, at, length);
    }
  }

  /** Reads an FEC header and shows what is inside. @param flow null when a checksum has proved the bytes. */
  #readFec(
    memory: WireMemory,
    at: number,
    length: number,
    missingBytes: number,
    flow: FlowState | null,
    into: ExaminedDatagram,
  ): boolean {
    const { bytes, view } = memory;
    const type = fecTypeOf(view, at);
    if (type === FecType.parity) {
      if (flow !== null && flow.kinds.fec === 0) return false;
      this.#setFec(view, at, type, into);
      this.#setClear(into, into.kind, bytes, at + FEC_DATA_HEADER_BYTES, 0);
      into.conv = -1;
      return true;
    }
    const end = at + length;
    const whole = fecPayloadLength(view, at, end);
    const payload = whole < 0 && missingBytes > 0 ? length - FEC_DATA_HEADER_BYTES : whole;
    if (payload < 0 || fecSizeOf(view, at) - 2 > payload + missingBytes) return false;
    const insideAt = at + FEC_DATA_HEADER_BYTES;
    const isReadable = type === FecType.data && looksClear(view, insideAt, insideAt + payload, missingBytes);
    if (!isReadable && flow !== null && (type === FecType.data || flow.kinds.fec === 0)) return false;
    this.#setFec(view, at, type, into);
    this.#setClear(into, into.kind, bytes, insideAt, isReadable ? payload : 0);
    if (type === FecType.outOfBand && payload >= 4) into.conv = conversationOf(view, insideAt);
    return true;
  }

  #setFec(view: DataView, at: number, type: number, into: ExaminedDatagram): void {
    this.isFec = true;
    this.fecType = type;
    this.fecSequence = fecSequenceOf(view, at);
    into.foreignHeaderBytes += FEC_DATA_HEADER_BYTES;
  }

  #setClear(
    into: ExaminedDatagram,
    kind: ExaminedDatagram['kind'],
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void {
    into.kind = kind;
    into.clear = bytes;
    into.clearAt = at;
    into.clearLength = length;
  }
}

/** Whether nothing on a flow could be read so far, and there was enough of it. */
const isNoise = ({ kinds }: FlowState): boolean =>
  kinds.opaque > NOISE_DATAGRAMS && kinds.clear + kinds.sealed + kinds.handshake === 0;

/** The number of an FEC packet behind a header of kcp-go is small, and stands where a segment has its length. */
function mayHideFec({ missingBytes }: FoundDatagram, view: DataView, at: number, length: number): boolean {
  const inside = length - KCP_GO_HEADER_BYTES;
  return missingBytes === 0 && datagramKind(view, at + KCP_GO_HEADER_BYTES, inside) === 'fec';
}

function recogniseHandshake(
  view: DataView,
  at: number,
  length: number,
  bytes: Uint8Array,
  into: ExaminedDatagram,
): boolean {
  const kind = handshakeKindOf(view, at);
  const isHello = kind === HandshakeKind.hello || kind === HandshakeKind.helloClear;
  const read = isHello ? readHello(view, at, length) : readHelloAck(view, at, length);
  // A HELLO of which the capture kept too little is one all the same.
  if (typeof read === 'string' && read !== 'hello_truncated') return false;
  into.kind = 'handshake';
  into.conv = conversationOf(view, at);
  if (typeof read === 'string') {
    into.sealedBecause = 'cut_off';
  } else if (kind === HandshakeKind.helloClear || kind === HandshakeKind.helloClearAck) {
    into.clear = bytes;
    into.clearAt = read.bodyAt;
    into.clearLength = read.bodyLength;
  } else {
    into.sealedBecause = 'no_key';
  }
  return true;
}

const NOISE_DATAGRAMS = 8;
/** Random number and checksum. */
const KCP_GO_HEADER_BYTES = 20;
/** First bytes of SPP, PROXY version 1 and version 2. */
const SPP_BEGIN = 0x56;
const V1_BEGIN = 0x50;
const V2_BEGIN = 0x0d;
