#include "send-queue.h"

namespace kcpgate {

namespace {

// What one datagram costs beside its bytes.
constexpr int OVERHEAD_BYTES = 16;
// More than this is given back to the system when the queue has emptied.
constexpr size_t KEPT_BYTES = 64 * 1024;

}  // namespace

bool SendQueue::push(const uint8_t* datagram, int length, int slot) {
  const int64_t start = empty() ? static_cast<int64_t>(bytes_.size()) : descriptors()[0];
  const int64_t waiting = static_cast<int64_t>(bytes_.size()) - start;
  if (waiting + length + (count() + 1) * static_cast<int64_t>(OVERHEAD_BYTES) > max_bytes_) return false;
  // Half of the memory is behind us: bring it in use again before asking for more.
  if (start > 0 && start >= waiting) compact();
  descriptors_.push_back(static_cast<int32_t>(bytes_.size()));
  descriptors_.push_back(length);
  descriptors_.push_back(slot);
  bytes_.insert(bytes_.end(), datagram, datagram + length);
  addresses_.retain(slot);
  count_++;
  return true;
}

void SendQueue::pop(int count) {
  for (int i = 0; i < count; i++) addresses_.release(descriptors()[i * DESCRIPTOR_STRIDE + 2]);
  first_ += count;
  if (!empty()) return;
  first_ = count_ = 0;
  bytes_.clear();
  descriptors_.clear();
  if (bytes_.capacity() <= KEPT_BYTES) return;
  bytes_ = {};
  descriptors_ = {};
}

void SendQueue::clear() { pop(count()); }

void SendQueue::compact() {
  const int32_t start = empty() ? static_cast<int32_t>(bytes_.size()) : descriptors()[0];
  bytes_.erase(bytes_.begin(), bytes_.begin() + start);
  descriptors_.erase(descriptors_.begin(), descriptors_.begin() + static_cast<ptrdiff_t>(first_) * DESCRIPTOR_STRIDE);
  count_ -= first_;
  first_ = 0;
  for (int i = 0; i < count_; i++) descriptors_[static_cast<size_t>(i) * DESCRIPTOR_STRIDE] -= start;
}

}  // namespace kcpgate
