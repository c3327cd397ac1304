#include "receiver.h"

#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cstring>

namespace kcpgate {

namespace {

constexpr uint8_t ECN_MASK = 3;
// About as much is read in one batch: it stays in the cache until it is worked through, and a peer that waits for answers
// gets the first of them early. Glued messages reach this with 8, single datagrams of the usual size are fewer bytes.
constexpr int64_t BATCH_BYTES = 512 * 1024;

// What stands beside one message.
struct Details {
  int segment_size = 0;
  int ecn = 0;
  // Where an answer leaves from; unspecified: the system picks.
  IpAddress local;
};

template <typename Value>
Value value_of(const cmsghdr* control) {
  Value value;
  memcpy(&value, CMSG_DATA(control), sizeof value);
  return value;
}

Details read_details(msghdr& message) {
  Details details;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    const int level = control->cmsg_level;
    const int type = control->cmsg_type;
    if (level == IPPROTO_UDP && type == UDP_GRO) details.segment_size = value_of<int>(control);
    else if (level == IPPROTO_IP && type == IP_TOS) details.ecn = value_of<uint8_t>(control) & ECN_MASK;
    else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS) details.ecn = value_of<int>(control) & ECN_MASK;
    else if (level == IPPROTO_IP && type == IP_PKTINFO)
      details.local = IpAddress::from_v4(value_of<in_pktinfo>(control).ipi_spec_dst);
    else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
      // Nothing leaves from the address of a multicast group; for IPv4 the kernel has put ours there.
      const in6_addr written_to = value_of<in6_pktinfo>(control).ipi6_addr;
      if (!IN6_IS_ADDR_MULTICAST(&written_to)) details.local = IpAddress::from_v6(written_to);
    }
  }
  return details;
}

bool more_to_read(int descriptor) {
  pollfd ready{descriptor, POLLIN, 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0;
}

}  // namespace

// Segment size, traffic class and local address; beside them whatever an earlier owner of an adopted socket asked for, such
// as timestamps.
struct Receiver::Control {
  alignas(cmsghdr) uint8_t bytes[512];
};

Receiver::Receiver(const DatagramSocketOptions& options, AddressTable& addresses, DatagramCounters& counters)
    : addresses_(addresses),
      counters_(counters),
      max_datagram_bytes_(options.max_datagram_bytes),
      slot_bytes_(options.slot_bytes),
      slot_count_(options.slot_count),
      meta_(options.meta),
      limit_(options.slot_count),
      stale_(options.slot_count),
      headers_(slot_count_),
      vectors_(slot_count_),
      senders_(slot_count_),
      controls_(slot_count_) {
  for (int i = 0; i < slot_count_; i++) {
    vectors_[i] = {options.slab + static_cast<size_t>(i) * slot_bytes_, static_cast<size_t>(slot_bytes_)};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_name = &senders_[i];
    header.msg_control = controls_[i].bytes;
  }
  held_.reserve(slot_count_);
}

Receiver::~Receiver() = default;

ReceivedBatch Receiver::receive(int descriptor, int only_slot) {
  prepare(stale_);
  const int received = recvmmsg(descriptor, headers_.data(), limit_, MSG_DONTWAIT, nullptr);
  counters_.receive_calls++;
  // An error waits for nobody: what the network said comes by the error queue, and anything else shows up again.
  if (received <= 0) return {};
  stale_ = received;
  count_ = 0;
  int64_t bytes = 0;
  for (int i = 0; i < received; i++) {
    bytes += headers_[i].msg_len;
    take(i, only_slot);
  }
  if (count_ > 0) counters_.receive_batches++;
  const bool more = received == limit_ && more_to_read(descriptor);
  // The next messages are likely of the same kind.
  const int64_t wanted = BATCH_BYTES * received / std::max<int64_t>(bytes, 1);
  limit_ = static_cast<int>(std::clamp<int64_t>(wanted, 1, slot_count_));
  return {count_, more};
}

void Receiver::release_batch() {
  for (const int slot : held_) addresses_.release(slot);
  held_.clear();
}

void Receiver::prepare(int count) {
  for (int i = 0; i < count; i++) {
    headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    headers_[i].msg_hdr.msg_controllen = sizeof controls_[i].bytes;
    headers_[i].msg_hdr.msg_flags = 0;
  }
  stale_ = 0;
}

void Receiver::take(int index, int only_slot) {
  msghdr& header = headers_[index].msg_hdr;
  const int length = static_cast<int>(headers_[index].msg_len);
  if ((header.msg_flags & MSG_TRUNC) != 0) {
    counters_.oversize_drops++;
    return;
  }
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    // What is missing may be the segment size: glued datagrams would pass as one.
    counters_.receive_drops++;
    return;
  }
  const Details details = read_details(header);
  int offset = index * slot_bytes_;
  int usable = length;
  int segment_size = details.segment_size < length ? details.segment_size : 0;
  if (segment_size > max_datagram_bytes_) {
    // Only the last of them, the rest of the division, can be small enough.
    counters_.oversize_drops += length / segment_size;
    usable = length % segment_size;
    if (usable == 0) return;
    offset += length - usable;
    segment_size = 0;
  } else if (segment_size == 0 && length > max_datagram_bytes_) {
    counters_.oversize_drops++;
    return;
  }
  const int datagrams = segment_size == 0 ? 1 : (usable + segment_size - 1) / segment_size;
  const int slot = addresses_.intern(peer_from(senders_[index]), details.local);
  if (slot >= 0 && (only_slot < 0 || slot == only_slot)) {
    held_.push_back(slot);
    counters_.received_datagrams += datagrams;
    counters_.received_bytes += usable;
    append(offset, usable, segment_size, slot, details.ecn);
    return;
  }
  // No slot left, or it was in the kernel's queue before the socket was connected.
  addresses_.release(slot);
  counters_.receive_drops += datagrams;
}

void Receiver::append(int offset, int length, int segment_size, int address_slot, int ecn) {
  int32_t* const meta = meta_ + static_cast<size_t>(count_++) * META_STRIDE;
  meta[0] = offset;
  meta[1] = length;
  meta[2] = segment_size;
  meta[3] = address_slot;
  meta[4] = ecn;
}

}  // namespace kcpgate
