#pragma once

#include <array>

#include "../datagram-socket.h"
#include "address-table.h"

namespace kcpgate {

// What went wrong and was not told yet. It holds a few reports, each with a reference to its slot; when more goes wrong
// meanwhile, that is only counted.
class ReportQueue {
 public:
  ReportQueue(AddressTable& addresses, DatagramCounters& counters) : addresses_(addresses), counters_(counters) {}

  // Counts an error and keeps it if there is room.
  void add(int number, const char* syscall, int slot) {
    counters_.socket_errors++;
    keep(number, syscall, slot);
  }

  // A change of mode, which is no error. There is always room for it.
  void add_segmentation_refused(int number) {
    if (size_ == CAPACITY) addresses_.release(reports_[--size_].slot);
    keep(number, REPORT_SEGMENTATION, -1);
  }

  bool empty() const { return size_ == 0; }
  // The caller releases the slot.
  bool take(SocketReport& report) {
    if (size_ == 0) return false;
    report = reports_[0];
    for (int i = 1; i < size_; i++) reports_[i - 1] = reports_[i];
    size_--;
    return true;
  }

  void clear() { size_ = 0; }

 private:
  static constexpr int CAPACITY = 16;

  void keep(int number, const char* syscall, int slot) {
    if (size_ == CAPACITY) return;
    addresses_.retain(slot);
    reports_[size_++] = {number, syscall, slot};
  }

  AddressTable& addresses_;
  DatagramCounters& counters_;
  std::array<SocketReport, CAPACITY> reports_;
  int size_ = 0;
};

}  // namespace kcpgate
