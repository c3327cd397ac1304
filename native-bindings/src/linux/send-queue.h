#pragma once

#include <cstdint>
#include <vector>

#include "../datagram-socket.h"
#include "address-table.h"

namespace kcpgate {

// Copies of datagrams that the system did not take yet, one after the other as in a send arena, so that they leave in
// runs as well. Bounded in bytes; each holds a reference to its slot.
class SendQueue {
 public:
  SendQueue(AddressTable& addresses, int64_t max_bytes) : addresses_(addresses), max_bytes_(max_bytes) {}

  bool empty() const { return first_ == count_; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }
  // (offset, length, address slot) triples of what waits.
  const int32_t* descriptors() const { return descriptors_.data() + static_cast<size_t>(first_) * DESCRIPTOR_STRIDE; }
  int count() const { return count_ - first_; }

  // False when there is no room.
  bool push(const uint8_t* datagram, int length, int slot);
  // Takes the first `count` out.
  void pop(int count);
  void clear();

 private:
  // Moves what waits to the front of the memory.
  void compact();

  AddressTable& addresses_;
  const int64_t max_bytes_;
  std::vector<uint8_t> bytes_;
  std::vector<int32_t> descriptors_;
  int first_ = 0;
  int count_ = 0;
};

}  // namespace kcpgate
