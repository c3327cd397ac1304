import type { DatagramKind } from './datagram-kind.ts';
import type { HandshakeFault } from './hello.ts';
import type { ProxyFault } from './proxy-result.ts';

/** One datagram taken apart, for people and for tests. All offsets count from its first byte. */
export interface Dissection {
  /** Bytes of the whole datagram. */
  readonly length: number;
  /** Behind a PROXY or SPP header; `proxy_fault` when that header is faulty, so that nothing tells where it ends. */
  readonly kind: DatagramKind | 'proxy_fault';
  /** What stands in it, in order. */
  readonly units: readonly Unit[];
  /** Everything that is wrong with it, in order. */
  readonly problems: readonly Problem[];
}

/** One segment, or a header around segments. */
export interface Unit {
  /** `PUSH`, `FEC_DATA`, `SEALED`, `PROXY_V2`, ... */
  readonly name: string;
  readonly offset: number;
  /** Bytes that belong to it; less than it claims when the datagram is cut off. */
  readonly length: number;
  readonly fields: readonly Field[];
}

export interface Field {
  /** What it means in this unit: `sn` of a PUSH, `code` of a KICK. */
  readonly name: string;
  /** Integers unsigned; bytes as lower-case hexadecimal, at most {@link FIELD_PREVIEW_BYTES} of them. */
  readonly value: number | string | boolean;
  readonly offset: number;
  readonly length: number;
  /** The value for people; never holds a control character. */
  readonly text: string;
  /** The protocol gives this field no meaning in this unit. */
  readonly unused: boolean;
}

/** The most bytes of a payload a field shows. */
export const FIELD_PREVIEW_BYTES = 32;

/**
 * - `empty`, `too_short`, `unknown_kind`: the datagram is dropped whole
 * - `oversize`: longer than any datagram can be; the rest was not looked at
 * - `trailing_bytes`: 1 to 23 bytes after the last segment, or bytes an FEC header does not count
 * - `truncated_address_block`, `truncated_payload`: the datagram ends inside
 * - `unknown_command`: not a command of this protocol
 * - `conv_mismatch`: another conv than the first segment has
 * - `bad_length`: the payload is not as long as the command demands
 * - `bad_address_block`: version or length is wrong
 * - `bad_utf8`: text that is not UTF-8
 * - `bad_fec_size`: the size in an FEC header does not fit
 * - `truncated_tag`: a sealed datagram ends before its tag does
 * - `hello_...`: see {@link HandshakeFault}
 * - `proxy_...`: see {@link ProxyFault}; `proxy_incomplete`: the datagram ends inside the header
 */
export type ProblemCode =
  | 'empty'
  | 'too_short'
  | 'unknown_kind'
  | 'oversize'
  | 'trailing_bytes'
  | 'truncated_address_block'
  | 'truncated_payload'
  | 'unknown_command'
  | 'conv_mismatch'
  | 'bad_length'
  | 'bad_address_block'
  | 'bad_utf8'
  | 'bad_fec_size'
  | 'truncated_tag'
  | 'proxy_incomplete'
  | HandshakeFault
  | ProxyFault;

export interface Problem {
  readonly code: ProblemCode;
  readonly offset: number;
  /** One sentence for people. */
  readonly text: string;
}
