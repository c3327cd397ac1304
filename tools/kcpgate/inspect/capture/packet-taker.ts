/** One captured packet as a capture file has it. The object is reused. */
export interface CapturedPacket {
  /** Number in the list of link types of pcap. */
  linkType: number;
  bytes: Uint8Array;
  /** The same memory as `bytes`. */
  view: DataView;
  at: number;
  /** Bytes that were kept. */
  length: number;
  /** Bytes it had. */
  originalLength: number;
  timeUs: number;
  comment: string;
}

/** Takes packets in the order of the file. */
export type PacketTaker = (packet: CapturedPacket) => void;

export function emptyPacket(): CapturedPacket {
  const bytes = new Uint8Array(0);
  return {
    linkType: 0,
    bytes,
    view: new DataView(bytes.buffer),
    at: 0,
    length: 0,
    originalLength: 0,
    timeUs: 0,
    comment: '',
  };
}
