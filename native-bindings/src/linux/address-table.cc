#include "address-table.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <ctime>

namespace kcpgate {

namespace {

constexpr size_t INITIAL_CHAINS = 64;

// Both halves of the product depend on all bits of both factors.
uint64_t fold(uint64_t left, uint64_t right) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(left) * right;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

AddressTable::AddressTable(int max_slots) : max_slots_(max_slots), chains_(INITIAL_CHAINS, NONE) {
  if (getrandom(seed_, sizeof seed_, 0) != sizeof seed_) {
    // No entropy at all: the table works, only less well hidden.
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    seed_[0] = static_cast<uint64_t>(now.tv_nsec) * 0x9e3779b97f4a7c15u;
    seed_[1] = static_cast<uint64_t>(now.tv_sec) * 0xbf58476d1ce4e5b9u;
    seed_[2] = seed_[0] ^ ~seed_[1];
  }
}

int AddressTable::intern(const PeerAddress& peer, const IpAddress& local) {
  if (has(last_slot_)) {
    Slot& last = slots_[last_slot_];
    if (last.peer == peer && last.local == local) {
      last.references++;
      return last_slot_;
    }
  }
  const uint32_t hash = hash_of(peer);
  int slot = find_hashed(peer, local, hash);
  if (slot == NONE) slot = add(peer, local, hash);
  if (slot == NONE) return NONE;
  slots_[slot].references++;
  last_slot_ = slot;
  return slot;
}

int AddressTable::find(const PeerAddress& peer) const { return find_hashed(peer, {}, hash_of(peer)); }

void AddressTable::retain(int slot) {
  if (has(slot)) slots_[slot].references++;
}

void AddressTable::release(int slot) {
  if (has(slot) && --slots_[slot].references == 0) remove(slot);
}

bool AddressTable::has(int slot) const {
  return slot >= 0 && static_cast<size_t>(slot) < slots_.size() && slots_[slot].references > 0;
}

void AddressTable::clear() {
  slots_ = {};
  chains_.assign(INITIAL_CHAINS, NONE);
  size_ = 0;
  free_slot_ = NONE;
  last_slot_ = NONE;
}

uint32_t AddressTable::hash_of(const PeerAddress& peer) const {
  const uint64_t tail = (static_cast<uint64_t>(peer.scope) << 16) | peer.port;
  const uint64_t ip = fold(peer.ip.high ^ seed_[0], peer.ip.low ^ seed_[1]);
  return static_cast<uint32_t>(fold(ip ^ tail, seed_[2] | 1));
}

int AddressTable::find_hashed(const PeerAddress& peer, const IpAddress& local, uint32_t hash) const {
  for (int slot = chains_[hash & (chains_.size() - 1)]; slot != NONE; slot = slots_[slot].next) {
    const Slot& candidate = slots_[slot];
    if (candidate.hash != hash || candidate.peer != peer) continue;
    if (local.unspecified() || candidate.local.unspecified() || candidate.local == local) return slot;
  }
  return NONE;
}

int AddressTable::add(const PeerAddress& peer, const IpAddress& local, uint32_t hash) {
  if (size_ >= max_slots_ || peer.port == 0) return NONE;
  int slot = free_slot_;
  if (slot != NONE) {
    free_slot_ = slots_[slot].next;
  } else {
    if (slots_.size() == chains_.size()) grow();
    slot = static_cast<int>(slots_.size());
    slots_.emplace_back();
  }
  int32_t& chain = chains_[hash & (chains_.size() - 1)];
  slots_[slot] = {peer, local, hash, 0, chain};
  chain = slot;
  size_++;
  return slot;
}

void AddressTable::remove(int slot) {
  int32_t* link = &chains_[slots_[slot].hash & (chains_.size() - 1)];
  while (*link != slot) link = &slots_[*link].next;
  *link = slots_[slot].next;
  slots_[slot].next = free_slot_;
  free_slot_ = slot;
  size_--;
}

// Called only when every slot is in use, so there is no free list to keep.
void AddressTable::grow() {
  chains_.assign(chains_.size() * 2, NONE);
  for (size_t slot = 0; slot < slots_.size(); slot++) {
    int32_t& chain = chains_[slots_[slot].hash & (chains_.size() - 1)];
    slots_[slot].next = chain;
    chain = static_cast<int32_t>(slot);
  }
  slots_.reserve(std::min(chains_.size(), static_cast<size_t>(max_slots_)));
}

}  // namespace kcpgate
