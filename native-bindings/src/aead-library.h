// AES-128-GCM as the OpenSSL inside Node does it. Its functions are looked up in the running process: they are exported
// but no part of the Node-API promise, so that a Node without them must still load this addon.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

// OpenSSL's own names of the types it keeps to itself.
struct evp_cipher_st;
struct evp_cipher_ctx_st;

namespace kcpgate {

class AeadLibrary {
 public:
  static constexpr size_t KEY_BYTES = 16;
  static constexpr size_t NONCE_BYTES = 12;
  static constexpr size_t TAG_BYTES = 16;

  // One key, with its schedule. Serves both directions, since GCM runs the block cipher forwards in both.
  using Context = evp_cipher_ctx_st;

  // What one call works on. `text` is replaced in place; `tag` is written by seal, read by open.
  struct Packet {
    const uint8_t* nonce;
    const uint8_t* additional;
    size_t additional_length;
    uint8_t* text;
    size_t text_length;
    uint8_t* tag;
  };

  // Finds the library and tries it on a known answer. Null with the reason when it cannot be used.
  static std::unique_ptr<const AeadLibrary> find(const char** reason);

  ~AeadLibrary();
  AeadLibrary(const AeadLibrary&) = delete;
  AeadLibrary& operator=(const AeadLibrary&) = delete;

  // Null when there is no memory.
  Context* new_context(const uint8_t* key) const;
  // Overwrites the key, then frees it.
  void free_context(Context* context) const;

  bool seal(Context* context, const Packet& packet) const;
  // False when the tag does not fit; the text is overwritten with zeros then.
  bool open(Context* context, const Packet& packet) const;

 private:
  using Cipher = evp_cipher_st;

  AeadLibrary() = default;
  bool resolve(const char** reason);
  bool gives_known_answer() const;
  bool transform(Context* context, const Packet& packet, int encrypt) const;

  Cipher* (*fetch_)(void* library_context, const char* name, const char* properties) = nullptr;
  void (*free_cipher_)(Cipher*) = nullptr;
  Context* (*new_context_)() = nullptr;
  void (*free_context_)(Context*) = nullptr;
  int (*init_)(Context*, const Cipher*, void* engine, const uint8_t* key, const uint8_t* iv, int encrypt) = nullptr;
  int (*update_)(Context*, uint8_t* out, int* out_length, const uint8_t* in, int in_length) = nullptr;
  int (*finish_)(Context*, uint8_t* out, int* out_length) = nullptr;
  int (*control_)(Context*, int type, int argument, void* pointer) = nullptr;
  void (*clear_errors_)() = nullptr;
  Cipher* cipher_ = nullptr;
};

}  // namespace kcpgate
