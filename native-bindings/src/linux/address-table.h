#pragma once

#include <cstdint>
#include <vector>

#include "ip-address.h"

namespace kcpgate {

// Gives every peer a small integer, its slot, for as long as somebody counts on it.
//
// Slots are counted references: `intern` adds one, `release` takes one, and the last frees the slot for another address.
// So the table holds what is retained and what the current batch names, however many sources there are.
//
// A slot also knows the local address its datagrams came to, when the socket is bound to many: answers leave from there.
// A slot interned without one stands for the peer whichever local address it writes to, and the system picks the source.
class AddressTable {
 public:
  static constexpr int NONE = -1;

  explicit AddressTable(int max_slots);

  // The slot of a peer that wrote to `local` (unspecified: no matter), with one more reference. NONE: the table is
  // full, or the port is 0, where nobody can be answered.
  int intern(const PeerAddress& peer, const IpAddress& local);
  // The slot of a peer if it has one; adds no reference.
  int find(const PeerAddress& peer) const;

  // Nothing for a slot that is not in use.
  void retain(int slot);
  void release(int slot);
  bool has(int slot) const;

  // The slot must be in use.
  const PeerAddress& peer_of(int slot) const { return slots_[slot].peer; }
  const IpAddress& local_of(int slot) const { return slots_[slot].local; }
  // From now on the system picks the source address.
  void forget_local(int slot) { slots_[slot].local = {}; }

  int size() const { return size_; }
  void clear();

 private:
  struct Slot {
    PeerAddress peer;
    IpAddress local;
    uint32_t hash = 0;
    // 0 in free slots, whose `next` chains the free list.
    int32_t references = 0;
    int32_t next = NONE;
  };

  uint32_t hash_of(const PeerAddress& peer) const;
  int find_hashed(const PeerAddress& peer, const IpAddress& local, uint32_t hash) const;
  int add(const PeerAddress& peer, const IpAddress& local, uint32_t hash);
  void remove(int slot);
  void grow();

  int max_slots_;
  int size_ = 0;
  int free_slot_ = NONE;
  // Datagrams come in runs from one sender: the last answer is tried first.
  int last_slot_ = NONE;
  std::vector<Slot> slots_;
  // First slot of each chain; a power of two, at least as many as slots.
  std::vector<int32_t> chains_;
  // Unknown outside, so that nobody can choose addresses that all fall into one chain.
  uint64_t seed_[3];
};

}  // namespace kcpgate
