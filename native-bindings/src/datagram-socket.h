// A UDP socket that works in batches. It knows neither JavaScript nor an event loop: its owner calls in when the
// descriptor is readable or writable, and decides what to do with what it finds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace kcpgate {

// A failed system call. `number` is an errno value; 0: nothing failed.
struct SystemError {
  int number = 0;
  const char* syscall = "";
};

// Something that went wrong with an open socket.
struct SocketReport {
  // An errno value.
  int number = 0;
  // The call that failed, REPORT_ICMP or REPORT_SEGMENTATION.
  const char* syscall = "";
  // The peer it is about, or -1.
  int slot = -1;
};

// An error came from the network: nobody listens there, no way there.
inline constexpr const char* REPORT_ICMP = "icmp";
// The kernel refused to cut a large send into datagrams; the socket sends them singly from now on.
inline constexpr const char* REPORT_SEGMENTATION = "segmentation";

struct DatagramSocketOptions {
  std::string address;
  int port = 0;
  bool ipv6_only = false;
  bool reuse_port = false;
  // A bound socket to duplicate instead of binding; -1: none.
  int descriptor = -1;
  // The only peer; empty for any.
  std::string remote_address;
  int remote_port = 0;
  // 0 keeps the system's default.
  int buffer_bytes = 0;
  int max_datagram_bytes = 0;
  int64_t max_queue_bytes = 0;
  int max_addresses = 0;
  bool segmentation = false;
  // Receive memory: `slot_count` slots of `slot_bytes`, and META_STRIDE integers for each. Outlives the socket.
  uint8_t* slab = nullptr;
  int32_t* meta = nullptr;
  int slot_bytes = 0;
  int slot_count = 0;
};

// Integers per filled slot: offset, length, segment size, address slot, ECN mark.
inline constexpr int META_STRIDE = 5;
// Integers per datagram to send: offset, length, address slot.
inline constexpr int DESCRIPTOR_STRIDE = 3;

// Growing from zero. NATIVE_COUNTERS of udp.ts names them in this order.
struct DatagramCounters {
  uint64_t received_datagrams = 0;
  uint64_t received_bytes = 0;
  uint64_t receive_batches = 0;
  uint64_t receive_calls = 0;
  uint64_t oversize_drops = 0;
  uint64_t receive_drops = 0;
  uint64_t sent_datagrams = 0;
  uint64_t sent_bytes = 0;
  uint64_t send_calls = 0;
  uint64_t send_drops = 0;
  uint64_t socket_errors = 0;
  uint64_t segmented_sends = 0;
};

struct ReceivedBatch {
  // Filled slots.
  int count = 0;
  // The bound of one batch ended it and more is there.
  bool more_waiting = false;
};

struct Endpoint {
  std::string address;
  // 4 or 6.
  int family = 0;
  int port = 0;
};

class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;

  virtual int descriptor() const = 0;
  virtual const Endpoint& local() const = 0;
  virtual int receive_buffer_bytes() const = 0;
  virtual int send_buffer_bytes() const = 0;
  // Whether runs of datagrams leave as one message.
  virtual bool segmentation() const = 0;
  virtual const DatagramCounters& counters() const = 0;

  // Fills the slab from the kernel's queue, without waiting. The address slots in it hold until `release_batch`.
  virtual ReceivedBatch receive() = 0;
  virtual void release_batch() = 0;

  // Sends `count` datagrams over `bytes`. What the system does not take is copied and queued, within bounds.
  virtual void send(const uint8_t* bytes, size_t length, const int32_t* descriptors, int count) = 0;
  virtual bool has_queued() const = 0;
  // The descriptor is writable again.
  virtual void send_queued() = 0;

  // Collects what the network said about datagrams sent before; a bounded number each time.
  virtual void receive_errors() = 0;
  virtual bool has_reports() const = 0;
  // Takes the oldest report; its slot, unless -1, must be released. False when there is none.
  virtual bool take_report(SocketReport& report) = 0;

  // The slot of an address, retained once, or -1.
  virtual int intern(const std::string& address, int port) = 0;
  virtual void retain(int slot) = 0;
  virtual void release(int slot) = 0;
  // False when the slot is not in use.
  virtual bool address_of(int slot, Endpoint& address) const = 0;

  // Makes the kernel refuse segmentation. For tests.
  virtual void refuse_segmentation() = 0;
  // Closes the descriptor and forgets queue and addresses; every other method stays safe.
  virtual void close() = 0;
};

struct UdpFeatures {
  bool segmentation = false;
  bool receive_offload = false;
  bool reuse_port = false;
  bool steering = false;
};

// What a platform offers; there is one implementation for each.
UdpFeatures probe_udp();
// Null with `error` filled in.
std::unique_ptr<DatagramSocket> open_datagram_socket(const DatagramSocketOptions& options, SystemError& error);

// What may stand in front of the conversation number of a datagram.
enum class ProxyHeaders {
  NONE,
  // PROXY protocol, version 1 or 2.
  PROXY,
  // Simple Proxy Protocol.
  SIMPLE,
};

// Binds `count` sockets to one address and steers by `conv mod count`. False with `error` filled in, and nothing open.
bool bind_reuse_port_group(const Endpoint& address, bool ipv6_only, int count, ProxyHeaders headers,
                           int* descriptors, SystemError& error);
void close_descriptor(int descriptor);

}  // namespace kcpgate
