#include "aead-library.h"

#include <uv.h>

#include <cstring>

namespace kcpgate {

namespace {

// Numbers of OpenSSL's interface, fixed since 1.1.
constexpr int GET_TAG = 0x10;
constexpr int SET_TAG = 0x11;

// The functions of the running program and its libraries. Through libuv, which Node exports: the dlsym of a new libc would
// keep a prebuilt addon from older ones.
class RunningProgram {
 public:
  RunningProgram() : is_open_(uv_dlopen(nullptr, &library_) == 0) {}
  ~RunningProgram() { uv_dlclose(&library_); }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  template <typename Function>
  bool find(const char* name, Function* function) {
    return is_open_ && uv_dlsym(&library_, name, reinterpret_cast<void**>(function)) == 0;
  }

 private:
  uv_lib_t library_;
  bool is_open_;
};

}  // namespace

std::unique_ptr<const AeadLibrary> AeadLibrary::find(const char** reason) {
  std::unique_ptr<AeadLibrary> library(new AeadLibrary);
  if (!library->resolve(reason)) return nullptr;
  library->cipher_ = library->fetch_(nullptr, "AES-128-GCM", nullptr);
  if (library->cipher_ == nullptr) {
    library->clear_errors_();
    *reason = "the OpenSSL of this Node does not offer AES-128-GCM";
    return nullptr;
  }
  if (!library->gives_known_answer()) {
    *reason = "the OpenSSL of this Node does not give the known answer for AES-128-GCM";
    return nullptr;
  }
  *reason = "";
  return library;
}

AeadLibrary::~AeadLibrary() {
  if (cipher_ != nullptr) free_cipher_(cipher_);
}

AeadLibrary::Context* AeadLibrary::new_context(const uint8_t* key) const {
  Context* context = new_context_();
  if (context == nullptr) return nullptr;
  if (init_(context, cipher_, nullptr, key, nullptr, 1) == 1) return context;
  clear_errors_();
  free_context_(context);
  return nullptr;
}

void AeadLibrary::free_context(Context* context) const { free_context_(context); }

bool AeadLibrary::seal(Context* context, const Packet& packet) const {
  if (transform(context, packet, 1) && control_(context, GET_TAG, TAG_BYTES, packet.tag) == 1) return true;
  clear_errors_();
  return false;
}

bool AeadLibrary::open(Context* context, const Packet& packet) const {
  if (transform(context, packet, 0)) return true;
  // Nobody may act on a text that was not authentic. The error stays out of the queue that Node reads.
  std::memset(packet.text, 0, packet.text_length);
  clear_errors_();
  return false;
}

bool AeadLibrary::transform(Context* context, const Packet& packet, int encrypt) const {
  int written;
  if (init_(context, nullptr, nullptr, nullptr, packet.nonce, encrypt) != 1) return false;
  if (encrypt == 0 && control_(context, SET_TAG, TAG_BYTES, packet.tag) != 1) return false;
  if (packet.additional_length > 0 &&
      update_(context, nullptr, &written, packet.additional, static_cast<int>(packet.additional_length)) != 1) {
    return false;
  }
  if (packet.text_length > 0 &&
      update_(context, packet.text, &written, packet.text, static_cast<int>(packet.text_length)) != 1) {
    return false;
  }
  uint8_t nothing[TAG_BYTES];
  return finish_(context, nothing, &written) == 1;
}

bool AeadLibrary::resolve(const char** reason) {
  RunningProgram program;
  if (program.find("EVP_CIPHER_fetch", &fetch_) && program.find("EVP_CIPHER_free", &free_cipher_) &&
      program.find("EVP_CIPHER_CTX_new", &new_context_) && program.find("EVP_CIPHER_CTX_free", &free_context_) &&
      program.find("EVP_CipherInit_ex", &init_) && program.find("EVP_CipherUpdate", &update_) &&
      program.find("EVP_CipherFinal_ex", &finish_) && program.find("EVP_CIPHER_CTX_ctrl", &control_) &&
      program.find("ERR_clear_error", &clear_errors_)) {
    return true;
  }
  *reason = "this Node exports no OpenSSL 3";
  return false;
}

// Both directions with one context, and a tag that does not fit: what everything here relies on.
bool AeadLibrary::gives_known_answer() const {
  // AES-128-GCM of 16 zero bytes under a zero key and nonce (test case 2 of the GCM specification).
  static constexpr uint8_t SEALED[] = {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2,
                                       0xb9, 0x71, 0xb2, 0xfe, 0x78, 0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec,
                                       0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57, 0xbd, 0xdf};
  static constexpr uint8_t ZERO[16] = {};
  uint8_t bytes[sizeof SEALED] = {};
  const Packet packet = {ZERO, nullptr, 0, bytes, 16, bytes + 16};
  Context* context = new_context(ZERO);
  if (context == nullptr) return false;
  bool right = seal(context, packet) && std::memcmp(bytes, SEALED, sizeof SEALED) == 0;
  right = right && open(context, packet) && std::memcmp(bytes, ZERO, sizeof ZERO) == 0;
  right = right && seal(context, packet);
  bytes[31] ^= 1;
  right = right && !open(context, packet);
  free_context(context);
  return right;
}

}  // namespace kcpgate
