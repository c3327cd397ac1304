#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "../datagram-socket.h"
#include "address-table.h"
#include "report-queue.h"
#include "send-queue.h"
#include "socket-setup.h"

namespace kcpgate {

// Sends batches: neighbours of equal size to one peer leave as one message that the kernel cuts up (UDP_SEGMENT), many
// messages in one call.
class Sender {
 public:
  Sender(const OpenSocket& socket, const DatagramSocketOptions& options, AddressTable& addresses,
         ReportQueue& reports, DatagramCounters& counters);

  // Only this slot is sent to, unless it is -1.
  void connect_to(int slot) { only_slot_ = slot; }
  void send(const uint8_t* bytes, size_t length, const int32_t* descriptors, int count);
  bool segmentation() const { return segmentation_; }
  bool has_queued() const { return !queue_.empty(); }
  void send_queued();
  void close();

 private:
  static constexpr int MAX_MESSAGES = 64;

  // One message: datagrams `first` up to but not `last` of the batch.
  struct Run {
    int first;
    int last;
  };

  struct Batch {
    const uint8_t* bytes;
    size_t length;
    const int32_t* descriptors;
    int count;
    int offset(int i) const { return descriptors[i * DESCRIPTOR_STRIDE]; }
    int size(int i) const { return descriptors[i * DESCRIPTOR_STRIDE + 1]; }
    int slot(int i) const { return descriptors[i * DESCRIPTOR_STRIDE + 2]; }
  };

  // What becomes of a message that the system did not take.
  enum class Verdict {
    // Try once more: the error was not about it.
    AGAIN,
    // Wait until the socket is writable.
    FULL,
    // Lay it out anew, without segmentation.
    SINGLY,
    LOST,
  };

  bool sendable(const Batch& batch, int index) const;
  // Sends in order from the first on. Returns how many are done with, sent or dropped; fewer than all: the system is full.
  int send_until_full(const Batch& batch);
  // Lays out messages from datagram `next` on; up to `single_until` each has its own.
  void lay_out(const Batch& batch, int next, int single_until);
  int end_of_run(const Batch& batch, int first) const;
  bool same_conversation(const Batch& batch, int first, int other) const;
  void add_message(const Batch& batch, int first, int last);
  size_t write_control(int slot, int segment_size, uint8_t* into) const;
  // Counts what the system took of the messages from `first` on. Returns the index of the next datagram.
  int count_sent(const Batch& batch, int first, int messages);
  Verdict judge(int number, int attempts, const Batch& batch, const Run& run);
  void turn_segmentation_off(int number);
  void queue(const Batch& batch, int first);

  const int descriptor_;
  const int family_;
  const bool connected_;
  const int max_datagram_bytes_;
  const int max_message_bytes_;
  bool segmentation_;
  int only_slot_ = -1;
  // The kernel refused a large message for a reason that may also be another: an errno value, or 0.
  int doubted_ = 0;

  AddressTable& addresses_;
  ReportQueue& reports_;
  DatagramCounters& counters_;
  SendQueue queue_;

  int messages_ = 0;
  std::array<Run, MAX_MESSAGES> runs_;
  std::array<mmsghdr, MAX_MESSAGES> headers_{};
  std::array<iovec, MAX_MESSAGES> vectors_;
  std::array<sockaddr_in6, MAX_MESSAGES> targets_;
  struct Control {
    alignas(cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(in6_pktinfo))];
  };
  std::array<Control, MAX_MESSAGES> controls_{};
};

}  // namespace kcpgate
