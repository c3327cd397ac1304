/** Why no IP packet is there; the notice of the same name tells it. */
export const NO_IP = { link_type_unknown: -1, not_ip: -2, header_damaged: -3 } as const;

/**
 * Where the IP packet begins in a captured packet `[at, end)`, or a number of {@link NO_IP}. VLAN tags are stepped over.
 * Link types by their numbers in the list of pcap.
 */
export function ipPacketAt(linkType: number, view: DataView, at: number, end: number): number {
  switch (linkType) {
    case LINK.ethernet:
      return behindEtherType(view, at + 12, end);
    case LINK.linuxCooked:
      return behindEtherType(view, at + 14, end);
    case LINK.linuxCooked2:
      if (end - at < LINUX_COOKED_2_BYTES) return NO_IP.header_damaged;
      return behindEtherType2(view, at, end);
    case LINK.raw:
    case LINK.rawOfBsd:
    case LINK.ipv4:
    case LINK.ipv6:
      return at;
    case LINK.bsdNull:
    case LINK.bsdLoop:
      return behindFamily(view, at, end);
    default:
      return NO_IP.link_type_unknown;
  }
}

function behindEtherType(view: DataView, from: number, end: number): number {
  let at = from;
  for (let tags = 0; tags <= MAX_VLAN_TAGS; tags++) {
    if (at + 2 > end) return NO_IP.header_damaged;
    const type = view.getUint16(at);
    if (type === ETHER_TYPE.ipv4 || type === ETHER_TYPE.ipv6) return at + 2;
    if (!isVlanTag(type)) return NO_IP.not_ip;
    at += VLAN_TAG_BYTES;
  }
  return NO_IP.not_ip;
}

/** The second cooked header has its type at the beginning, and tags behind it. */
function behindEtherType2(view: DataView, at: number, end: number): number {
  const type = view.getUint16(at);
  const behind = at + LINUX_COOKED_2_BYTES;
  if (type === ETHER_TYPE.ipv4 || type === ETHER_TYPE.ipv6) return behind;
  return isVlanTag(type) ? behindEtherType(view, behind + 2, end) : NO_IP.not_ip;
}

/** The number of the address family, in the byte order of who captured; that of IPv6 is another one on each system. */
function behindFamily(view: DataView, at: number, end: number): number {
  if (end - at < 4) return NO_IP.header_damaged;
  const family = view.getUint32(at);
  // Read in the wrong order it has its only byte on top.
  const number = family > 0xffff ? family >>> 24 : family;
  return FAMILIES.has(number) ? at + 4 : NO_IP.not_ip;
}

const isVlanTag = (type: number): boolean => type === 0x8100 || type === 0x88a8 || type === 0x9100;

const LINK = {
  bsdNull: 0,
  ethernet: 1,
  rawOfBsd: 12,
  raw: 101,
  bsdLoop: 108,
  linuxCooked: 113,
  ipv4: 228,
  ipv6: 229,
  linuxCooked2: 276,
} as const;
const ETHER_TYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const FAMILIES: ReadonlySet<number> = new Set([2, 10, 24, 28, 30]);
const LINUX_COOKED_2_BYTES = 20;
const VLAN_TAG_BYTES = 4;
const MAX_VLAN_TAGS = 4;
