// Keys by slot, and batches of datagrams sealed and opened with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "aead-library.h"

namespace kcpgate {

class AeadKeyTable {
 public:
  // The columns of a table of datagrams, as in src/base/packet-cipher.ts.
  enum Column { OFFSET, ADDITIONAL_LENGTH, HEADER_LENGTH, LENGTH, KEY, PN_LOW, PN_HIGH, RESULT, STRIDE };

  static constexpr uint32_t MAX_KEYS = 1u << 20;

  // Memory and table of one call.
  struct Batch {
    uint8_t* bytes;
    size_t byte_length;
    // JavaScript may share this memory with other threads: every value is read once, then checked, then used.
    volatile int32_t* table;
    size_t count;
  };

  explicit AeadKeyTable(std::unique_ptr<const AeadLibrary> library);
  ~AeadKeyTable();
  AeadKeyTable(const AeadKeyTable&) = delete;
  AeadKeyTable& operator=(const AeadKeyTable&) = delete;

  // The slot; 0 when the table is full or closed, or there is no memory.
  int32_t add(const uint8_t* key, const uint8_t* iv);
  void remove(int32_t slot);
  // How many datagrams were sealed, or opened.
  size_t seal(const Batch& batch);
  size_t open(const Batch& batch);
  void close();
  bool closed() const { return closed_; }

 private:
  enum Result : int32_t { DONE = 1, FORGED = 2, UNKNOWN_KEY = 3, BAD_DESCRIPTOR = 4, FAILED = 5 };
  enum class Direction { SEAL, OPEN };

  struct Key {
    AeadLibrary::Context* context;  // null when the slot is free
    uint32_t next_free;
    int32_t slot;
    uint8_t iv[AeadLibrary::NONCE_BYTES];
  };

  template <Direction direction>
  size_t run(const Batch& batch);
  template <Direction direction>
  Result run_one(const Batch& batch, volatile int32_t* row, uint8_t* nonce);
  // Makes a place for one more key the first free one. False when there is no room or no memory.
  bool grow();
  Key& at(uint32_t index) { return chunks_[index >> CHUNK_BITS][index & (CHUNK_KEYS - 1)]; }
  Key* find(int32_t slot);
  void release(Key& key);

  static constexpr uint32_t CHUNK_BITS = 10;
  static constexpr uint32_t CHUNK_KEYS = 1u << CHUNK_BITS;

  std::unique_ptr<const AeadLibrary> library_;
  // Chunks, so that keys never move: growing leaves no copies of an iv behind.
  std::unique_ptr<Key[]> chunks_[MAX_KEYS >> CHUNK_BITS];
  uint32_t used_ = 0;
  uint32_t first_free_;
  bool closed_ = false;
};

}  // namespace kcpgate
