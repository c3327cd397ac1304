--[[
Dissector of the kcpgate protocol (docs/protocol.md) for Wireshark and tshark 4.0 and later; README.md beside it says how to
use it. One file, because that is how Wireshark takes it:

  bits and AES-128-GCM | key log | names, fields, preferences | texts and addresses | what datagrams mean in their session
  | taking datagrams apart | PROXY and SPP | carriers | statistics

Everything that is known about sessions is learned in the first pass over a capture and kept by frame, so that a second pass,
and a click on a packet, show the same.
]]

---------------------------------------------------------------------------------------------------------------------------
-- bits
---------------------------------------------------------------------------------------------------------------------------

local byte, char, sub, format = string.byte, string.char, string.sub, string.format
local concat, floor = table.concat, math.floor

-- Lua 5.2 has bit32. Where that is gone Wireshark brings `bit`, whose results are signed.
local bit32 = bit32
if bit32 == nil then
  local bit = require("bit")
  local function unsigned(operation)
    return function(...)
      return operation(...) % 4294967296
    end
  end
  bit32 = {
    band = unsigned(bit.band),
    bxor = unsigned(bit.bxor),
    lshift = unsigned(bit.lshift),
    rshift = unsigned(bit.rshift),
  }
end
local band, bxor, lshift, rshift = bit32.band, bit32.bxor, bit32.lshift, bit32.rshift

local function u16(text, at) -- `at` counts from 0, here and everywhere but in Lua's own functions
  local a, b = byte(text, at + 1, at + 2)
  return a + b * 256
end

local function u16be(text, at)
  local a, b = byte(text, at + 1, at + 2)
  return a * 256 + b
end

local function u32(text, at)
  local a, b, c, d = byte(text, at + 1, at + 4)
  return a + b * 256 + c * 65536 + d * 16777216
end

local function u32be(text, at)
  local a, b, c, d = byte(text, at + 1, at + 4)
  return a * 16777216 + b * 65536 + c * 256 + d
end

local function u48(text, at)
  return u32(text, at) + u16(text, at + 4) * 4294967296
end

-- The signed difference of two 32-bit numbers that wrap: below 0 when `a` comes first.
local function difference(a, b)
  local d = (a - b) % 4294967296
  return d < 2147483648 and d or d - 4294967296
end

local function hex(text)
  return (text:gsub(".", function(c)
    return format("%02x", byte(c))
  end))
end

local function from_hex(text)
  return (text:gsub("..", function(pair)
    return char(tonumber(pair, 16))
  end))
end

---------------------------------------------------------------------------------------------------------------------------
-- AES-128-GCM, to open only. Wireshark 4.0 gives Lua no cipher.
---------------------------------------------------------------------------------------------------------------------------

local SBOX, T0, T1, T2, T3 = {}, {}, {}, {}, {}
do
  local function double(value)
    value = value * 2
    return value > 255 and bxor(value - 256, 0x1b) or value
  end
  -- Powers of 3 run through all bytes but 0: so does their inverse, from the other end.
  local power, inverse = {}, {}
  local value = 1
  for exponent = 0, 254 do
    power[exponent] = value
    value = bxor(value, double(value))
  end
  for exponent = 0, 254 do
    inverse[power[exponent]] = power[(255 - exponent) % 255]
  end
  inverse[0] = 0
  for index = 0, 255 do
    local bits = inverse[index]
    local turned = bits
    for _ = 1, 4 do
      bits = bits * 2
      if bits > 255 then
        bits = bits - 255
      end
      turned = bxor(turned, bits)
    end
    local s = bxor(turned, 0x63)
    local s2 = double(s)
    local s3 = bxor(s, s2)
    SBOX[index] = s
    T0[index] = ((s2 * 256 + s) * 256 + s) * 256 + s3
    T1[index] = ((s3 * 256 + s2) * 256 + s) * 256 + s
    T2[index] = ((s * 256 + s3) * 256 + s2) * 256 + s
    T3[index] = ((s * 256 + s) * 256 + s3) * 256 + s2
  end
end

-- 44 words for a key of 16 bytes.
local function expand_key(key)
  local words = {}
  for i = 1, 4 do
    words[i] = u32be(key, i * 4 - 4)
  end
  local round = 1
  for i = 5, 44 do
    local word = words[i - 1]
    if i % 4 == 1 then
      local b0, b1, b2, b3 = rshift(word, 24), rshift(word, 16) % 256, rshift(word, 8) % 256, word % 256
      word = ((bxor(SBOX[b1], round) * 256 + SBOX[b2]) * 256 + SBOX[b3]) * 256 + SBOX[b0]
      round = round * 2
      if round > 255 then
        round = bxor(round - 256, 0x1b)
      end
    end
    words[i] = bxor(words[i - 4], word)
  end
  return words
end

-- One block, as four words. Bytes are taken out of words by arithmetic: calls of bit32 cost more.
local function encrypt_block(keys, a, b, c, d)
  a, b, c, d = bxor(a, keys[1]), bxor(b, keys[2]), bxor(c, keys[3]), bxor(d, keys[4])
  local al, a0, a1, a2, a3, bl, b0, b1, b2, b3, cl, c0, c1, c2, c3, dl, d0, d1, d2, d3
  for k = 5, 41, 4 do
    al = a % 65536
    a3 = al % 256
    a2 = (al - a3) / 256
    a = (a - al) / 65536
    a1 = a % 256
    a0 = (a - a1) / 256
    bl = b % 65536
    b3 = bl % 256
    b2 = (bl - b3) / 256
    b = (b - bl) / 65536
    b1 = b % 256
    b0 = (b - b1) / 256
    cl = c % 65536
    c3 = cl % 256
    c2 = (cl - c3) / 256
    c = (c - cl) / 65536
    c1 = c % 256
    c0 = (c - c1) / 256
    dl = d % 65536
    d3 = dl % 256
    d2 = (dl - d3) / 256
    d = (d - dl) / 65536
    d1 = d % 256
    d0 = (d - d1) / 256
    if k < 41 then
      a = bxor(T0[a0], T1[b1], T2[c2], T3[d3], keys[k])
      b = bxor(T0[b0], T1[c1], T2[d2], T3[a3], keys[k + 1])
      c = bxor(T0[c0], T1[d1], T2[a2], T3[b3], keys[k + 2])
      d = bxor(T0[d0], T1[a1], T2[b2], T3[c3], keys[k + 3])
    end
  end
  return bxor(((SBOX[a0] * 256 + SBOX[b1]) * 256 + SBOX[c2]) * 256 + SBOX[d3], keys[41]),
    bxor(((SBOX[b0] * 256 + SBOX[c1]) * 256 + SBOX[d2]) * 256 + SBOX[a3], keys[42]),
    bxor(((SBOX[c0] * 256 + SBOX[d1]) * 256 + SBOX[a2]) * 256 + SBOX[b3], keys[43]),
    bxor(((SBOX[d0] * 256 + SBOX[a1]) * 256 + SBOX[b2]) * 256 + SBOX[c3], keys[44])
end

-- Products with the hash key: for each of 32 places of a nibble and each of its values, as four tables of words.
local function product_tables(h0, h1, h2, h3)
  local p0, p1, p2, p3 = {}, {}, {}, {}
  for place = 0, 31 do
    local at = place * 16
    p0[at], p1[at], p2[at], p3[at] = 0, 0, 0, 0
    for weight = 3, 0, -1 do
      local step = 2 ^ weight
      p0[at + step], p1[at + step], p2[at + step], p3[at + step] = h0, h1, h2, h3
      local low = h3 % 2
      h3 = rshift(h3, 1) + (h2 % 2) * 2147483648
      h2 = rshift(h2, 1) + (h1 % 2) * 2147483648
      h1 = rshift(h1, 1) + (h0 % 2) * 2147483648
      h0 = rshift(h0, 1)
      if low == 1 then
        h0 = bxor(h0, 0xe1000000)
      end
    end
    for value = 3, 15 do
      local step = value >= 8 and 8 or value >= 4 and 4 or 2
      if value ~= step then
        local x, y = at + step, at + value - step
        p0[at + value], p1[at + value] = bxor(p0[x], p0[y]), bxor(p1[x], p1[y])
        p2[at + value], p3[at + value] = bxor(p2[x], p2[y]), bxor(p3[x], p3[y])
      end
    end
  end
  return { p0, p1, p2, p3 }
end

-- The product of four words with the hash key. Its 32 nibbles are alike, so a program writes the function out.
local product
do
  local lines = { "local bxor = ... return function(t, w0, w1, w2, w3)" }
  for place = 31, 0, -1 do
    local word = "w" .. floor(place / 8)
    lines[#lines + 1] = format("local n = %s %% 16 %s = (%s - n) / 16 local i%d = n + %d", word, word, word, place, place * 16)
  end
  local sums = {}
  for column = 1, 4 do
    local terms = {}
    for place = 0, 31 do
      terms[#terms + 1] = format("p%d[i%d]", column, place)
    end
    lines[#lines + 1] = format("local p%d = t[%d]", column, column)
    sums[column] = "bxor(" .. concat(terms, ",") .. ")"
  end
  lines[#lines + 1] = "return " .. concat(sums, ",") .. " end"
  product = load(concat(lines, "\n"))(bxor)
end

-- Takes a text into the hash, the last block filled up with zeros.
local function hash_text(tables, a, b, c, d, text, from, length)
  for at = from, from + length - 1, 16 do
    local left = from + length - at
    local block = left >= 16 and text or sub(text, at + 1, at + left) .. ("\0"):rep(16 - left)
    local base = left >= 16 and at or 0
    a, b, c, d = product(
      tables,
      bxor(a, u32be(block, base)),
      bxor(b, u32be(block, base + 4)),
      bxor(c, u32be(block, base + 8)),
      bxor(d, u32be(block, base + 12))
    )
  end
  return a, b, c, d
end

-- What of a key takes a while to make.
local function prepare_cipher(key)
  local keys = expand_key(key)
  return { keys = keys, products = product_tables(encrypt_block(keys, 0, 0, 0, 0)) }
end

local function word_text(word)
  local low = word % 65536
  local d = low % 256
  local high = (word - low) / 65536
  local b = high % 256
  return char((high - b) / 256, b, (low - d) / 256, d)
end

--[[
Opens `length` bytes of ciphertext at `from`, whose tag follows.
Returns the text; nil when the tag does not fit.
]]
local function open_sealed(cipher, iv, pn, additional, text, from, length)
  local n0 = u32be(iv, 0)
  local high = floor(pn / 4294967296)
  local n1 = bxor(u32be(iv, 4), high)
  local n2 = bxor(u32be(iv, 8), pn % 4294967296)
  local tables, keys = cipher.products, cipher.keys
  local a, b, c, d = hash_text(tables, 0, 0, 0, 0, additional, 0, #additional)
  a, b, c, d = hash_text(tables, a, b, c, d, text, from, length)
  a, b, c, d = product(tables, a, bxor(b, #additional * 8), c, bxor(d, length * 8))
  local k0, k1, k2, k3 = encrypt_block(keys, n0, n1, n2, 1)
  local tag = from + length
  if
    bxor(a, k0) ~= u32be(text, tag)
    or bxor(b, k1) ~= u32be(text, tag + 4)
    or bxor(c, k2) ~= u32be(text, tag + 8)
    or bxor(d, k3) ~= u32be(text, tag + 12)
  then
    return nil
  end
  local pieces, count, counter = {}, 0, 2
  for at = from, tag - 1, 16 do
    k0, k1, k2, k3 = encrypt_block(keys, n0, n1, n2, counter)
    counter = counter + 1
    local left = tag - at
    local block = left >= 16 and text or sub(text, at + 1, tag) .. ("\0"):rep(16 - left)
    local base = left >= 16 and at or 0
    local piece = word_text(bxor(k0, u32be(block, base)))
      .. word_text(bxor(k1, u32be(block, base + 4)))
      .. word_text(bxor(k2, u32be(block, base + 8)))
      .. word_text(bxor(k3, u32be(block, base + 12)))
    count = count + 1
    pieces[count] = left >= 16 and piece or sub(piece, 1, left)
  end
  return concat(pieces)
end

---------------------------------------------------------------------------------------------------------------------------
-- names, fields, preferences
---------------------------------------------------------------------------------------------------------------------------

local kcpgate = Proto("kcpgate", "kcpgate (KCP)")
-- What hands payloads over needs a protocol each: they are framed in different ways.
local over_tcp = Proto("kcpgate_tcp", "kcpgate over TCP")
local over_websocket = Proto("kcpgate_ws", "kcpgate over WebSocket")

local COMMAND_NAMES = {
  [80] = "NEW",
  [81] = "PUSH",
  [82] = "ACK",
  [83] = "WASK",
  [84] = "WINS",
  [85] = "KICK",
  [86] = "FIN",
  [87] = "PROBE",
  [88] = "PROBE_ACK",
  [89] = "RESET",
  [90] = "PATH_CHALLENGE",
  [91] = "PATH_RESPONSE",
  [92] = "DRAIN",
  [93] = "DATAGRAM",
  [94] = "PADDING",
}

local CLOSE_CODES = {
  [1000] = "normal",
  [3000] = "idle_timeout",
  [3001] = "drain",
  [3002] = "slow_consumer",
  [3003] = "dead_link",
  [3004] = "stale_session",
  [3005] = "upstream_unavailable",
  [3006] = "overload",
  [3007] = "ticket_expired",
  [3008] = "rekey_required",
  [3500] = "kicked",
  [3501] = "auth_failed",
  [3502] = "replaced",
  [3503] = "protocol_error",
  [3504] = "blocked",
  [3505] = "message_too_large",
  [3506] = "retries_exhausted",
}

local HANDSHAKE_NAMES = { [0xb0] = "HELLO", [0xb1] = "HELLO_ACK", [0xb2] = "HELLO_CLEAR", [0xb3] = "HELLO_CLEAR_ACK" }
local FEC_NAMES = { [0xf1] = "FEC_DATA", [0xf2] = "FEC_PARITY", [0xf3] = "FEC_OOB" }
local PROXY_FAMILIES = {
  [0x00] = "UNSPEC",
  [0x11] = "TCP4",
  [0x12] = "UDP4",
  [0x21] = "TCP6",
  [0x22] = "UDP6",
  [0x31] = "UNIX_STREAM",
  [0x32] = "UNIX_DGRAM",
}
local TLV_NAMES = {
  [0x01] = "ALPN",
  [0x02] = "authority",
  [0x03] = "CRC-32C",
  [0x04] = "NOOP",
  [0x05] = "unique id",
  [0x20] = "SSL",
  [0x30] = "network namespace",
  [0xe0] = "answer between gateways",
}

local F = {}
do
  local fields = {}
  local function add(key, kind, name, label, ...)
    F[key] = ProtoField[kind]("kcpgate." .. name, label, ...)
    fields[#fields + 1] = F[key]
  end
  add("kind", "string", "kind", "Kind of datagram")
  add("unit", "string", "unit", "Unit")
  add("problem", "string", "problem", "Problem")
  -- segments
  add("conv", "uint32", "conv", "Conversation", base.HEX)
  add("cmd", "uint8", "cmd", "Command", base.DEC, COMMAND_NAMES)
  add("frg", "uint8", "frg", "Fragments to come")
  add("wnd", "uint16", "wnd", "Window")
  add("ts", "uint32", "ts", "Timestamp (ms)")
  add("sn", "uint32", "sn", "Sequence number")
  add("una", "uint32", "una", "Unacknowledged from")
  add("len", "uint32", "len", "Payload length")
  add("payload", "bytes", "payload", "Payload")
  add("padding", "bytes", "padding", "Padding")
  -- what header fields mean in some commands
  add("code", "uint32", "code", "Close code", base.DEC, CLOSE_CODES)
  add("retry_after", "uint32", "retry_after", "Retry after (ms)")
  add("reason", "string", "reason", "Reason")
  add("acknowledges", "uint8", "fin.acknowledges", "Acknowledges a FIN", base.DEC, { [0] = "no", [1] = "yes" })
  add("final_sn", "uint32", "fin.final_sn", "Final sequence number")
  add("index", "uint8", "probe.index", "Index")
  add("number", "uint32", "probe.number", "Number")
  add("nonce", "uint32", "probe.nonce", "Nonce", base.HEX)
  add("load", "uint8", "probe_ack.load", "Load (of 255)")
  add("draining", "bool", "probe_ack.draining", "Draining")
  add("not_ready", "bool", "probe_ack.not_ready", "Not ready")
  add("node_id", "uint32", "probe_ack.node_id", "Node id")
  add("epoch", "uint32", "probe_ack.epoch", "Start of the gateway (s)")
  add("deadline", "uint32", "drain.deadline", "Deadline (ms)")
  add("jitter", "uint32", "drain.jitter", "Moves within (ms)")
  add("lines", "string", "drain.lines", "Lines")
  add("counter", "uint32", "datagram.counter", "Counter")
  add("token", "bytes", "reset.token", "Token")
  add("data", "bytes", "path.data", "Data")
  -- address block
  add("address", "string", "address", "Address block")
  add("address_port", "uint16", "address.port", "Port")
  add("address_ip", "ipv6", "address.ip", "IP address")
  -- handshake and sealed datagrams
  add("byte4", "uint8", "byte4", "Kind", base.HEX)
  add("has_block", "bool", "has_address_block", "Address block present", 8, nil, 0x04)
  add("copy", "bool", "copy", "Copy", 8, nil, 0x08)
  add("version", "uint8", "handshake.version", "Version")
  add("pn", "uint64", "pn", "Packet number")
  add("path_id", "uint8", "path_id", "Path id")
  add("random", "bytes", "handshake.random", "Random")
  add("ticket_length", "uint16", "ticket.length", "Ticket length")
  add("ticket_version", "uint8", "ticket.version", "Ticket version")
  add("ticket_key_id", "uint8", "ticket.key_id", "Ticket key id")
  add("ticket_nonce", "bytes", "ticket.nonce", "Ticket nonce")
  add("ticket_text", "bytes", "ticket.text", "Ticket ciphertext")
  add("ticket_tag", "bytes", "ticket.tag", "Ticket tag")
  add("ciphertext", "bytes", "ciphertext", "Ciphertext")
  add("tag", "bytes", "tag", "Tag")
  add("rest", "bytes", "rest", "Rest")
  add("decrypted", "bool", "decrypted", "Decrypted")
  add("sealed_because", "string", "sealed_because", "Not decrypted because")
  -- FEC and plain headers of kcp-go
  add("fec_seqid", "uint32", "fec.seqid", "FEC sequence id")
  add("fec_type", "uint16", "fec.type", "FEC type", base.HEX, FEC_NAMES)
  add("fec_size", "uint16", "fec.size", "FEC size")
  add("code_words", "bytes", "fec.code_words", "Code words")
  add("kcp_go_nonce", "bytes", "kcp_go.nonce", "kcp-go nonce")
  add("kcp_go_crc", "uint32", "kcp_go.crc", "kcp-go CRC-32", base.HEX)
  -- in front of datagrams
  add("frame_length", "uint16", "frame.length", "Frame length")
  add("proxy_family", "string", "proxy.family", "Family")
  add("proxy_command", "uint8", "proxy.command", "Command", base.HEX, { [0x20] = "LOCAL", [0x21] = "PROXY" })
  add("proxy_length", "uint16", "proxy.length", "Length")
  add("proxy_source", "string", "proxy.source", "Source")
  add("proxy_destination", "string", "proxy.destination", "Destination")
  add("proxy_source_port", "uint16", "proxy.source_port", "Source port")
  add("proxy_destination_port", "uint16", "proxy.destination_port", "Destination port")
  add("proxy_rest", "string", "proxy.rest", "Rest")
  add("proxy_skipped", "bytes", "proxy.skipped", "Skipped")
  add("proxy_tlv", "bytes", "proxy.tlv", "TLV")
  add("proxy_tlv_type", "uint8", "proxy.tlv.type", "TLV type", base.HEX, TLV_NAMES)
  -- what is known beyond the bytes
  add("session", "uint32", "session", "Session")
  add("from_client", "bool", "from_client", "Sent by the client")
  add("retransmission", "bool", "analysis.retransmission", "Retransmission")
  add("spurious", "bool", "analysis.spurious", "Spurious retransmission")
  add("duplicate", "bool", "analysis.duplicate", "Duplicate")
  add("out_of_order", "bool", "analysis.out_of_order", "Out of order")
  add("zero_window", "bool", "analysis.zero_window", "Zero window")
  add("first_frame", "framenum", "analysis.first_frame", "First sent in", base.NONE, frametype.RETRANS_PREV)
  add("acks_frame", "framenum", "analysis.acks_frame", "Acknowledges", base.NONE, frametype.ACK)
  add("rtt", "relative_time", "rtt", "Round trip")
  kcpgate.fields = fields
end

local X = {}
do
  local experts = {}
  local function add(key, text, group, severity)
    X[key] = ProtoExpert.new("kcpgate.expert." .. key, text, expert.group[group], expert.severity[severity])
    experts[#experts + 1] = X[key]
  end
  add("problem", "Malformed or unknown", "MALFORMED", "WARN")
  add("retransmission", "Retransmission", "SEQUENCE", "NOTE")
  add("spurious", "Spurious retransmission: it had been acknowledged before", "SEQUENCE", "NOTE")
  add("duplicate", "Duplicate: sent once, captured twice", "SEQUENCE", "NOTE")
  add("out_of_order", "Out of order", "SEQUENCE", "NOTE")
  add("zero_window", "Zero window", "SEQUENCE", "WARN")
  add("una_beyond_sent", "Acknowledges what the capture does not show as sent", "SEQUENCE", "WARN")
  add("shows_spurious", "Shows that a retransmission was not needed: this answers the first one", "SEQUENCE", "NOTE")
  add("open_failed", "Cannot be opened with the keys of this conversation", "DECRYPTION", "WARN")
  add("kick", "The gateway ends the session", "RESPONSE_CODE", "NOTE")
  add("reset", "The gateway does not know the session", "RESPONSE_CODE", "WARN")
  kcpgate.experts = experts
end

kcpgate.prefs.udp_ports = Pref.range(
  "UDP ports",
  "",
  "All UDP datagrams of these ports are taken for kcpgate or KCP; on other ports, those that look like it",
  65535
)
kcpgate.prefs.tcp_ports = Pref.range("TCP ports", "", "All connections to these ports are taken for kcpgate", 65535)
kcpgate.prefs.proxy = Pref.enum("PROXY and SPP headers on UDP", 1, "What may stand in front of datagrams", {
  { 1, "auto", 1 },
  { 2, "off", 2 },
  { 3, "proxy", 3 },
  { 4, "spp", 4 },
}, false)
kcpgate.prefs.keylog_file = Pref.string(
  "Key log file",
  "",
  "Path of the file that a gateway (login.key_log_file) or a client (keyLogFile, --key-log) writes"
)
kcpgate.prefs.sessions =
  Pref.bool("Print sessions (tshark)", false, "Prints a table of all sessions when tshark has read everything")

---------------------------------------------------------------------------------------------------------------------------
-- key log
---------------------------------------------------------------------------------------------------------------------------

local PURPOSES = { KCPGATE_EARLY = "early", KCPGATE_CLIENT = "client", KCPGATE_SERVER = "server" }
local MAX_KEY_LOG_BYTES = 256 * 1024 * 1024
-- Prepared keys take some 35 KB each.
local MAX_PREPARED_KEYS = 512

-- By conv: a list of keys, the newest last. The file may grow while a capture runs.
local key_log = { path = "", at = 0, rest = "", checked = -1, keys = {}, prepared = 0 }

local function add_key_line(line)
  local label, conv, client_random, server_random, derived =
    line:match("^%s*(KCPGATE_%u+)%s+(%x+)%s+(%x+)%s+([%x-]+)%s+(%x+)%s*$")
  local purpose = PURPOSES[label]
  if purpose == nil or #conv ~= 8 or #client_random ~= 32 or #derived ~= 56 then
    return
  end
  if purpose == "early" then
    if server_random ~= "-" then
      return
    end
  elseif #server_random ~= 32 or server_random:find("-", 1, true) then
    return
  end
  local number = tonumber(conv, 16)
  local list = key_log.keys[number]
  if list == nil then
    list = {}
    key_log.keys[number] = list
  end
  local id = (purpose .. client_random .. server_random .. derived):lower()
  for _, known in ipairs(list) do
    if known.id == id then
      return
    end
  end
  local bytes = from_hex(derived)
  list[#list + 1] = {
    id = id,
    purpose = purpose,
    client_random = from_hex(client_random),
    server_random = purpose ~= "early" and from_hex(server_random) or nil,
    key = sub(bytes, 1, 16),
    iv = sub(bytes, 17),
  }
end

-- Reads what was added to the file since the last time.
local function read_key_log()
  if key_log.path == "" then
    return
  end
  local file = io.open(key_log.path, "rb")
  if file == nil then
    return
  end
  local size = file:seek("end")
  if size < key_log.at then
    key_log.at, key_log.rest = 0, ""
  end
  if size > key_log.at and key_log.at < MAX_KEY_LOG_BYTES then
    file:seek("set", key_log.at)
    local text = file:read(math.min(size, MAX_KEY_LOG_BYTES) - key_log.at) or ""
    key_log.at = key_log.at + #text
    text = key_log.rest .. text
    local from = 1
    while true do
      local stop = text:find("\n", from, true)
      if stop == nil then
        break
      end
      add_key_line(sub(text, from, stop - 1))
      from = stop + 1
    end
    key_log.rest = sub(text, from, from + 1023)
  end
  file:close()
end

local function open_key_log(path)
  key_log = { path = path, at = 0, rest = "", checked = -1, keys = {}, prepared = 0 }
  read_key_log()
end

-- Once a second at most, as somebody may be writing it. Returns whether there is more than before.
local function reread_key_log()
  local now = os.time()
  if now == key_log.checked then
    return false
  end
  key_log.checked = now
  local before = key_log.at
  read_key_log()
  return key_log.at ~= before
end

local function cipher_of(key)
  if key.cipher == nil then
    if key_log.prepared >= MAX_PREPARED_KEYS then
      for _, list in pairs(key_log.keys) do
        for _, other in ipairs(list) do
          other.cipher = nil
        end
      end
      key_log.prepared = 0
    end
    key.cipher = prepare_cipher(key.key)
    key_log.prepared = key_log.prepared + 1
  end
  return key.cipher
end

---------------------------------------------------------------------------------------------------------------------------
-- texts and addresses
---------------------------------------------------------------------------------------------------------------------------

-- Length of the character at `at` (from 1); minus the length of the malformed piece there.
local function utf8_size(text, at)
  local lead = byte(text, at)
  if lead < 0x80 then
    return 1
  end
  local size = 0
  if lead >= 0xc2 and lead <= 0xdf then
    size = 2
  elseif lead >= 0xe0 and lead <= 0xef then
    size = 3
  elseif lead >= 0xf0 and lead <= 0xf4 then
    size = 4
  end
  local second = byte(text, at + 1)
  if size == 0 or second == nil then
    return -1
  end
  local least, most = 0x80, 0xbf
  if lead == 0xe0 then
    least = 0xa0
  elseif lead == 0xed then
    most = 0x9f
  elseif lead == 0xf0 then
    least = 0x90
  elseif lead == 0xf4 then
    most = 0x8f
  end
  if second < least or second > most then
    return -1
  end
  for i = 2, size - 1 do
    local next = byte(text, at + i)
    if next == nil or next < 0x80 or next > 0xbf then
      return -i
    end
  end
  return size
end

-- Text that can be shown: no character ends it, or moves the cursor.
local function printable(text)
  return (text:gsub("%c", function(c)
    return format("\\u{%x}", byte(c))
  end))
end

-- Well-formed UTF-8, each malformed piece as U+FFFD; and whether there was none.
local function read_utf8(text)
  if not text:find("[\128-\255]") then
    return text, true
  end
  local pieces, at, good = {}, 1, true
  while at <= #text do
    local size = utf8_size(text, at)
    if size > 0 then
      pieces[#pieces + 1] = sub(text, at, at + size - 1)
      at = at + size
    else
      pieces[#pieces + 1] = "\239\191\189"
      at = at - size
      good = false
    end
  end
  return concat(pieces), good
end

-- The longest length of at most `most` bytes that cuts no character in two.
local function cut_length(text, most)
  if #text <= most then
    return #text
  end
  for cut = most, math.max(most - 3, 0), -1 do
    local next = byte(text, cut + 1)
    if next < 0x80 or next > 0xbf then
      return cut
    end
  end
  return most
end

local MAPPED = ("\0"):rep(10) .. "\255\255"

-- 16 bytes as text: RFC 5952, or dotted for an IPv4-mapped address.
local function ip_text(bytes)
  if sub(bytes, 1, 12) == MAPPED then
    return format("%d.%d.%d.%d", byte(bytes, 13, 16))
  end
  local groups = {}
  for i = 0, 7 do
    groups[i] = u16be(bytes, i * 2)
  end
  local best, length = 0, 0
  local i = 0
  while i < 8 do
    local run = 0
    while i + run < 8 and groups[i + run] == 0 do
      run = run + 1
    end
    if run > length then
      best, length = i, run
    end
    i = i + run + 1
  end
  local function part(from, to)
    local texts = {}
    for index = from, to do
      texts[#texts + 1] = format("%x", groups[index])
    end
    return concat(texts, ":")
  end
  if length < 2 then
    return part(0, 7)
  end
  return part(0, best - 1) .. "::" .. part(best + length, 7)
end

local function read_dotted(text)
  local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  if #parts ~= 4 then
    return nil
  end
  for i, part in ipairs(parts) do
    if #part > 3 or tonumber(part) > 255 or (#part > 1 and sub(part, 1, 1) == "0") then
      return nil
    end
    parts[i] = char(tonumber(part))
  end
  return concat(parts)
end

-- Any form of RFC 4291, without zone, as 16 bytes; nil when it is none.
local function read_ipv6(text)
  local done, gap = "", nil
  local at = 1
  if sub(text, 1, 2) == "::" then
    gap = 0
    at = 3
  end
  while at <= #text do
    if #done == 16 then
      return nil
    end
    local colon = text:find(":", at, true)
    local piece = sub(text, at, colon and colon - 1 or -1)
    if colon == nil and piece:find(".", 1, true) then
      local dotted = read_dotted(piece)
      if dotted == nil or #done > 12 then
        return nil
      end
      done = done .. dotted
      break
    end
    if not piece:find("^%x%x?%x?%x?$") then
      return nil
    end
    local group = tonumber(piece, 16)
    done = done .. char(floor(group / 256), group % 256)
    if colon == nil then
      break
    end
    at = colon + 1
    if at > #text then
      return nil
    end
    if sub(text, at, at) == ":" then
      if gap ~= nil then
        return nil
      end
      gap = #done
      at = at + 1
    end
  end
  if gap == nil then
    return #done == 16 and done or nil
  end
  if #done > 14 then
    return nil
  end
  return sub(done, 1, gap) .. ("\0"):rep(16 - #done) .. sub(done, gap + 1)
end

-- 16 bytes of an address of one family; nil when it is none.
local function read_ip(text, is_ipv4)
  if is_ipv4 then
    local dotted = read_dotted(text)
    return dotted and MAPPED .. dotted
  end
  return read_ipv6(text)
end

-- Tables of the two CRCs in use: reflected polynomials.
local function crc_table(polynomial)
  local entries = {}
  for index = 0, 255 do
    local value = index
    for _ = 1, 8 do
      local low = value % 2
      value = (value - low) / 2
      if low == 1 then
        value = bxor(value, polynomial)
      end
    end
    entries[index] = value
  end
  return entries
end

local CRC32 = crc_table(0xedb88320)
local CRC32C = crc_table(0x82f63b78)

local function crc_of(entries, text, from)
  local crc = 0xffffffff
  for at = from + 1, #text do
    local low = crc % 256
    crc = bxor(entries[bxor(low, byte(text, at))], (crc - low) / 256)
  end
  return bxor(crc, 0xffffffff)
end

---------------------------------------------------------------------------------------------------------------------------
-- what datagrams mean in their session
---------------------------------------------------------------------------------------------------------------------------

-- Sums of these stand for what is known of a segment.
local MARK = {
  retransmission = 1,
  spurious = 2,
  duplicate = 4,
  out_of_order = 8,
  zero_window = 16,
  una_beyond = 32,
  shows_spurious = 64,
}
-- Segments of one direction that are remembered, as no window is larger.
local RING = 65536
local NEIGHBOURS = 16
local MAX_OPENED_BYTES = 128 * 1024 * 1024

-- Of the whole capture; begun anew with each.
local capture

local function begin_capture()
  capture = {
    list = {},
    -- The newest session by conv.
    newest = {},
    flows = {},
    -- What the first pass found, by frame and datagram.
    frames = {},
    -- Texts of sealed datagrams that are held.
    opened_bytes = 0,
  }
end
begin_capture()

local function new_direction()
  return {
    datagrams = 0,
    bytes = 0,
    segments = 0,
    payload = 0,
    retransmissions = 0,
    spurious = 0,
    duplicates = 0,
    acks = 0,
    -- One past the highest `sn`; nil before any.
    next = nil,
    -- `ts` of the highest `sn`, as it was seen first.
    highest_ts = nil,
    -- What the other side has told it has.
    una = nil,
    seen_from_0 = false,
    -- The newest packet numbers, by number modulo PN_SPAN.
    pns = {},
    highest_pn = nil,
    -- By `sn` modulo RING, of the newest transmission and of the first.
    sn = {},
    first_ts = {},
    last_ts = {},
    first_time = {},
    frame = {},
    print1 = {},
    print2 = {},
    was_copy = {},
    -- What was captured first had been sent before.
    was_again = {},
    acked = {},
    was_below = {},
    -- Further transmissions: ts, time and frame one after the other.
    more = {},
    rtt_count = 0,
    rtt_sum = 0,
    rtt_least = nil,
    rtt_most = nil,
  }
end

local function new_session(conv, kind)
  local session = {
    number = #capture.list,
    conv = conv,
    kind = kind,
    from_client = new_direction(),
    from_gateway = new_direction(),
    -- Of a session that logged in: its series of HELLOs, and the session of the same conv before.
    client_random = nil,
    previous = nil,
    close = nil,
    first = nil,
    last = nil,
  }
  capture.list[#capture.list + 1] = session
  capture.newest[conv] = session
  return session
end

--[[
The session of a conv that logged in with this client random; nil: the newest, whatever it has.
kind: "sealed" or "clear" for a new one; nil: it must be sealed.
]]
local function login_session(conv, kind, client_random)
  local newest = capture.newest[conv]
  if newest ~= nil and newest.kind == "without login" then
    newest = nil
  end
  local session = newest
  if session ~= nil and client_random ~= nil then
    if session.client_random == nil then
      session.client_random = client_random
    elseif session.client_random ~= client_random then
      session = session.previous
      if session ~= nil and session.client_random ~= client_random then
        session = nil
      end
    end
  end
  if session == nil or (kind == nil and session.kind ~= "sealed") then
    session = new_session(conv, kind or "sealed")
    session.client_random = client_random
    session.previous = newest
    if newest ~= nil then
      newest.previous = nil
    end
  end
  return session
end

-- Where a datagram came from and went to: texts.
local function ends_of(pinfo, carrier)
  return carrier .. tostring(pinfo.src) .. "|" .. pinfo.src_port, carrier .. tostring(pinfo.dst) .. "|" .. pinfo.dst_port
end

-- Everything between two ends over one carrier.
local function flow_of(d)
  local key = d.source < d.target and d.source .. "|" .. d.target or d.target .. "|" .. d.source
  local flow = capture.flows[key]
  if flow == nil then
    flow = { opaque = 0, clear = 0, sealed = 0, handshake = 0, fec = 0, first = d.source, links = {}, last_link = nil }
    capture.flows[key] = flow
  end
  return flow
end

--[[
Ties a session to a flow. client: the end where its client is there.
is_sure: something better tells than who came first.
]]
local function link_to(flow, conv, session, client, is_sure)
  local link = flow.links[conv]
  if link == nil or link.session ~= session then
    link = { session = session, client = client, is_sure = is_sure }
    flow.links[conv] = link
  elseif is_sure then
    if link.client ~= client and not link.is_sure then
      session.from_client, session.from_gateway = session.from_gateway, session.from_client
    end
    link.client, link.is_sure = client, true
  end
  flow.last_link = link
  return link
end

-- Who sends a segment: true the client, false the gateway, nil either.
local function sender_is_client(cmd, sn, una)
  if cmd == 80 or cmd == 87 then
    return true
  elseif cmd == 85 or cmd == 88 or cmd == 89 or cmd == 92 then
    return false
  elseif cmd == 81 and sn == 0 and una == 0 then
    return true
  end
  return nil
end

-- Where a clear datagram that begins with this segment belongs; nil for what stands outside of sessions.
local function clear_link(d, conv, cmd, sn, una)
  local flow = d.flow
  local link = flow.links[conv]
  local by_client = sender_is_client(cmd, sn, una)
  if link == nil then
    if cmd >= 87 and cmd <= 89 then
      return nil
    end
    local client = flow.last_link ~= nil and flow.last_link.client or flow.first
    if by_client ~= nil then
      client = by_client and d.source or d.target
    end
    return link_to(flow, conv, new_session(conv, "without login"), client, by_client ~= nil)
  end
  if by_client ~= nil and not link.is_sure and cmd ~= 81 then
    link_to(flow, conv, link.session, by_client and d.source or d.target, true)
  end
  flow.last_link = link
  return link
end

-- Where a sealed datagram belongs that cannot be opened.
local function presumed_link(d, conv, with_block)
  local session = login_session(conv, nil, nil)
  local link = d.flow.links[conv]
  if with_block then
    return link_to(d.flow, conv, session, d.source, true)
  elseif link ~= nil and link.session == session then
    return link
  end
  return link_to(d.flow, conv, session, d.flow.first, false)
end

local function direction_of(session, from_client)
  if from_client then
    return session.from_client, session.from_gateway
  end
  return session.from_gateway, session.from_client
end

-- Whether what stands in a slot was acknowledged since it was captured first.
local function is_acked(direction, sn, slot)
  if direction.acked[slot] ~= nil then
    return true
  end
  return direction.una ~= nil and difference(sn, direction.una) < 0 and not direction.was_below[slot]
end

local function store(direction, sn, slot, ts, moment, at, wnd, una)
  direction.sn[slot] = sn
  direction.first_ts[slot] = ts
  direction.last_ts[slot] = ts
  direction.first_time[slot] = moment.time
  direction.frame[slot] = moment.frame
  direction.print1[slot] = una
  direction.print2[slot] = (moment.bytes * 65536 + at) * 65536 + wnd
  direction.was_copy[slot] = moment.copy
  direction.was_again[slot] = nil
  direction.acked[slot] = nil
  direction.was_below[slot] = nil
  direction.more[slot] = nil
end

-- When the transmission with this `ts` was captured, and in which frame; nil when it was not.
local function transmission(direction, slot, ts)
  if direction.first_ts[slot] == ts then
    return direction.first_time[slot], direction.frame[slot]
  end
  local more = direction.more[slot]
  if more ~= nil then
    for i = #more - 2, 1, -3 do
      if more[i] == ts then
        return more[i + 1], more[i + 2]
      end
    end
  end
  return nil
end

-- First transmissions leave in order: one whose `ts` is newer than that of a higher `sn` is none.
local function is_younger_than_higher(direction, sn, ts)
  if difference(ts, direction.highest_ts) > 0 then
    return true
  end
  for higher = 1, NEIGHBOURS do
    local other = (sn + higher) % RING
    if direction.sn[other] == (sn + higher) % 4294967296 and difference(ts, direction.first_ts[other]) > 0 then
      return true
    end
  end
  return false
end

-- A segment below the highest that is not remembered: overtaken on its way, or first sent before the capture began.
local function take_late(direction, sn, slot, ts, moment, at, wnd, una)
  local acked = direction.una ~= nil and difference(sn, direction.una) < 0
  local again = acked or is_younger_than_higher(direction, sn, ts)
  store(direction, sn, slot, ts, moment, at, wnd, una)
  if not again then
    return MARK.out_of_order
  end
  direction.was_below[slot] = acked or nil
  direction.was_again[slot] = true
  return acked and MARK.retransmission + MARK.spurious or MARK.retransmission
end

-- A PUSH or NEW. Returns its marks, and the frame it was sent in first.
local function take_data(direction, sn, ts, moment, at, wnd, una)
  local slot = sn % RING
  if sn == 0 then
    direction.seen_from_0 = true
  end
  local distance = direction.next == nil and 0 or difference(sn, direction.next)
  if distance > RING or distance < -RING then
    direction.sn = {}
    direction.una = nil
    direction.next = nil
    distance = 0
  end
  if distance >= 0 then
    store(direction, sn, slot, ts, moment, at, wnd, una)
    direction.next = (sn + 1) % 4294967296
    direction.highest_ts = ts
    return 0, nil
  end
  if direction.sn[slot] ~= sn then
    return take_late(direction, sn, slot, ts, moment, at, wnd, una), nil
  end
  local first = direction.frame[slot]
  local age = difference(ts, direction.last_ts[slot])
  local print2 = (moment.bytes * 65536 + at) * 65536 + wnd
  if age == 0 then
    local same
    if moment.numbered then
      same = moment.copy or direction.was_copy[slot]
    else
      same = direction.print1[slot] == una and direction.print2[slot] == print2
    end
    if same then
      return MARK.duplicate, first
    end
  elseif age < 0 and transmission(direction, slot, ts) ~= nil then
    return MARK.duplicate, first
  end
  local more = direction.more[slot]
  if more == nil then
    more = {}
    direction.more[slot] = more
  end
  local count = #more
  more[count + 1], more[count + 2], more[count + 3] = ts, moment.time, moment.frame
  -- Overtaken by its own repetition.
  if age < 0 and direction.was_again[slot] and not is_younger_than_higher(direction, sn, ts) then
    direction.was_again[slot] = nil
    return MARK.out_of_order, first
  end
  if age >= 0 then
    direction.last_ts[slot] = ts
    direction.print1[slot] = una
    direction.print2[slot] = print2
    direction.was_copy[slot] = moment.copy
  end
  return is_acked(direction, sn, slot) and MARK.retransmission + MARK.spurious or MARK.retransmission, first
end

--[[
An ACK of what `direction` sent, of which everything below `before` was acknowledged by datagrams before this one.
Returns whether it says something new, its marks, the frame that it answers and the round trip.
]]
local function take_ack(direction, before, sn, ts, moment)
  local slot = sn % RING
  local is_new = before == nil or difference(sn, before) >= 0
  if direction.sn[slot] ~= sn then
    return is_new, 0, nil, nil
  end
  is_new = is_new and direction.acked[slot] == nil
  local time, frame = transmission(direction, slot, ts)
  local marks = 0
  if time ~= nil and direction.last_ts[slot] ~= ts and direction.more[slot] ~= nil then
    marks = MARK.shows_spurious
  end
  direction.acked[slot] = moment.frame
  if time == nil then
    return is_new, marks, nil, nil
  end
  local rtt = moment.time - time
  if is_new then
    direction.rtt_count = direction.rtt_count + 1
    direction.rtt_sum = direction.rtt_sum + rtt
    direction.rtt_least = math.min(direction.rtt_least or rtt, rtt)
    direction.rtt_most = math.max(direction.rtt_most or rtt, rtt)
  end
  return is_new, marks, frame, rtt
end

-- The `una` of the other side. Returns whether it says something new, and a mark.
local function take_una(direction, una)
  if direction.next == nil then
    return false, 0
  end
  local beyond = difference(una, direction.next)
  if beyond > 0 then
    return false, direction.seen_from_0 and MARK.una_beyond or 0
  end
  if direction.una == nil or difference(una, direction.una) > 0 then
    direction.una = una
    return true, 0
  end
  return false, 0
end

--[[
What the first pass learns of one segment. `moment` says when and where; `own` and `other` are the directions.
Returns marks, a frame and a round trip.
]]
local function learn_segment(session, moment, own, other, cmd, frg, wnd, ts, sn, una, length, at)
  own.segments = own.segments + 1
  local marks, frame, rtt = 0, nil, nil
  local is_new = true
  if cmd == 81 or cmd == 80 then
    marks, frame = take_data(own, sn, ts, moment, at, wnd, una)
    if marks >= MARK.duplicate and marks < MARK.out_of_order then
      own.duplicates = own.duplicates + 1
    else
      own.payload = own.payload + length
      if marks % 2 == 1 then
        own.retransmissions = own.retransmissions + 1
        if marks >= MARK.spurious then
          own.spurious = own.spurious + 1
        end
      end
    end
  elseif cmd == 82 then
    own.acks = own.acks + 1
    is_new, marks, frame, rtt = take_ack(other, moment.una_before, sn, ts, moment)
  elseif cmd == 85 then
    session.close = session.close or format("KICK %d %s", sn, CLOSE_CODES[sn] or "")
  elseif cmd == 86 and ts ~= 0 then
    session.close = session.close or format("FIN %d %s", ts, CLOSE_CODES[ts] or "")
  elseif cmd == 89 then
    session.close = session.close or "RESET"
  end
  if cmd <= 84 then
    if wnd == 0 then
      marks = marks + MARK.zero_window
    end
    local is_new_una, mark = take_una(other, una)
    -- What a copy acknowledges once more was said on the other line.
    if moment.copy and not is_new and not is_new_una then
      mark = mark + MARK.duplicate
    end
    marks = marks + mark
  end
  return marks, frame, rtt
end

local PN_SPAN = 4096

-- Whether a packet number was there before, or is too old to tell.
local function is_repeated(direction, pn)
  local highest = direction.highest_pn
  local seen = direction.pns
  if highest == nil or pn > highest then
    direction.highest_pn = pn
  elseif highest - pn >= PN_SPAN then
    return true
  end
  local slot = pn % PN_SPAN
  if seen[slot] == pn then
    return true
  end
  seen[slot] = pn
  return false
end

-- Counts a datagram for its session.
local function learn_datagram(session, own, moment)
  own.datagrams = own.datagrams + 1
  own.bytes = own.bytes + moment.bytes
  session.first = session.first or moment.time
  session.last = moment.time
end

---------------------------------------------------------------------------------------------------------------------------
-- opening what is sealed
---------------------------------------------------------------------------------------------------------------------------

--[[
Opens a sealed text with whichever key fits, the one that fitted last from there first.
Returns the text and its key; or nil and why not.
]]
local function try_keys(conv, purposes, random, source, pn, additional, text, from, length)
  local list = key_log.keys[conv]
  local tried = false
  if list ~= nil then
    for pass = 1, 2 do
      for i = #list, 1, -1 do
        local key = list[i]
        if
          purposes[key.purpose]
          and (random == nil or random == (key.server_random or key.client_random))
          and (key.last_source == source) == (pass == 1)
        then
          tried = true
          local opened = open_sealed(cipher_of(key), key.iv, pn, additional, text, from, length)
          if opened ~= nil then
            key.last_source = source
            return opened, key
          end
        end
      end
    end
  end
  return nil, tried and "open_failed" or "no_key"
end

-- As try_keys, once for each datagram: later passes find the text in its record.
local function open_text(record, ...)
  if record.text ~= nil then
    return record.text, record.key
  end
  local opened, what = try_keys(...)
  if opened == nil and reread_key_log() then
    opened, what = try_keys(...)
  end
  if opened ~= nil and capture.opened_bytes < MAX_OPENED_BYTES then
    record.text, record.key = opened, what
    capture.opened_bytes = capture.opened_bytes + #opened
  end
  return opened, what
end

---------------------------------------------------------------------------------------------------------------------------
-- taking datagrams apart
---------------------------------------------------------------------------------------------------------------------------

local MIN_DATAGRAM_BYTES = 24
local SEGMENT_HEADER_BYTES = 24
local ADDRESS_BLOCK_BYTES = 20
local TAG_BYTES = 16
local KICK_REASON_MAX_BYTES = 123
local DRAIN_LINES_MAX_BYTES = 1000
local MAX_INFO_PIECES = 12

-- The kind of a datagram, by its length and byte 4.
local function kind_of(text, at, length)
  if length < MIN_DATAGRAM_BYTES then
    return length <= 0 and "empty" or "too_short"
  end
  local four, five = byte(text, at + 5, at + 6)
  if four >= 80 and four <= 95 then
    return "clear"
  elseif four == 0xa0 or four == 0xa4 or four == 0xa8 or four == 0xac then
    return "sealed"
  elseif four >= 0xb0 and four <= 0xb7 then
    return "handshake"
  elseif four >= 0xf1 and four <= 0xf3 and five == 0 then
    return "fec"
  end
  return "unknown_kind"
end

-- What is wrong, as a field to filter by and for people.
local function add_problem(item, code, text)
  item:add(F.problem, code):set_generated()
  item:add_proto_expert_info(X.problem, code .. ": " .. text)
end

local function add_bytes(item, field, tvb, at, length)
  if length > 0 then
    item:add(field, tvb(at, length))
  end
end

-- The address block at `at`, unless the datagram ends inside.
local function add_address_block(item, tvb, raw, at, stop)
  if stop - at < ADDRESS_BLOCK_BYTES then
    return
  end
  local range = tvb(at, ADDRESS_BLOCK_BYTES)
  local version, length = byte(raw, at + 1, at + 2)
  if version ~= 1 or length ~= ADDRESS_BLOCK_BYTES then
    local block = item:add(F.address, range, hex(sub(raw, at + 1, at + ADDRESS_BLOCK_BYTES)))
    add_problem(block, "bad_address_block", "the address block has a bad " .. (version ~= 1 and "version" or "length"))
    return
  end
  local filled = sub(raw, at + 3, at + ADDRESS_BLOCK_BYTES):find("[^\0]") ~= nil
  local text = "not-filled"
  local port = u16be(raw, at + 2)
  if filled then
    local ip = ip_text(sub(raw, at + 5, at + 20))
    text = ip:find(":", 1, true) and format("[%s]:%d", ip, port) or format("%s:%d", ip, port)
  end
  local block = item:add(F.address, range, text)
  block:add(F.address_port, tvb(at + 2, 2))
  block:add(F.address_ip, tvb(at + 4, 16))
end

-- The names that header fields have in some commands; false where they have no meaning.
local PLAIN = {}
local ACK_MEANING = { frg = false }
local WINDOW = { frg = false, ts = false, sn = false }
local PATH = { frg = false, wnd = false, sn = false, una = false }
local NOTHING = { frg = false, wnd = false, ts = false, sn = false, una = false }
local MEANINGS = {
  [82] = ACK_MEANING,
  [83] = WINDOW,
  [84] = WINDOW,
  [85] = { frg = false, wnd = false, ts = "retry_after", sn = "code", una = false },
  [86] = { frg = "acknowledges", wnd = false, ts = "code", sn = "final_sn", una = false },
  [87] = { frg = "index", wnd = false, sn = "number", una = "nonce" },
  [88] = { frg = "index", wnd = "load", sn = "number", una = "nonce" },
  [89] = NOTHING,
  [90] = PATH,
  [91] = PATH,
  [92] = { frg = false, wnd = false, ts = "deadline", sn = "jitter", una = false },
  [93] = { frg = false, wnd = false, ts = false, sn = "counter", una = false },
  [94] = NOTHING,
}

local function add_header_field(item, name, meaning, range)
  local plain = item:add_le(F[name], range)
  if meaning == nil then
    return
  end
  if meaning == false then
    plain:append_text(" (unused)")
    return
  end
  plain:set_hidden()
  if meaning ~= "load" then
    item:add_le(F[meaning], range)
    return
  end
  local value = range:le_uint()
  item:add(F.load, range(0, 1))
  item:add(F.draining, range(1, 1), value % 512 >= 256)
  item:add(F.not_ready, range(1, 1), value % 1024 >= 512)
end

local function add_text(item, field, tvb, raw, at, length, most)
  if length == 0 then
    return
  end
  local text = sub(raw, at + 1, at + length)
  if length > most then
    add_problem(item, "bad_length", format("the text has %d bytes, more than %d", length, most))
  end
  local _, good = read_utf8(text)
  if not good then
    add_problem(item, "bad_utf8", "the text is not UTF-8")
  end
  item:add(field, tvb(at, length), printable((read_utf8(sub(text, 1, cut_length(text, most))))))
end

local function expect_length(item, length, expected)
  if length == expected then
    return true
  end
  add_problem(item, "bad_length", format("the payload has %d bytes instead of %d", length, expected))
  return false
end

local function add_payload(item, cmd, tvb, raw, at, length)
  if cmd == 85 then
    add_text(item, F.reason, tvb, raw, at, length, KICK_REASON_MAX_BYTES)
  elseif cmd == 92 then
    add_text(item, F.lines, tvb, raw, at, length, DRAIN_LINES_MAX_BYTES)
  elseif cmd == 87 then
    if length < 40 then
      add_problem(item, "bad_length", "a PROBE is at least 64 bytes long")
    end
    add_bytes(item, F.padding, tvb, at, length)
  elseif cmd == 88 then
    if expect_length(item, length, 40) then
      add_address_block(item, tvb, raw, at, at + ADDRESS_BLOCK_BYTES)
      item:add_le(F.node_id, tvb(at + 20, 4))
      item:add_le(F.epoch, tvb(at + 24, 4))
      item:add_le(F.retry_after, tvb(at + 28, 4))
    else
      add_bytes(item, F.payload, tvb, at, length)
    end
  elseif cmd == 89 then
    expect_length(item, length, 16)
    add_bytes(item, F.token, tvb, at, length)
  elseif cmd == 90 or cmd == 91 then
    expect_length(item, length, 8)
    add_bytes(item, F.data, tvb, at, length)
  elseif cmd == 94 then
    add_bytes(item, F.padding, tvb, at, length)
  else
    if cmd == 82 or cmd == 83 or cmd == 84 or cmd == 86 then
      expect_length(item, length, 0)
    end
    add_bytes(item, F.payload, tvb, at, length)
  end
end

-- One line about a segment, for the tree and the info column.
local function summary_of(name, cmd, frg, ts, sn, una, length)
  if cmd == 81 or cmd == 80 or cmd == 93 then
    return format(cmd == 93 and "%s n=%d len=%d" or "%s sn=%d len=%d", name, sn, length)
  elseif cmd == 82 then
    return format("ACK sn=%d una=%d", sn, una)
  elseif cmd == 85 then
    return format("KICK %d %s", sn, CLOSE_CODES[sn] or "")
  elseif cmd == 86 then
    return format("%s sn=%d code=%d", frg == 0 and "FIN" or "FIN_ACK", sn, ts)
  end
  return name
end

-- What is known of a segment beyond its bytes.
local function add_marks(item, marks, frame, rtt)
  if frame ~= nil then
    item:add(rtt ~= nil and F.acks_frame or F.first_frame, frame):set_generated()
  end
  if rtt ~= nil then
    local seconds = floor(rtt)
    item:add(F.rtt, NSTime.new(seconds, floor((rtt - seconds) * 1e9 + 0.5))):set_generated()
  end
  if marks == 0 then
    return ""
  end
  local text = ""
  local function mark(bit, key, field, words)
    if band(marks, bit) ~= 0 then
      if field ~= nil then
        item:add(field, true):set_generated()
      end
      item:add_proto_expert_info(X[key])
      text = text .. " [" .. words .. "]"
    end
  end
  mark(MARK.duplicate, "duplicate", F.duplicate, "duplicate")
  mark(MARK.spurious, "spurious", F.spurious, "spurious")
  mark(MARK.retransmission, "retransmission", F.retransmission, "retransmission")
  mark(MARK.out_of_order, "out_of_order", F.out_of_order, "out of order")
  mark(MARK.zero_window, "zero_window", F.zero_window, "window 0")
  mark(MARK.una_beyond, "una_beyond_sent", nil, "una beyond sent")
  mark(MARK.shows_spurious, "shows_spurious", nil, "of the first transmission")
  return text
end

local function tell(d, text)
  local pieces = d.info
  pieces[#pieces + 1] = text
end

-- Marks of the next segment of this datagram: learned now, or before.
local function marks_of(d, cmd, frg, wnd, ts, sn, una, length, at)
  local session = d.session
  if session == nil then
    return 0, nil, nil
  end
  d.segments = d.segments + 1
  local number = d.segments
  local record = d.record
  if d.is_repeated then
    if d.learning and cmd <= 81 then
      d.own.duplicates = d.own.duplicates + 1
    end
    return MARK.duplicate, nil, nil
  end
  if d.learning then
    local marks, frame, rtt = learn_segment(session, d.moment, d.own, d.other, cmd, frg, wnd, ts, sn, una, length, at)
    if marks ~= 0 then
      record.marks = record.marks or {}
      record.marks[number] = marks
    end
    if frame ~= nil then
      record.frames = record.frames or {}
      record.frames[number] = frame
    end
    if rtt ~= nil then
      record.rtts = record.rtts or {}
      record.rtts[number] = rtt
    end
    return marks, frame, rtt
  end
  return record.marks and record.marks[number] or 0,
    record.frames and record.frames[number],
    record.rtts and record.rtts[number]
end

-- The segment at `at`, of which at least the header is there. Returns where the next begins.
local function add_segment(d, tree, tvb, raw, from, at, stop, conv)
  local own_conv = u32(raw, at)
  local cmd, frg = byte(raw, at + 5, at + 6)
  local wnd, ts, sn, una, claimed = u16(raw, at + 6), u32(raw, at + 8), u32(raw, at + 12), u32(raw, at + 16), u32(raw, at + 20)
  local name = COMMAND_NAMES[cmd]
  local payload_at = at + SEGMENT_HEADER_BYTES + (cmd == 80 and ADDRESS_BLOCK_BYTES or 0)
  local available = stop - payload_at
  local length = math.min(claimed, math.max(0, available))
  local next = math.min(stop, payload_at + length)
  local item = tree:add(F.unit, tvb(at, next - at), name or "UNKNOWN_" .. cmd)
  item:add_le(F.conv, tvb(at, 4))
  item:add(F.cmd, tvb(at + 4, 1))
  local meaning = MEANINGS[cmd] or PLAIN
  add_header_field(item, "frg", meaning.frg, tvb(at + 5, 1))
  add_header_field(item, "wnd", meaning.wnd, tvb(at + 6, 2))
  add_header_field(item, "ts", meaning.ts, tvb(at + 8, 4))
  add_header_field(item, "sn", meaning.sn, tvb(at + 12, 4))
  add_header_field(item, "una", meaning.una, tvb(at + 16, 4))
  item:add_le(F.len, tvb(at + 20, 4))
  if own_conv ~= conv then
    add_problem(item, "conv_mismatch", "another conv than what stands in front of it")
  end
  if name == nil then
    add_problem(item, "unknown_command", cmd .. " is not a command")
  end
  if cmd == 80 then
    add_address_block(item, tvb, raw, at + SEGMENT_HEADER_BYTES, stop)
  end
  if available < 0 then
    add_problem(item, "truncated_address_block", "the datagram ends inside the address block")
  elseif claimed > available then
    add_problem(item, "truncated_payload", format("len is %d, but %d bytes follow", claimed, available))
  end
  add_payload(item, cmd, tvb, raw, math.min(payload_at, stop), length)
  local text = summary_of(name or "UNKNOWN_" .. cmd, cmd, frg, ts, sn, una, length)
  local is_whole = available >= 0 and claimed <= available
  if is_whole and own_conv == conv then
    local marks, frame, rtt = marks_of(d, cmd, frg, wnd, ts, sn, una, length, at - from)
    if marks ~= 0 or frame ~= nil then
      text = text .. add_marks(item, marks, frame, rtt)
    end
  end
  if cmd == 85 then
    item:add_proto_expert_info(X.kick)
  elseif cmd == 89 then
    item:add_proto_expert_info(X.reset)
  end
  item:set_text(text)
  tell(d, text)
  return next
end

-- The segments from `from` to `stop`, whose conv is `conv`.
local function add_segments(d, tree, tvb, raw, from, stop, conv)
  local at = from
  while stop - at >= SEGMENT_HEADER_BYTES do
    at = add_segment(d, tree, tvb, raw, from, at, stop, conv)
  end
  if at < stop then
    add_problem(tree, "trailing_bytes", format("%d bytes after the last segment", stop - at))
  end
end

-- From now on this datagram belongs to a session, or to none. Later passes find what the first one learned.
local function belong(d, link)
  local record = d.record
  if d.learning and link ~= nil then
    record.session = link.session.number
    record.from_client = link.client == d.source
  end
  if record.session == nil then
    return
  end
  local session = capture.list[record.session + 1]
  d.session = session
  d.tree:add(F.session, record.session):set_generated()
  d.tree:add(F.from_client, record.from_client):set_generated()
  if d.learning then
    d.own, d.other = direction_of(session, record.from_client)
    d.moment.una_before = d.other.una
    learn_datagram(session, d.own, d.moment)
  end
end

-- Keys that may open a datagram.
local EARLY_PURPOSE, SERVER_PURPOSE, SEALED_PURPOSES = { early = true }, { server = true }, { client = true, server = true }

-- Shows ciphertext and tag, and opens it. Returns the text and its key; nil when it cannot be opened.
local function open_and_show(d, item, tvb, raw, at, stop, conv, purposes, random, additional, pn)
  local tag_at = stop - TAG_BYTES
  add_bytes(item, F.ciphertext, tvb, at, tag_at - at)
  item:add(F.tag, tvb(tag_at, TAG_BYTES))
  local opened, what = nil, "cut_off"
  if not d.is_cut then
    opened, what = open_text(d.record, conv, purposes, random, d.source, pn, additional, raw, at, tag_at - at)
  end
  item:add(F.decrypted, opened ~= nil):set_generated()
  if opened == nil then
    item:add(F.sealed_because, what):set_generated()
    if what == "open_failed" then
      item:add_proto_expert_info(X.open_failed)
    end
    return nil, nil
  end
  return opened, what
end

-- The segments of what was opened.
local function add_opened(d, opened, conv)
  if opened ~= nil and #opened > 0 then
    add_segments(d, d.tree, ByteArray.new(opened, true):tvb("Decrypted"), opened, 0, #opened, conv)
  end
end

local function add_sealed(d, tvb, raw, at, stop)
  local tree = d.tree
  local conv = u32(raw, at)
  local four = byte(raw, at + 5)
  local copy = band(four, 0x08) ~= 0
  local with_block = band(four, 0x04) ~= 0
  local item = tree:add(F.unit, tvb(at, stop - at), copy and "SEALED_COPY" or "SEALED")
  local pn = u48(raw, at + 6)
  item:add_le(F.conv, tvb(at, 4))
  local kind = item:add(F.byte4, tvb(at + 4, 1))
  kind:add(F.has_block, tvb(at + 4, 1))
  kind:add(F.copy, tvb(at + 4, 1))
  item:add(F.path_id, tvb(at + 5, 1))
  item:add_le(F.pn, tvb(at + 6, 6))
  item:set_text(format("%s pn=%d path=%d", copy and "SEALED_COPY" or "SEALED", pn, byte(raw, at + 6)))
  tell(d, format("%s pn=%d", copy and "copy" or "sealed", pn))
  local text_at = at + (with_block and 12 + ADDRESS_BLOCK_BYTES or 12)
  if with_block then
    add_address_block(item, tvb, raw, at + 12, stop)
  end
  d.moment.copy = copy
  if stop - text_at < TAG_BYTES then
    add_problem(item, "truncated_tag", "the datagram ends in front of the end of its tag")
    local rest = (with_block and stop - at >= 12 + ADDRESS_BLOCK_BYTES) and text_at or at + 12
    add_bytes(item, F.rest, tvb, rest, stop - rest)
    return
  end
  local additional = sub(raw, at + 1, at + 12)
  local opened, key = open_and_show(d, item, tvb, raw, text_at, stop, conv, SEALED_PURPOSES, nil, additional, pn)
  if not d.learning then
    belong(d, nil)
    d.is_repeated = d.record.is_repeated
  elseif opened == nil then
    belong(d, presumed_link(d, conv, with_block))
  else
    d.moment.numbered = true
    local client = key.purpose == "client" and d.source or d.target
    belong(d, link_to(d.flow, conv, login_session(conv, "sealed", key.client_random), client, true))
    d.is_repeated = is_repeated(d.own, pn)
    d.record.is_repeated = d.is_repeated or nil
  end
  add_opened(d, opened, conv)
end

local HELLO_FAULTS = {
  hello_truncated = "the datagram ends inside the handshake header, the address block or the tag",
  hello_kind = "this handshake message has no address block, or does not exist",
  hello_version = "the version of the handshake is not 1",
  hello_reserved = "the six bytes behind the version are not zero",
  hello_ticket_length = "no ticket is so short or so long",
}

-- Layout of a HELLO or HELLO_CLEAR: nil and its fault, or where the address block (nil without) and the body begin.
local function hello_layout(raw, at, length, base, with_block)
  if length < 30 then
    return nil, "hello_truncated"
  elseif byte(raw, at + 6) ~= 1 then
    return nil, "hello_version"
  elseif base == 0xb2 and u48(raw, at + 6) ~= 0 then
    return nil, "hello_reserved"
  end
  local ticket = u16(raw, at + 28)
  if ticket < 86 or ticket > 1024 then
    return nil, "hello_ticket_length"
  end
  local header = 30 + ticket + (with_block and ADDRESS_BLOCK_BYTES or 0)
  if length < header + (base == 0xb0 and TAG_BYTES or 0) then
    return nil, "hello_truncated"
  end
  return at + header, nil, ticket
end

local function hello_ack_layout(raw, at, length, four)
  if length < 28 then
    return nil, "hello_truncated"
  elseif four ~= 0xb1 and four ~= 0xb3 then
    return nil, "hello_kind"
  elseif byte(raw, at + 6) ~= 1 then
    return nil, "hello_version"
  elseif four == 0xb3 and u48(raw, at + 6) ~= 0 then
    return nil, "hello_reserved"
  elseif four == 0xb1 and length < 28 + TAG_BYTES then
    return nil, "hello_truncated"
  end
  return at + 28, nil
end

local function add_ticket(item, tvb, at, length)
  item:add(F.ticket_version, tvb(at, 1))
  item:add(F.ticket_key_id, tvb(at + 1, 1))
  item:add(F.ticket_nonce, tvb(at + 2, 12))
  item:add(F.ticket_text, tvb(at + 14, length - 30))
  item:add(F.ticket_tag, tvb(at + length - 16, 16))
end

-- What all four have, as far as it is there. Returns where the random ends.
local function add_handshake_head(item, tvb, at, stop)
  item:add_le(F.conv, tvb(at, 4))
  item:add(F.byte4, tvb(at + 4, 1)):add(F.has_block, tvb(at + 4, 1))
  item:add(F.version, tvb(at + 5, 1))
  item:add_le(F.pn, tvb(at + 6, 6))
  local random_end = math.min(at + 28, stop)
  add_bytes(item, F.random, tvb, at + 12, random_end - at - 12)
  return random_end
end

-- The session of a handshake datagram. client_random: nil when it is not known.
local function belong_handshake(d, conv, is_hello, is_clear, client_random)
  local link = nil
  if d.learning then
    local session = login_session(conv, is_clear and "clear" or "sealed", client_random)
    link = link_to(d.flow, conv, session, is_hello and d.source or d.target, true)
  end
  belong(d, link)
end

local function add_handshake(d, tvb, raw, at, stop)
  local conv, pn = u32(raw, at), u48(raw, at + 6)
  local four = byte(raw, at + 5)
  local with_block = band(four, 0x04) ~= 0
  local base = with_block and four - 4 or four
  local is_hello, is_clear = base == 0xb0 or base == 0xb2, base >= 0xb2
  local body_at, fault, ticket
  if is_hello then
    body_at, fault, ticket = hello_layout(raw, at, stop - at, base, with_block)
  else
    body_at, fault = hello_ack_layout(raw, at, stop - at, four)
  end
  local name = HANDSHAKE_NAMES[base]
  local unit_end = (fault == nil and is_clear) and body_at or stop
  local item = d.tree:add(F.unit, tvb(at, unit_end - at), name)
  local text = is_clear and name or format("%s pn=%d", name, pn)
  item:set_text(text)
  tell(d, text)
  local random_end = add_handshake_head(item, tvb, at, stop)
  local random = sub(raw, at + 13, random_end)
  if fault ~= nil then
    add_problem(item, fault, HELLO_FAULTS[fault])
    add_bytes(item, F.rest, tvb, random_end, stop - random_end)
    if d.is_cut and not is_clear then
      item:add(F.decrypted, false):set_generated()
      item:add(F.sealed_because, "cut_off"):set_generated()
    end
    belong_handshake(d, conv, is_hello, is_clear, (is_hello and #random == 16) and random or nil)
    return
  end
  if is_hello then
    item:add_le(F.ticket_length, tvb(at + 28, 2))
    add_ticket(item, tvb, at + 30, ticket)
    if with_block then
      add_address_block(item, tvb, raw, body_at - ADDRESS_BLOCK_BYTES, body_at)
    end
  end
  if is_clear then
    belong_handshake(d, conv, is_hello, is_clear, is_hello and random or nil)
    add_segments(d, d.tree, tvb, raw, body_at, stop, conv)
    return
  end
  local additional = sub(raw, at + 1, is_hello and at + 30 + ticket or at + 28)
  local purposes = is_hello and EARLY_PURPOSE or SERVER_PURPOSE
  local opened, key = open_and_show(d, item, tvb, raw, body_at, stop, conv, purposes, random, additional, pn)
  belong_handshake(d, conv, is_hello, is_clear, is_hello and random or (key ~= nil and key.client_random or nil))
  add_opened(d, opened, conv)
end

local function add_clear(d, tvb, raw, at, stop)
  local conv = u32(raw, at)
  local link = nil
  if d.learning then
    link = clear_link(d, conv, byte(raw, at + 5), u32(raw, at + 12), u32(raw, at + 16))
  end
  belong(d, link)
  add_segments(d, d.tree, tvb, raw, at, stop, conv)
end

local function add_fec(d, tvb, raw, at, stop)
  local type = u16(raw, at + 4)
  local name = FEC_NAMES[type]
  local is_parity = type == 0xf2
  local inner = at + 8
  local size = is_parity and 0 or u16(raw, at + 6)
  local counted = size - 2
  local fits = is_parity or (counted >= 0 and counted <= stop - inner)
  local inner_end = (fits and not is_parity) and inner + counted or stop
  local item = d.tree:add(F.unit, tvb(at, (type == 0xf1 and inner or inner_end) - at), name)
  item:set_text(format("%s seqid=%d", name, u32(raw, at)))
  tell(d, format("%s seqid=%d", name, u32(raw, at)))
  item:add_le(F.fec_seqid, tvb(at, 4))
  item:add_le(F.fec_type, tvb(at + 4, 2))
  if is_parity then
    add_bytes(item, F.code_words, tvb, at + 6, stop - at - 6)
    return
  end
  item:add_le(F.fec_size, tvb(at + 6, 2))
  if not fits then
    add_problem(item, "bad_fec_size", format("size %d does not fit the datagram", size))
  end
  if type == 0xf3 then
    if inner_end - inner < 4 then
      add_problem(item, "too_short", "no room for a conv inside")
    else
      item:add_le(F.conv, tvb(inner, 4))
      add_bytes(item, F.payload, tvb, inner + 4, inner_end - inner - 4)
    end
  elseif kind_of(raw, inner, inner_end - inner) == "clear" then
    add_clear(d, tvb, raw, inner, inner_end)
  elseif inner_end - inner < MIN_DATAGRAM_BYTES then
    add_problem(item, "too_short", "no room for a segment inside")
  else
    add_problem(item, "unknown_kind", "what is inside does not begin with a segment")
  end
  if inner_end < stop then
    add_problem(d.tree, "trailing_bytes", format("%d bytes after the FEC packet", stop - inner_end))
  end
end

-- Whether segments stand from `at` to `stop`: the length of the first has to fit, and that of a second one.
local function looks_clear(raw, at, stop, missing)
  local conv = nil
  local from = at
  while stop - from >= SEGMENT_HEADER_BYTES do
    local cmd = byte(raw, from + 5)
    if cmd < 80 or cmd > 95 or (conv ~= nil and conv ~= u32(raw, from)) then
      return false
    end
    local next = from + SEGMENT_HEADER_BYTES + (cmd == 80 and ADDRESS_BLOCK_BYTES or 0) + u32(raw, from + 20)
    if next > stop + missing then
      return false
    elseif conv ~= nil then
      return true
    end
    conv = u32(raw, from)
    from = next
  end
  return conv ~= nil
end

-- Whether an FEC packet is one: sizes fit, or the flow has had some. `flow` is nil where a checksum has proved the bytes.
local function looks_like_fec(flow, raw, at, stop, missing)
  local type = u16(raw, at + 4)
  if type == 0xf2 then
    return flow == nil or flow.fec > 0
  end
  local counted = u16(raw, at + 6) - 2
  if counted < 0 or counted > stop + missing - at - 8 then
    return false
  elseif type == 0xf3 then
    return flow == nil or flow.fec > 0
  end
  return flow == nil or looks_clear(raw, at + 8, math.min(at + 8 + counted, stop), missing)
end

-- A datagram of kcp-go with `crypt: none`: nonce and a CRC-32 of all behind them, then what would stand alone without.
local function is_plain_kcp_go(raw, at, stop)
  if stop - at < 20 + MIN_DATAGRAM_BYTES then
    return false
  end
  local kind = kind_of(raw, at + 20, stop - at - 20)
  return (kind == "clear" or kind == "fec") and crc_of(CRC32, sub(raw, at + 21, stop), 0) == u32(raw, at + 16)
end

--[[
What a datagram is. Byte 4 alone decides little, as encrypted datagrams look random: lengths have to fit as well, a checksum has
to be right, or others of the flow have to have been of that kind.
]]
local function recognise(d, raw, at, stop)
  local kind = kind_of(raw, at, stop - at)
  local missing = d.missing
  if kind == "clear" and looks_clear(raw, at, stop, missing) then
    -- The number of an FEC packet behind a header of kcp-go is small, and stands where a segment has its length.
    if missing == 0 and kind_of(raw, at + 20, stop - at - 20) == "fec" and is_plain_kcp_go(raw, at, stop) then
      return "kcp_go_crypt"
    end
    return "clear"
  elseif kind == "handshake" then
    -- Two bytes make an answer; of what is encrypted one in 32,768 packets has them.
    if missing == 0 and is_plain_kcp_go(raw, at, stop) then
      return "kcp_go_crypt"
    end
    local four = byte(raw, at + 5)
    local base = band(four, 0x04) ~= 0 and four - 4 or four
    local fault
    if base == 0xb0 or base == 0xb2 then
      _, fault = hello_layout(raw, at, stop - at, base, base ~= four)
    else
      _, fault = hello_ack_layout(raw, at, stop - at, four)
    end
    local is_noise = d.flow.opaque > 8 and d.flow.clear + d.flow.sealed + d.flow.handshake == 0
    if not is_noise and (fault == nil or fault == "hello_truncated") then
      return "handshake"
    end
  elseif kind == "fec" and looks_like_fec(d.flow, raw, at, stop, missing) then
    return "fec"
  end
  local conv = stop - at >= 4 and u32(raw, at) or 0
  local newest = capture.newest[conv]
  local knows_sealed = (newest ~= nil and newest.kind == "sealed") or key_log.keys[conv] ~= nil
  -- The checksum takes a while: what is expected needs none.
  if not (kind == "sealed" and knows_sealed) and missing == 0 and is_plain_kcp_go(raw, at, stop) then
    return "kcp_go_crypt"
  elseif kind == "sealed" and (knows_sealed or (d.flow.opaque <= d.flow.sealed and conv ~= 0)) then
    return "sealed"
  elseif kind == "clear" and d.flow.links[conv] ~= nil then
    return "clear"
  end
  return "opaque"
end

local function add_kcp_go(d, tvb, raw, at, stop)
  local item = d.tree:add(F.unit, tvb(at, 20), "KCP_GO_CRYPT")
  item:set_text("kcp-go header, not encrypted")
  item:add(F.kcp_go_nonce, tvb(at, 16))
  item:add_le(F.kcp_go_crc, tvb(at + 16, 4))
  tell(d, "kcp-go")
  if kind_of(raw, at + 20, stop - at - 20) == "fec" then
    add_fec(d, tvb, raw, at + 20, stop)
  else
    add_clear(d, tvb, raw, at + 20, stop)
  end
end

---------------------------------------------------------------------------------------------------------------------------
-- PROXY and SPP
---------------------------------------------------------------------------------------------------------------------------

local PROXY_V2_SIGNATURE = "\r\n\r\n\0\r\nQUIT\n"
local PROXY_V1_MAX_BYTES = 107
local PROXY_V2_MAX_BYTES = 4096
local SPP_BYTES = 38

local PROXY_FAULTS = {
  proxy_malformed = "it begins like a PROXY header, but is none",
  proxy_version = "version or command of the PROXY header is not known",
  proxy_family = "address family or transport of the PROXY header is not known",
  proxy_oversize = "the PROXY header is longer than is accepted",
  proxy_checksum = "the CRC-32C of the PROXY header does not match",
  proxy_incomplete = "the datagram ends inside its proxy header",
}

local function add_proxy_pair(item, tvb, source, destination, source_port, destination_port, places)
  item:add(F.proxy_source, tvb(places[1], places[2]), source)
  item:add(F.proxy_destination, tvb(places[3], places[4]), destination)
  item:add(F.proxy_source_port, tvb(places[5], places[6]), source_port)
  item:add(F.proxy_destination_port, tvb(places[7], places[8]), destination_port)
end

local function read_port(text)
  local good = text:find("^%d%d?%d?%d?%d?$") and not text:find("^0.") and tonumber(text) <= 65535
  return good and tonumber(text) or nil
end

-- Length of the line of version 1, without its end; or nil and what is wrong: "none", "incomplete" or a fault.
local function proxy_v1_length(raw)
  local known = math.min(#raw, 6)
  if sub(raw, 1, known) ~= sub("PROXY ", 1, known) then
    return nil, "none"
  elseif known < 6 then
    return nil, "incomplete"
  end
  local line_end = raw:find("[\r\n]", 7)
  local limit = math.min(#raw, PROXY_V1_MAX_BYTES)
  if line_end == nil or line_end > limit or (line_end == limit and byte(raw, line_end) == 13) then
    return nil, #raw < PROXY_V1_MAX_BYTES and "incomplete" or "proxy_oversize"
  elseif sub(raw, line_end, line_end + 1) ~= "\r\n" then
    return nil, "proxy_malformed"
  end
  return line_end - 1, nil
end

-- What stands in front of a datagram or stream. Returns its length and how to show it; or nil and what is wrong.
local function parse_proxy_v1(raw)
  local length, what = proxy_v1_length(raw)
  if length == nil then
    return nil, what
  end
  local line = sub(raw, 1, length)
  local family = line:match("^PROXY (%S*)")
  if line:find("^PROXY UNKNOWN$") or line:find("^PROXY UNKNOWN ") then
    return length + 2,
      function(item, tvb)
        item:add(F.proxy_family, tvb(6, 7), "UNKNOWN")
        if length > 13 then
          item:add(F.proxy_rest, tvb(13, length - 13), printable((read_utf8(sub(line, 14)))))
        end
      end,
      "PROXY_V1"
  end
  local source, destination, source_port, destination_port = line:match("^PROXY TCP[46] ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*)$")
  if source == nil then
    return nil, "proxy_malformed"
  end
  local from = read_ip(source, family == "TCP4")
  -- nginx behind itself names a destination of the other family.
  local to = read_ip(destination, family == "TCP4") or read_ip(destination, family ~= "TCP4")
  local from_port, to_port = read_port(source_port), read_port(destination_port)
  if from == nil or to == nil or from_port == nil or to_port == nil then
    return nil, "proxy_malformed"
  end
  return length + 2,
    function(item, tvb)
      local at = 11
      local places = {}
      for _, word in ipairs({ source, destination, source_port, destination_port }) do
        places[#places + 1], places[#places + 2] = at, #word
        at = at + #word + 1
      end
      item:add(F.proxy_family, tvb(6, 4), family)
      add_proxy_pair(item, tvb, ip_text(from), ip_text(to), from_port, to_port, places)
    end,
    "PROXY_V1"
end

-- Whether the TLVs from `at` on fit and their checksum is right: nil, or the fault.
local function check_tlvs(raw, at, total)
  local crc_at = nil
  while at < total do
    if total - at < 3 then
      return "proxy_malformed"
    end
    local length = u16be(raw, at + 1)
    if length > total - at - 3 then
      return "proxy_malformed"
    end
    if byte(raw, at + 1) == 0x03 then
      if length ~= 4 or crc_at ~= nil then
        return "proxy_malformed"
      end
      crc_at = at + 3
    end
    at = at + 3 + length
  end
  if crc_at == nil then
    return nil
  end
  local zeroed = sub(raw, 1, crc_at) .. "\0\0\0\0" .. sub(raw, crc_at + 5, total)
  return crc_of(CRC32C, zeroed, 0) ~= u32be(raw, crc_at) and "proxy_checksum" or nil
end

local function add_proxy_v2_head(item, tvb, family)
  item:add(F.proxy_command, tvb(12, 1))
  item:add(F.proxy_family, tvb(13, 1), PROXY_FAMILIES[family] or format("0x%x", family))
  item:add(F.proxy_length, tvb(14, 2))
end

local function parse_proxy_v2(raw)
  local known = math.min(#raw, 12)
  if sub(raw, 1, known) ~= sub(PROXY_V2_SIGNATURE, 1, known) then
    return nil, "none"
  elseif #raw < 16 then
    return nil, "incomplete", 16
  end
  local command, family = byte(raw, 13, 14)
  if command ~= 0x20 and command ~= 0x21 then
    return nil, "proxy_version"
  end
  local total = 16 + u16be(raw, 14)
  if total > PROXY_V2_MAX_BYTES then
    return nil, "proxy_oversize"
  elseif #raw < total then
    return nil, "incomplete", total
  end
  local transport = family % 16
  local net = (family - transport) / 16
  if command == 0x21 and (net > 3 or transport > 2) then
    return nil, "proxy_family"
  end
  if command == 0x20 or net == 0 or net == 3 or transport == 0 then
    return total,
      function(item, tvb)
        add_proxy_v2_head(item, tvb, family)
        add_bytes(item, F.proxy_skipped, tvb, 16, total - 16)
      end,
      "PROXY_V2"
  end
  local ip_bytes = net == 1 and 4 or 16
  local ports_at = 16 + 2 * ip_bytes
  if total < ports_at + 4 then
    return nil, "proxy_malformed"
  end
  local fault = check_tlvs(raw, ports_at + 4, total)
  if fault ~= nil then
    return nil, fault
  end
  return total,
    function(item, tvb)
      add_proxy_v2_head(item, tvb, family)
      local prefix = net == 1 and MAPPED or ""
      add_proxy_pair(
        item,
        tvb,
        ip_text(prefix .. sub(raw, 17, 16 + ip_bytes)),
        ip_text(prefix .. sub(raw, 17 + ip_bytes, ports_at)),
        u16be(raw, ports_at),
        u16be(raw, ports_at + 2),
        { 16, ip_bytes, 16 + ip_bytes, ip_bytes, ports_at, 2, ports_at + 2, 2 }
      )
      local at = ports_at + 4
      while at < total do
        local length = u16be(raw, at + 1)
        local tlv = item:add(F.proxy_tlv_type, tvb(at, 1))
        add_bytes(tlv, F.proxy_tlv, tvb, at + 3, length)
        at = at + 3 + length
      end
    end,
    "PROXY_V2"
end

local function parse_spp(raw)
  if #raw > 0 and byte(raw, 1) ~= 0x56 or #raw > 1 and byte(raw, 2) ~= 0xec then
    return nil, "none"
  elseif #raw < SPP_BYTES then
    return nil, "incomplete"
  end
  return SPP_BYTES,
    function(item, tvb)
      add_proxy_pair(
        item,
        tvb,
        ip_text(sub(raw, 3, 18)),
        ip_text(sub(raw, 19, 34)),
        u16be(raw, 34),
        u16be(raw, 36),
        { 2, 16, 18, 16, 34, 2, 36, 2 }
      )
    end,
    "SPP"
end

local PROXY_AUTO, PROXY_PROXY, PROXY_SPP = 1, 3, 4

-- Two bytes are little: what follows has to be a datagram, and it must not be one as it stands.
local function is_likely_spp(raw)
  if #raw < SPP_BYTES or looks_clear(raw, 0, #raw, 0) then
    return false
  elseif #raw == SPP_BYTES then
    return true
  end
  local kind = kind_of(raw, SPP_BYTES, #raw - SPP_BYTES)
  if kind == "clear" then
    return looks_clear(raw, SPP_BYTES, #raw, 0)
  end
  return kind == "sealed" or kind == "handshake" or kind == "fec"
end

-- The header in front of a UDP datagram. Returns its length, how to show it, its name; nil when there is none, or a fault.
local function find_proxy(raw)
  local mode = kcpgate.prefs.proxy
  local first = byte(raw, 1)
  local parse
  if first == 0x50 and (mode == PROXY_AUTO or mode == PROXY_PROXY) then
    parse = parse_proxy_v1
  elseif first == 0x0d and (mode == PROXY_AUTO or mode == PROXY_PROXY) then
    parse = parse_proxy_v2
  elseif first == 0x56 and (mode == PROXY_SPP or (mode == PROXY_AUTO and is_likely_spp(raw))) then
    parse = parse_spp
  end
  if parse == nil then
    return nil, nil
  end
  local length, show, name = parse(raw)
  if length ~= nil then
    return length, show, name
  elseif show == "none" then
    return nil, nil
  elseif show == "incomplete" then
    -- The shortest things that begin alike are no headers.
    return nil, (mode ~= PROXY_AUTO or #raw >= 6) and "proxy_incomplete" or nil
  end
  return nil, show
end

---------------------------------------------------------------------------------------------------------------------------
-- carriers
---------------------------------------------------------------------------------------------------------------------------

-- The largest `mtu` of a gateway; longer ones were glued together by a kernel (UDP_SEGMENT, UDP_GRO).
local LARGEST_PLAIN_BYTES = 1500
local SEALED_HEADER_BYTES = 12
-- Header and tag.
local SEALED_OVERHEAD_BYTES = SEALED_HEADER_BYTES + TAG_BYTES
-- Of packet numbers, between two datagrams that were glued together.
local MAX_PN_STEP = 4096

-- Whether datagrams begin at every multiple of `size` in front of `stop`.
local function is_throughout(size, stop, is_beginning)
  for from = size, stop - 1, size do
    if not is_beginning(from) then
      return false
    end
  end
  return true
end

-- Sealed datagrams of one size in `raw`: packet numbers rise from one to the next. Returns the size; nil: it is one.
local function sealed_size(raw)
  local conv = sub(raw, 1, 4)
  local stop = #raw - SEALED_HEADER_BYTES
  local last = math.min(LARGEST_PLAIN_BYTES, stop)
  local place = raw:find(conv, SEALED_OVERHEAD_BYTES + 1, true)
  while place ~= nil and place - 1 <= last do
    local size = place - 1
    local fits = is_throughout(size, stop, function(from)
      local step = u48(raw, from + 6) - u48(raw, from - size + 6)
      return sub(raw, from + 1, from + 4) == conv
        and kind_of(raw, from, SEALED_OVERHEAD_BYTES) == "sealed"
        and step >= 1
        and step <= MAX_PN_STEP
    end)
    if fits then
      return size
    end
    place = raw:find(conv, place + 1, true)
  end
  return nil
end

-- Datagrams in clear: the largest size at which segments begin throughout. Returns it; nil: they are one.
local function clear_size(raw)
  local begins = {}
  local stop, at = #raw, 0
  while stop - at >= SEGMENT_HEADER_BYTES do
    local cmd = byte(raw, at + 5)
    if cmd < 80 or cmd > 95 then
      return nil
    end
    begins[at] = true
    local next = at + SEGMENT_HEADER_BYTES + (cmd == 80 and ADDRESS_BLOCK_BYTES or 0) + u32(raw, at + 20)
    if next > stop then
      break
    end
    at = next
  end
  for size = math.min(LARGEST_PLAIN_BYTES, stop - 1), SEGMENT_HEADER_BYTES, -1 do
    if begins[size] and is_throughout(size, math.min(at, stop), function(from)
      return begins[from]
    end) then
      return size
    end
  end
  return nil
end

--[[
The size of the datagrams in what was captured as one UDP datagram; all but the last have it. nil: there is only one, or it does
not show. It stands nowhere: it is found by where headers stand. Segments in clear may stand one behind the other in one
datagram, too, so only what is too long for one is taken apart.
total: bytes with those that were not captured.
]]
local function glued_size(raw, total)
  if #raw < 2 * SEALED_OVERHEAD_BYTES then
    return nil
  end
  local kind = kind_of(raw, 0, #raw)
  if kind == "sealed" then
    return sealed_size(raw)
  elseif kind == "clear" and total > LARGEST_PLAIN_BYTES and total < 0x10000 then
    return clear_size(raw)
  end
  return nil
end

-- What the info column was given last, and in which frame: a frame may have several datagrams.
local shown = { frame = 0, text = "", count = 0 }

local function set_columns(pinfo, info)
  local text = #info > MAX_INFO_PIECES and concat(info, ", ", 1, MAX_INFO_PIECES) .. ", ..." or concat(info, ", ")
  local column = pinfo.cols.info
  -- What carries them (WebSocket) may have written behind what was shown: only what is fenced stays.
  local is_next = shown.frame == pinfo.number and tostring(column):find(shown.text, 1, true) ~= nil
  shown.count = is_next and shown.count + 1 or 1
  if not is_next then
    pinfo.cols.protocol = "KCPGATE"
    column:set(text)
  elseif shown.count <= MAX_INFO_PIECES then
    column:set(" | " .. text)
  else
    column:set(shown.count == MAX_INFO_PIECES + 1 and " | ..." or "")
    column:fence()
    return
  end
  column:fence()
  shown.frame, shown.text = pinfo.number, text
end

local DISSECTORS = {
  clear = add_clear,
  sealed = add_sealed,
  handshake = add_handshake,
  fec = add_fec,
  kcp_go_crypt = add_kcp_go,
}

-- What is known of this datagram from the first pass; a new record, to be filled in, in that pass itself.
local function find_record(d)
  local number = d.pinfo.number
  local frame = capture.frames[number]
  if frame == nil then
    frame = {}
    capture.frames[number] = frame
  end
  -- UDP has one in a frame, or those that were glued together. Of others the beginning tells them apart: it has numbers.
  local key = d.carrier == "u" and d.piece or sub(d.raw, 1, 28)
  local record = frame[key]
  if record == nil then
    record = { kind = "opaque" }
    frame[key] = record
    d.learning = true
  end
  d.record = record
end

--[[
One datagram, which is all of `tvb`.
carrier: "u" UDP, "t" TCP, "w" WebSocket.
piece: counts from 1 those that were glued together. missing: bytes that were not captured.
]]
local function dissect_datagram(tvb, pinfo, tree, carrier, piece, missing)
  local raw = tvb:raw()
  local stop = #raw
  local item = tree:add(kcpgate, tvb())
  local source, target = ends_of(pinfo, carrier)
  local d = {
    carrier = carrier,
    pinfo = pinfo,
    raw = raw,
    tree = item,
    source = source,
    target = target,
    info = {},
    segments = 0,
    learning = false,
    piece = piece,
    missing = missing,
    is_cut = missing > 0,
    is_repeated = false,
    moment = { time = pinfo.rel_ts, frame = pinfo.number, bytes = stop, copy = false, numbered = false },
  }
  local at, proxy_fault = 0, nil
  if carrier == "u" then
    local length, show, name = find_proxy(raw)
    if length ~= nil then
      local header = item:add(F.unit, tvb(0, length), name)
      header:set_text(name)
      show(header, tvb)
      tell(d, name)
      at = length
      d.moment.bytes = stop - length
    else
      proxy_fault = show
    end
  end
  find_record(d)
  if d.learning then
    d.flow = flow_of(d)
    local kind = at > 0 and at == stop and "proxy_header" or recognise(d, raw, at, stop)
    d.record.kind = kind
    if d.flow[kind] ~= nil then
      d.flow[kind] = d.flow[kind] + 1
    end
  end
  local kind = d.record.kind
  item:add(F.kind, kind):set_generated()
  local dissector = DISSECTORS[kind]
  if dissector ~= nil then
    dissector(d, tvb, raw, at, stop)
  elseif kind == "opaque" then
    if proxy_fault ~= nil then
      add_problem(item, proxy_fault, PROXY_FAULTS[proxy_fault])
    end
    if stop - at < MIN_DATAGRAM_BYTES then
      add_problem(item, "too_short", format("shorter than %d bytes", MIN_DATAGRAM_BYTES))
    end
    tell(d, format("unknown or encrypted, %d bytes", stop - at))
  end
  set_columns(pinfo, d.info)
end

function kcpgate.dissector(tvb, pinfo, tree)
  local raw = tvb:raw()
  local kept, total = #raw, tvb:reported_len()
  local size = glued_size(raw, total)
  if size == nil then
    dissect_datagram(tvb, pinfo, tree, "u", 1, total - kept)
    return tvb:len()
  end
  local piece = 1
  for from = 0, kept - 1, size do
    local length = math.min(size, total - from)
    local there = math.min(length, kept - from)
    dissect_datagram(tvb(from, there):tvb(), pinfo, tree, "u", piece, length - there)
    piece = piece + 1
  end
  return tvb:len()
end

function over_websocket.dissector(tvb, pinfo, tree)
  dissect_datagram(tvb, pinfo, tree, "w", 1, tvb:reported_len() - tvb:len())
  return tvb:len()
end

-- The PROXY header at the beginning of a stream. Returns its length; nil and how many bytes are missing (0: unknown).
local function stream_proxy(raw)
  if byte(raw, 1) == 0x50 then
    if sub(raw, 1, 6) ~= "PROXY " then
      return 0
    end
    local length, show, name = parse_proxy_v1(raw)
    if length == nil and show == "incomplete" then
      return nil, 0
    end
    return length or 0, show, name
  elseif #raw >= 12 and sub(raw, 1, 12) == PROXY_V2_SIGNATURE then
    local length, show, total = parse_proxy_v2(raw)
    if length == nil and show == "incomplete" then
      return nil, total - #raw
    end
    return length or 0, show, "PROXY_V2"
  end
  return 0
end

local function want(pinfo, at, missing)
  pinfo.desegment_offset = at
  pinfo.desegment_len = missing == 0 and DESEGMENT_ONE_MORE_SEGMENT or missing
end

function over_tcp.dissector(tvb, pinfo, tree)
  local raw = tvb:raw()
  local at = 0
  local length, show, name = stream_proxy(raw)
  if length == nil then
    want(pinfo, 0, show)
    return tvb:len()
  elseif length > 0 then
    local item = tree:add(kcpgate, tvb(0, length))
    item:add(F.kind, "proxy_header"):set_generated()
    local header = item:add(F.unit, tvb(0, length), name)
    header:set_text(name)
    show(header, tvb)
    set_columns(pinfo, { name })
    at = length
  end
  while at < #raw do
    local left = #raw - at
    if left < 2 then
      want(pinfo, at, 0)
      return tvb:len()
    end
    local frame = u16be(raw, at)
    if frame == 0 then
      local item = tree:add(kcpgate, tvb(at, 2))
      add_problem(item, "frame_empty", "a frame of length 0 ends the connection")
      return tvb:len()
    elseif left < 2 + frame then
      want(pinfo, at, 2 + frame - left)
      return tvb:len()
    end
    local item = tree:add(over_tcp, tvb(at, 2), format("kcpgate frame, %d bytes", frame))
    item:add(F.frame_length, tvb(at, 2))
    dissect_datagram(tvb(at + 2, frame):tvb(), pinfo, tree, "t", 1, 0)
    at = at + 2 + frame
  end
  return tvb:len()
end

-- Whether these bytes can hardly be anything else.
local function looks_like_datagram(raw, at, stop)
  local kind = kind_of(raw, at, stop - at)
  if kind == "clear" then
    local conv = u32(raw, at)
    while stop - at >= SEGMENT_HEADER_BYTES do
      local cmd = byte(raw, at + 5)
      if u32(raw, at) ~= conv or cmd < 80 or cmd > 94 then
        return false
      end
      local length = SEGMENT_HEADER_BYTES + (cmd == 80 and ADDRESS_BLOCK_BYTES or 0) + u32(raw, at + 20)
      if length > stop - at then
        return false
      end
      at = at + length
    end
    return at == stop
  elseif kind == "sealed" then
    return stop - at >= 28 and u16(raw, at + 10) == 0
  elseif kind == "handshake" then
    local four = byte(raw, at + 5)
    local base = band(four, 0x04) ~= 0 and four - 4 or four
    if base == 0xb0 or base == 0xb2 then
      return hello_layout(raw, at, stop - at, base, base ~= four) ~= nil and u16(raw, at + 10) == 0
    end
    return hello_ack_layout(raw, at, stop - at, four) ~= nil and u16(raw, at + 10) == 0
  elseif kind == "fec" then
    local type = u16(raw, at + 4)
    return type ~= 0xf2 and u16(raw, at + 6) == stop - at - 6 and (type == 0xf3 or kind_of(raw, at + 8, stop - at - 8) == "clear")
  end
  return false
end

local function udp_heuristic(tvb, pinfo, tree)
  if tvb:len() < MIN_DATAGRAM_BYTES then
    return false
  end
  local raw = tvb:raw()
  local at, stop = 0, #raw
  local length, fault = find_proxy(raw)
  if length == nil and fault ~= nil then
    return false
  end
  at = length or 0
  local is_alone = at == stop
  if not is_alone and not looks_like_datagram(raw, at, stop) then
    if not (kind_of(raw, at, stop - at) == "unknown_kind" and is_plain_kcp_go(raw, at, stop)) then
      return false
    end
  elseif is_alone and length == nil then
    return false
  end
  if not is_alone then
    pinfo.conversation = kcpgate
  end
  kcpgate.dissector(tvb, pinfo, tree)
  return true
end

local function tcp_heuristic(tvb, pinfo, tree)
  if tvb:len() < 2 + MIN_DATAGRAM_BYTES then
    return false
  end
  local raw = tvb:raw()
  local at = stream_proxy(raw)
  if at == nil or #raw - at < 2 + MIN_DATAGRAM_BYTES then
    return false
  end
  local frame = u16be(raw, at)
  if frame < MIN_DATAGRAM_BYTES or at + 2 + frame > #raw or not looks_like_datagram(raw, at + 2, at + 2 + frame) then
    return false
  end
  pinfo.conversation = over_tcp
  over_tcp.dissector(tvb, pinfo, tree)
  return true
end

kcpgate:register_heuristic("udp", udp_heuristic)
over_tcp:register_heuristic("tcp", tcp_heuristic)
over_tcp:register_heuristic("tls", tcp_heuristic)

local udp_table, tcp_table = DissectorTable.get("udp.port"), DissectorTable.get("tcp.port")
udp_table:add_for_decode_as(kcpgate)
tcp_table:add_for_decode_as(over_tcp)
DissectorTable.get("tls.port"):add_for_decode_as(over_tcp)
DissectorTable.get("ws.protocol"):add("kcpgate.v1", over_websocket)

local registered = { udp = "", tcp = "" }

local function register_ports(name, ports_table, proto, ports)
  if registered[name] == ports then
    return
  end
  if registered[name] ~= "" then
    ports_table:remove(registered[name], proto)
  end
  if ports ~= "" then
    ports_table:add(ports, proto)
  end
  registered[name] = ports
end

local function apply_preferences()
  register_ports("udp", udp_table, kcpgate, tostring(kcpgate.prefs.udp_ports or ""))
  register_ports("tcp", tcp_table, over_tcp, tostring(kcpgate.prefs.tcp_ports or ""))
  if kcpgate.prefs.keylog_file ~= key_log.path then
    open_key_log(kcpgate.prefs.keylog_file)
  end
end

---------------------------------------------------------------------------------------------------------------------------
-- statistics
---------------------------------------------------------------------------------------------------------------------------

local function milliseconds(seconds)
  return seconds == nil and "-" or format("%.1f", seconds * 1000)
end

local function direction_row(session, label, direction)
  local mean = direction.rtt_count > 0 and direction.rtt_sum / direction.rtt_count or nil
  return format(
    "%-7s 0x%08x %-14s %-7s %9d %11d %9d %11d %7d %5d %5d %9s %9s %9s  %s",
    session.number,
    session.conv,
    session.kind,
    label,
    direction.datagrams,
    direction.bytes,
    direction.segments,
    direction.payload,
    direction.retransmissions,
    direction.spurious,
    direction.duplicates,
    milliseconds(direction.rtt_least),
    milliseconds(mean),
    milliseconds(direction.rtt_most),
    label == "client" and session.close or ""
  )
end

local function session_table()
  local rows = {
    "session conv       kind           sent by datagrams       bytes  segments     payload retrans spur.  dup.  rtt least      mean      most  end",
  }
  for _, session in ipairs(capture.list) do
    rows[#rows + 1] = direction_row(session, "client", session.from_client)
    rows[#rows + 1] = direction_row(session, "gateway", session.from_gateway)
  end
  return concat(rows, "\n") .. "\n"
end

if gui_enabled() then
  register_menu("kcpgate/Sessions", function()
    local window = TextWindow.new("kcpgate sessions")
    window:set(session_table())
  end, MENU_TOOLS_UNSORTED)
end

-- What tshark prints at the end hangs on a listener, which makes it dissect everything: only where it was asked for.
local tap = nil

local function listen()
  if tap ~= nil or gui_enabled() or not kcpgate.prefs.sessions then
    return
  end
  tap = Listener.new("frame")
  function tap.draw()
    print(session_table())
  end
end

function kcpgate.prefs_changed()
  apply_preferences()
  listen()
end

function kcpgate.init()
  begin_capture()
  apply_preferences()
  listen()
end
