#include "aead-key-table.h"

#include <string.h>

#include <new>
#include <utility>

namespace kcpgate {

namespace {

// A slot is an index with a generation above it: what still names a removed key does not meet the next one in its place.
constexpr uint32_t INDEX_MASK = AeadKeyTable::MAX_KEYS - 1;
constexpr int32_t FIRST_GENERATION = AeadKeyTable::MAX_KEYS;
constexpr uint32_t NONE = UINT32_MAX;

constexpr int32_t MAX_PN_HIGH = 0xffff;

int32_t next_generation(int32_t slot) {
  return slot > INT32_MAX - FIRST_GENERATION ? FIRST_GENERATION + static_cast<int32_t>(slot & INDEX_MASK)
                                             : slot + FIRST_GENERATION;
}

void write_nonce(uint8_t* nonce, const uint8_t* iv, uint32_t pn_low, uint32_t pn_high) {
  memcpy(nonce, iv, AeadLibrary::NONCE_BYTES);
  nonce[6] ^= static_cast<uint8_t>(pn_high >> 8);
  nonce[7] ^= static_cast<uint8_t>(pn_high);
  nonce[8] ^= static_cast<uint8_t>(pn_low >> 24);
  nonce[9] ^= static_cast<uint8_t>(pn_low >> 16);
  nonce[10] ^= static_cast<uint8_t>(pn_low >> 8);
  nonce[11] ^= static_cast<uint8_t>(pn_low);
}

}  // namespace

AeadKeyTable::AeadKeyTable(std::unique_ptr<const AeadLibrary> library)
    : library_(std::move(library)), first_free_(NONE) {}

AeadKeyTable::~AeadKeyTable() { close(); }

int32_t AeadKeyTable::add(const uint8_t* key, const uint8_t* iv) {
  if (closed_ || (first_free_ == NONE && !grow())) return 0;
  AeadLibrary::Context* context = library_->new_context(key);
  if (context == nullptr) return 0;
  Key& entry = at(first_free_);
  first_free_ = entry.next_free;
  entry.context = context;
  memcpy(entry.iv, iv, sizeof entry.iv);
  return entry.slot;
}

void AeadKeyTable::remove(int32_t slot) {
  Key* key = find(slot);
  if (key == nullptr) return;
  release(*key);
  key->slot = next_generation(slot);
  key->next_free = first_free_;
  first_free_ = static_cast<uint32_t>(slot) & INDEX_MASK;
}

size_t AeadKeyTable::seal(const Batch& batch) { return run<Direction::SEAL>(batch); }

size_t AeadKeyTable::open(const Batch& batch) { return run<Direction::OPEN>(batch); }

void AeadKeyTable::close() {
  for (uint32_t index = 0; index < used_; index++) {
    if (at(index).context != nullptr) release(at(index));
  }
  for (auto& chunk : chunks_) chunk.reset();
  used_ = 0;
  first_free_ = NONE;
  closed_ = true;
}

template <AeadKeyTable::Direction direction>
size_t AeadKeyTable::run(const Batch& batch) {
  size_t done = 0;
  uint8_t nonce[AeadLibrary::NONCE_BYTES];
  for (size_t i = 0; i < batch.count; i++) {
    volatile int32_t* row = batch.table + i * STRIDE;
    const Result result = run_one<direction>(batch, row, nonce);
    row[RESULT] = result;
    if (result == DONE) done++;
  }
  explicit_bzero(nonce, sizeof nonce);
  return done;
}

template <AeadKeyTable::Direction direction>
AeadKeyTable::Result AeadKeyTable::run_one(const Batch& batch, volatile int32_t* row, uint8_t* nonce) {
  const int32_t offset = row[OFFSET];
  const int32_t additional_length = row[ADDITIONAL_LENGTH];
  const int32_t header_length = row[HEADER_LENGTH];
  const int32_t length = row[LENGTH];
  const int32_t pn_high = row[PN_HIGH];
  if (offset < 0 || additional_length < 0 || header_length < additional_length || length < header_length ||
      static_cast<size_t>(length - header_length) < AeadLibrary::TAG_BYTES ||
      static_cast<size_t>(offset) + static_cast<size_t>(length) > batch.byte_length || pn_high < 0 ||
      pn_high > MAX_PN_HIGH) {
    return BAD_DESCRIPTOR;
  }
  Key* key = find(row[KEY]);
  if (key == nullptr) return UNKNOWN_KEY;

  write_nonce(nonce, key->iv, static_cast<uint32_t>(row[PN_LOW]), static_cast<uint32_t>(pn_high));
  uint8_t* datagram = batch.bytes + offset;
  const size_t text_length = static_cast<size_t>(length - header_length) - AeadLibrary::TAG_BYTES;
  const AeadLibrary::Packet packet = {nonce,
                                      datagram,
                                      static_cast<size_t>(additional_length),
                                      datagram + header_length,
                                      text_length,
                                      datagram + header_length + text_length};
  if constexpr (direction == Direction::SEAL) return library_->seal(key->context, packet) ? DONE : FAILED;
  return library_->open(key->context, packet) ? DONE : FORGED;
}

bool AeadKeyTable::grow() {
  if (used_ == MAX_KEYS) return false;
  auto& chunk = chunks_[used_ >> CHUNK_BITS];
  if (chunk == nullptr) chunk.reset(new (std::nothrow) Key[CHUNK_KEYS]);
  if (chunk == nullptr) return false;
  at(used_) = {nullptr, NONE, FIRST_GENERATION + static_cast<int32_t>(used_), {}};
  first_free_ = used_++;
  return true;
}

AeadKeyTable::Key* AeadKeyTable::find(int32_t slot) {
  const uint32_t index = static_cast<uint32_t>(slot) & INDEX_MASK;
  if (index >= used_) return nullptr;
  Key& key = at(index);
  return key.slot == slot && key.context != nullptr ? &key : nullptr;
}

void AeadKeyTable::release(Key& key) {
  library_->free_context(key.context);
  key.context = nullptr;
  explicit_bzero(key.iv, sizeof key.iv);
}

}  // namespace kcpgate
