/** What packets of one interface have in common. */
export interface CaptureInterface {
  readonly linkType: number;
  /** Bytes kept of each packet at most; 0 for all. */
  readonly snapshotBytes: number;
  /** Added to each time. */
  readonly offsetUs: number;
  readonly usPerUnit: number;
  /** A time is two words. Microseconds of one in the upper word: the whole ones, and the rest, so that nothing is rounded early. */
  readonly wholeUsPerHigh: number;
  readonly restUsPerHigh: number;
}

/**
 * Reads the body of an interface description, `[at, end)`.
 * @returns undefined when it is cut off.
 */
export function readInterface(
  view: DataView,
  at: number,
  end: number,
  isLittleEndian: boolean,
): CaptureInterface | undefined {
  if (end - at < INTERFACE_BYTES) return undefined;
  let usPerUnit = 1;
  let offsetUs = 0;
  forEachOption(view, at + INTERFACE_BYTES, end, isLittleEndian, (code, valueAt, length) => {
    if (code === OPTION_TIME_RESOLUTION && length >= 1) usPerUnit = unitOf(view.getUint8(valueAt));
    if (code === OPTION_TIME_OFFSET && length >= 8) {
      offsetUs = Number(view.getBigInt64(valueAt, isLittleEndian)) * 1_000_000;
    }
  });
  const usPerHigh = 2 ** 32 * usPerUnit;
  const wholeUsPerHigh = Math.floor(usPerHigh);
  return {
    linkType: view.getUint16(at, isLittleEndian),
    snapshotBytes: view.getUint32(at + 4, isLittleEndian),
    offsetUs,
    usPerUnit,
    wholeUsPerHigh,
    restUsPerHigh: usPerHigh - wholeUsPerHigh,
  };
}

/** The comments among the options `[at, end)` of a block, one a line; empty without any. */
export function readComment(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  isLittleEndian: boolean,
): string {
  let comment = '';
  forEachOption(view, at, end, isLittleEndian, (code, valueAt, length) => {
    if (code !== OPTION_COMMENT) return;
    const text = TEXT.decode(bytes.subarray(valueAt, valueAt + length));
    comment = comment === '' ? text : `${comment}\n${text}`;
  });
  return comment;
}

/** How many packets the options `[at, end)` of interface statistics say were lost, by the interface and by the system. */
export function readLostPackets(view: DataView, at: number, end: number, isLittleEndian: boolean): number {
  let lost = 0;
  forEachOption(view, at, end, isLittleEndian, (code, valueAt, length) => {
    if (length < 8 || (code !== OPTION_INTERFACE_DROPS && code !== OPTION_SYSTEM_DROPS)) return;
    const drops = Number(view.getBigUint64(valueAt, isLittleEndian));
    // All bits set: it is not known.
    if (Number.isSafeInteger(drops)) lost += drops;
  });
  return lost;
}

function forEachOption(
  view: DataView,
  from: number,
  end: number,
  isLittleEndian: boolean,
  found: (code: number, at: number, length: number) => void,
): void {
  let at = from;
  while (at + OPTION_HEADER_BYTES <= end) {
    const code = view.getUint16(at, isLittleEndian);
    const length = view.getUint16(at + 2, isLittleEndian);
    at += OPTION_HEADER_BYTES;
    if (code === OPTION_END || at + length > end) return;
    found(code, at, length);
    at += (length + 3) & ~3;
  }
}

/** The highest bit tells whether the rest is a power of 2 or of 10. */
function unitOf(resolution: number): number {
  const power = resolution & 0x7f;
  return 1_000_000 * (resolution > 0x7f ? 2 ** -power : 10 ** -power);
}

const TEXT = new TextDecoder();
const INTERFACE_BYTES = 8;
const OPTION_HEADER_BYTES = 4;
const OPTION_END = 0;
const OPTION_COMMENT = 1;
const OPTION_INTERFACE_DROPS = 5;
const OPTION_SYSTEM_DROPS = 7;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;
