// Leads datagrams to the gateway that owns their session: sets $kcpgate_conv to the conversation id of the first datagram and
// $kcpgate_owner to its top byte, the id of a gateway; both stay empty where there is no conversation id (see "What a
// datagram is" in docs/protocol.md of kcpgate). The maps of stream.d make an upstream of them.
//
// For njs 0.7.9 (Debian 12) and later. Nothing of a client makes it fail, and nothing is kept. It ends with decline(), which lets
// ssl_preread of the same server have its turn; after done() that would not be asked any more.

// Offsets in a datagram, and the shortest one that is not dropped by a gateway anyway.
const KIND = 4;
const MIN_DATAGRAM = 24;
// A TCP connection carries frames: two bytes with the length, the higher first, then the datagram.
const FRAME_HEAD = 2;

// js_preread of UDP. It has to decide at once: nginx holds the first datagram and reads no second one meanwhile.
function udp(session) {
  session.on('upstream', function (data) {
    route(session, data, 0, data.length);
    session.decline();
  });
}

// js_preread of TCP. The first bytes may come one by one; nginx waits for as many as decide, and for preread_timeout at most.
function tcp(session) {
  session.on('upstream', function (data, flags) {
    if (data.length <= FRAME_HEAD + KIND && !flags.last) return;
    const length = data.length < FRAME_HEAD ? 0 : data.readUInt16BE(0);
    route(session, data, FRAME_HEAD, data.length > FRAME_HEAD + KIND ? length : 0);
    session.decline();
  });
}

// `length`: of the datagram that begins at `offset`. Of a longer one than `data` has only the beginning counts.
function route(session, data, offset, length) {
  const conversation = length < MIN_DATAGRAM ? 0 : conversationOf(data, offset);
  session.variables.kcpgate_conv = conversation === 0 ? '' : String(conversation);
  session.variables.kcpgate_owner = conversation === 0 ? '' : String(conversation >>> 24);
}

// 0 where there is none: a probe that asks any gateway, a FEC packet of a stock peer, anything unknown.
function conversationOf(data, offset) {
  const kind = data[offset + KIND];
  const isClear = kind >= 80 && kind <= 95;
  const isSealed = (kind & 0xf3) === 0xa0;
  const isHandshake = kind >= 0xb0 && kind <= 0xb7;
  return isClear || isSealed || isHandshake ? data.readUInt32LE(offset) : 0;
}

export default { udp, tcp };
