#pragma once

#include <sys/socket.h>

#include <vector>

#include "../datagram-socket.h"
#include "address-table.h"

namespace kcpgate {

// Reads batches of datagrams into the slab.
class Receiver {
 public:
  Receiver(const DatagramSocketOptions& options, AddressTable& addresses, DatagramCounters& counters);

  ~Receiver();

  // `only_slot`: datagrams of other peers are dropped, unless it is -1.
  ReceivedBatch receive(int descriptor, int only_slot);
  void release_batch();

 private:
  // Room for what comes beside one message.
  struct Control;

  void prepare(int count);
  // Describes the datagrams of one filled slot of the slab, and drops what is not wanted.
  void take(int index, int only_slot);
  void append(int offset, int length, int segment_size, int address_slot, int ecn);

  AddressTable& addresses_;
  DatagramCounters& counters_;
  const int max_datagram_bytes_;
  const int slot_bytes_;
  const int slot_count_;
  int32_t* const meta_;
  // Messages to ask for.
  int limit_;
  // How many were used since `prepare` last made them fresh.
  int stale_ = 0;
  int count_ = 0;
  std::vector<mmsghdr> headers_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_storage> senders_;
  std::vector<Control> controls_;
  // What the batch holds a reference to: the numbers in the meta array are anybody's.
  std::vector<int> held_;
};

}  // namespace kcpgate
