#include <linux/udp.h>
#include <netinet/in.h>

#include "../datagram-socket.h"
#include "address-table.h"
#include "error-queue.h"
#include "receiver.h"
#include "report-queue.h"
#include "sender.h"
#include "socket-setup.h"

namespace kcpgate {

namespace {

class LinuxDatagramSocket final : public DatagramSocket {
 public:
  LinuxDatagramSocket(OpenSocket&& socket, const DatagramSocketOptions& options)
      : socket_(std::move(socket)),
        addresses_(options.max_addresses),
        reports_(addresses_, counters_),
        receiver_(options, addresses_, counters_),
        sender_(socket_, options, addresses_, reports_, counters_) {
    if (!socket_.connected) return;
    // Never released, so that it keeps its slot.
    only_slot_ = addresses_.intern(socket_.remote, {});
    sender_.connect_to(only_slot_);
  }

  int descriptor() const override { return socket_.descriptor.get(); }
  const Endpoint& local() const override { return socket_.local; }
  int receive_buffer_bytes() const override { return socket_.receive_buffer_bytes; }
  int send_buffer_bytes() const override { return socket_.send_buffer_bytes; }
  bool segmentation() const override { return sender_.segmentation(); }
  const DatagramCounters& counters() const override { return counters_; }

  ReceivedBatch receive() override {
    return closed() ? ReceivedBatch{} : receiver_.receive(descriptor(), only_slot_);
  }
  void release_batch() override { receiver_.release_batch(); }

  void send(const uint8_t* bytes, size_t length, const int32_t* descriptors, int count) override {
    if (closed()) counters_.send_drops += count;
    else sender_.send(bytes, length, descriptors, count);
  }
  bool has_queued() const override { return sender_.has_queued(); }
  void send_queued() override {
    if (!closed()) sender_.send_queued();
  }

  void receive_errors() override {
    if (!closed()) drain_error_queue(descriptor(), addresses_, reports_);
  }
  bool has_reports() const override { return !reports_.empty(); }
  bool take_report(SocketReport& report) override { return reports_.take(report); }

  int intern(const std::string& address, int port) override {
    PeerAddress peer;
    if (closed() || port <= 0 || port > 65'535 || !parse_ip(address, peer.ip, peer.scope)) return -1;
    const bool v4 = peer.ip.v4_mapped();
    if (socket_.family == AF_INET ? !v4 : v4 && socket_.ipv6_only) return -1;
    peer.port = static_cast<uint16_t>(port);
    return addresses_.intern(peer, {});
  }
  void retain(int slot) override { addresses_.retain(slot); }
  void release(int slot) override { addresses_.release(slot); }
  bool address_of(int slot, Endpoint& address) const override {
    if (!addresses_.has(slot)) return false;
    const PeerAddress& peer = addresses_.peer_of(slot);
    address = {print_ip(peer.ip, peer.scope), peer.ip.v4_mapped() ? 4 : 6, peer.port};
    return true;
  }

  void refuse_segmentation() override {
    // The kernel cuts up only what it also computes checksums for.
    set_option(descriptor(), SOL_SOCKET, SO_NO_CHECK, 1);
    if (socket_.family != AF_INET6) return;
    set_option(descriptor(), IPPROTO_UDP, UDP_NO_CHECK6_TX, 1);
    // Without a checksum it is taken only by who asks for such datagrams.
    set_option(descriptor(), IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
  }

  void close() override {
    sender_.close();
    reports_.clear();
    addresses_.clear();
    socket_.descriptor.reset();
  }

 private:
  bool closed() const { return !socket_.descriptor.valid(); }

  OpenSocket socket_;
  DatagramCounters counters_;
  AddressTable addresses_;
  ReportQueue reports_;
  Receiver receiver_;
  Sender sender_;
  int only_slot_ = -1;
};

}  // namespace

std::unique_ptr<DatagramSocket> open_datagram_socket(const DatagramSocketOptions& options, SystemError& error) {
  OpenSocket socket;
  if (!set_up_socket(options, socket, error)) return nullptr;
  return std::make_unique<LinuxDatagramSocket>(std::move(socket), options);
}

}  // namespace kcpgate
