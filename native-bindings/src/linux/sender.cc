#include "sender.h"

#include <linux/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "path-probe.h"

namespace kcpgate {

namespace {

// The kernel's own bound since UDP_SEGMENT exists.
constexpr int MAX_SEGMENTS = 64;
// The largest IPv4 datagram; for IPv6 some room for extension headers is left.
constexpr int MAX_MESSAGE_BYTES_V4 = 65'507;
constexpr int MAX_MESSAGE_BYTES_V6 = 65'487;
// Every datagram begins with the number of its conversation, or has it behind a header that names addresses.
constexpr size_t CONVERSATION_BYTES = 4;
constexpr uint8_t PROXY_SIGNATURE[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr size_t PROXY_LENGTH_AT = 14;
constexpr size_t PROXY_FIXED_BYTES = 16;
constexpr uint8_t SPP_SIGNATURE[] = {0x56, 0xec};
constexpr size_t SPP_BYTES = 38;
// An error that waited on the socket is told by the next call, whatever that is about. Told so often, it is about this one:
// with fewer attempts a flood of ICMP errors, which any host can send, would take datagrams from peers that are well.
constexpr int MAX_ATTEMPTS = 8;

template <typename Value>
size_t append_control(uint8_t* at, int level, int type, const Value& value) {
  cmsghdr header{};
  header.cmsg_level = level;
  header.cmsg_type = type;
  header.cmsg_len = CMSG_LEN(sizeof value);
  memcpy(at, &header, sizeof header);
  memcpy(at + CMSG_LEN(0), &value, sizeof value);
  return CMSG_SPACE(sizeof value);
}

// The length of what may be a header.
size_t header_bytes(const uint8_t* bytes, size_t size) {
  if (size >= PROXY_FIXED_BYTES && memcmp(bytes, PROXY_SIGNATURE, sizeof PROXY_SIGNATURE) == 0) {
    return PROXY_FIXED_BYTES + (bytes[PROXY_LENGTH_AT] << 8 | bytes[PROXY_LENGTH_AT + 1]);
  }
  if (size >= SPP_BYTES && memcmp(bytes, SPP_SIGNATURE, sizeof SPP_SIGNATURE) == 0) return SPP_BYTES;
  return 0;
}

// Whether two datagrams are the same in the conversation number that begins at `at`, as far as they have one.
bool same_number(const uint8_t* a, size_t a_size, const uint8_t* b, size_t b_size, size_t at) {
  const size_t both = std::min(a_size, b_size);
  return both <= at || memcmp(a + at, b + at, std::min(both - at, CONVERSATION_BYTES)) == 0;
}

}  // namespace

Sender::Sender(const OpenSocket& socket, const DatagramSocketOptions& options, AddressTable& addresses,
               ReportQueue& reports, DatagramCounters& counters)
    : descriptor_(socket.descriptor.get()),
      family_(socket.family),
      connected_(socket.connected),
      max_datagram_bytes_(options.max_datagram_bytes),
      max_message_bytes_(socket.family == AF_INET ? MAX_MESSAGE_BYTES_V4 : MAX_MESSAGE_BYTES_V6),
      segmentation_(socket.segmentation),
      addresses_(addresses),
      reports_(reports),
      counters_(counters),
      queue_(addresses, options.max_queue_bytes) {
  for (int i = 0; i < MAX_MESSAGES; i++) {
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

void Sender::send(const uint8_t* bytes, size_t length, const int32_t* descriptors, int count) {
  // Offsets are 32-bit integers: nothing beyond them can be named.
  const Batch batch{bytes, std::min<size_t>(length, INT32_MAX), descriptors, count};
  const int done = has_queued() ? 0 : send_until_full(batch);
  if (done < count) queue(batch, done);
}

void Sender::send_queued() {
  const Batch batch{queue_.bytes().data(), queue_.bytes().size(), queue_.descriptors(), queue_.count()};
  queue_.pop(send_until_full(batch));
}

void Sender::close() {
  counters_.send_drops += queue_.count();
  queue_.clear();
}

int Sender::send_until_full(const Batch& batch) {
  int next = 0;
  int single_until = 0;
  while (next < batch.count) {
    if (!sendable(batch, next)) {
      counters_.send_drops++;
      next++;
      continue;
    }
    lay_out(batch, next, single_until);
    int done = 0;
    int attempts = 0;
    bool laid_out = true;
    while (laid_out && done < messages_) {
      const int sent = sendmmsg(descriptor_, &headers_[done], messages_ - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      counters_.send_calls++;
      if (sent > 0) {
        next = count_sent(batch, done, sent);
        done += sent;
        attempts = 0;
        continue;
      }
      const Run& run = runs_[done];
      switch (judge(errno, ++attempts, batch, run)) {
        case Verdict::AGAIN:
          break;
        case Verdict::FULL:
          return next;
        case Verdict::SINGLY:
          single_until = run.last;
          laid_out = false;
          break;
        case Verdict::LOST:
          counters_.send_drops += run.last - run.first;
          next = run.last;
          done++;
          attempts = 0;
          break;
      }
    }
  }
  return next;
}

bool Sender::sendable(const Batch& batch, int index) const {
  const int64_t offset = batch.offset(index);
  const int64_t size = batch.size(index);
  const bool within = offset >= 0 && size >= 0 && offset + size <= static_cast<int64_t>(batch.length);
  if (!within || size > max_datagram_bytes_) return false;
  const int slot = batch.slot(index);
  return addresses_.has(slot) && (!connected_ || slot == only_slot_);
}

void Sender::lay_out(const Batch& batch, int next, int single_until) {
  messages_ = 0;
  // What cannot be sent ends the layout, so that it is counted once however often messages are laid out anew.
  while (messages_ < MAX_MESSAGES && next < batch.count && sendable(batch, next)) {
    const int last = segmentation_ && next >= single_until ? end_of_run(batch, next) : next + 1;
    add_message(batch, next, last);
    next = last;
  }
}

int Sender::end_of_run(const Batch& batch, int first) const {
  const int size = batch.size(first);
  const int slot = batch.slot(first);
  const int limit = std::min(batch.count, first + MAX_SEGMENTS);
  int end_offset = batch.offset(first) + size;
  int bytes = size;
  int last = first + 1;
  for (; last < limit; last++) {
    const int next_size = batch.size(last);
    const bool joins = batch.slot(last) == slot && batch.offset(last) == end_offset && next_size > 0 &&
                       next_size <= size && sendable(batch, last) && bytes + next_size <= max_message_bytes_ &&
                       same_conversation(batch, first, last);
    if (!joins) break;
    bytes += next_size;
    end_offset += next_size;
    // Only the last may be shorter.
    if (next_size < size) return last + 1;
  }
  return last;
}

// A kernel that does not cut the message up steers all of it by its first datagram (bind_reuse_port_group).
bool Sender::same_conversation(const Batch& batch, int first, int other) const {
  const uint8_t* const a = batch.bytes + batch.offset(first);
  const uint8_t* const b = batch.bytes + batch.offset(other);
  const size_t a_size = batch.size(first);
  const size_t b_size = batch.size(other);
  if (!same_number(a, a_size, b, b_size, 0)) return false;
  const size_t behind = header_bytes(a, a_size);
  return behind == 0 || (header_bytes(b, b_size) == behind && same_number(a, a_size, b, b_size, behind));
}

void Sender::add_message(const Batch& batch, int first, int last) {
  const int index = messages_++;
  const int slot = batch.slot(first);
  const int size = batch.size(first);
  const int bytes = batch.offset(last - 1) + batch.size(last - 1) - batch.offset(first);
  runs_[index] = {first, last};
  vectors_[index] = {const_cast<uint8_t*>(batch.bytes) + batch.offset(first), static_cast<size_t>(bytes)};
  msghdr& header = headers_[index].msg_hdr;
  if (!connected_) {
    header.msg_name = &targets_[index];
    header.msg_namelen = write_sockaddr(addresses_.peer_of(slot), family_, &targets_[index]);
  }
  uint8_t* const control = controls_[index].bytes;
  header.msg_controllen = write_control(slot, last - first > 1 ? size : 0, control);
  header.msg_control = header.msg_controllen > 0 ? control : nullptr;
}

size_t Sender::write_control(int slot, int segment_size, uint8_t* into) const {
  size_t length = 0;
  if (segment_size > 0) {
    length += append_control(into, IPPROTO_UDP, UDP_SEGMENT, static_cast<uint16_t>(segment_size));
  }
  const IpAddress& local = addresses_.local_of(slot);
  if (local.unspecified()) return length;
  if (family_ == AF_INET) {
    in_pktinfo source{};
    source.ipi_spec_dst = local.to_v4();
    return length + append_control(into + length, IPPROTO_IP, IP_PKTINFO, source);
  }
  in6_pktinfo source{};
  source.ipi6_addr = local.to_v6();
  source.ipi6_ifindex = addresses_.peer_of(slot).scope;
  return length + append_control(into + length, IPPROTO_IPV6, IPV6_PKTINFO, source);
}

int Sender::count_sent(const Batch& batch, int first, int messages) {
  const Run* run = &runs_[first];
  // The datagrams of the refused message go singly, so it was not the address.
  if (doubted_ != 0) {
    const int number = std::exchange(doubted_, 0);
    const PeerAddress& peer = addresses_.peer_of(batch.slot(run->first));
    if (path_takes(peer, family_, batch.size(run->first))) turn_segmentation_off(number);
  }
  for (const Run* const end = run + messages; run < end; run++) {
    const int datagrams = run->last - run->first;
    counters_.sent_datagrams += datagrams;
    counters_.sent_bytes += vectors_[run - runs_.data()].iov_len;
    if (datagrams > 1) counters_.segmented_sends++;
  }
  return run[-1].last;
}

Sender::Verdict Sender::judge(int number, int attempts, const Batch& batch, const Run& run) {
  const int slot = batch.slot(run.first);
  if (number == EAGAIN || number == EWOULDBLOCK) {
    doubted_ = 0;
    return Verdict::FULL;
  }
  if (number == EINTR) return Verdict::AGAIN;
  if (run.last - run.first > 1) {
    // Too large for the path to this peer only: fragments of single datagrams may still pass.
    if (number == EMSGSIZE) return Verdict::SINGLY;
    if (number == EINVAL || number == EIO || number == EOPNOTSUPP || number == ENOPROTOOPT) {
      doubted_ = number;
      return Verdict::SINGLY;
    }
  }
  doubted_ = 0;
  // The device's queue is full and dropped it, like a router would. Nothing tells when there is room again.
  if (number == ENOBUFS) return Verdict::LOST;
  if (attempts < MAX_ATTEMPTS) return Verdict::AGAIN;
  const IpAddress local = addresses_.local_of(slot);
  if (!local.unspecified() && !has_local_address(local, addresses_.peer_of(slot).scope, family_)) {
    // The address the peer wrote to is gone from this machine. The system knows another.
    addresses_.forget_local(slot);
    return Verdict::SINGLY;
  }
  reports_.add(number, "send", slot);
  return Verdict::LOST;
}

void Sender::turn_segmentation_off(int number) {
  if (!segmentation_) return;
  segmentation_ = false;
  reports_.add_segmentation_refused(number);
}

void Sender::queue(const Batch& batch, int first) {
  for (int i = first; i < batch.count; i++) {
    const bool queued =
        sendable(batch, i) && queue_.push(batch.bytes + batch.offset(i), batch.size(i), batch.slot(i));
    if (!queued) counters_.send_drops++;
  }
}

}  // namespace kcpgate
