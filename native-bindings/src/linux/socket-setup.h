// Opening a UDP socket and finding out what it can do.
#pragma once

#include "../datagram-socket.h"
#include "file-descriptor.h"
#include "ip-address.h"

namespace kcpgate {

struct OpenSocket {
  FileDescriptor descriptor;
  // AF_INET or AF_INET6.
  int family = 0;
  Endpoint local;
  bool ipv6_only = false;
  // Bound to every address of the machine and open to any peer, so each datagram tells which address it came to.
  bool many_local_addresses = false;
  bool connected = false;
  PeerAddress remote;
  int receive_buffer_bytes = 0;
  int send_buffer_bytes = 0;
  bool segmentation = false;
};

// Opens or adopts, sizes the buffers, connects, and switches on what comes beside each datagram.
bool set_up_socket(const DatagramSocketOptions& options, OpenSocket& socket, SystemError& error);

struct BindOptions {
  std::string address;
  int port = 0;
  bool ipv6_only = false;
  bool reuse_port = false;
};

// A bound, non-blocking socket; not valid, with `error` filled in, when that failed.
FileDescriptor bind_socket(const BindOptions& options, SystemError& error);
// The address a socket is bound to.
bool read_local(int descriptor, Endpoint& local, PeerAddress& address, SystemError& error);

// setsockopt for an integer option.
bool set_option(int descriptor, int level, int name, int value);

}  // namespace kcpgate
