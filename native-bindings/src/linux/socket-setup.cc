#include "socket-setup.h"

#include <fcntl.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace kcpgate {

namespace {

constexpr int MAX_PORT = 65'535;

bool fail(SystemError& error, const char* syscall, int number = errno) {
  error = {number, syscall};
  return false;
}

int get_option(int descriptor, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  if (getsockopt(descriptor, level, name, &value, &length) != 0) return 0;
  return value;
}

// Takes over a bound socket of somebody else, such as the service manager's.
bool adopt(int original, FileDescriptor& descriptor, SystemError& error) {
  descriptor.reset(fcntl(original, F_DUPFD_CLOEXEC, 0));
  if (!descriptor.valid()) return fail(error, "dup");
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(descriptor.get(), SOL_SOCKET, SO_TYPE, &type, &length) != 0) return fail(error, "getsockopt");
  const int family = get_option(descriptor.get(), SOL_SOCKET, SO_DOMAIN);
  const bool udp = type == SOCK_DGRAM && get_option(descriptor.get(), SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP;
  if (!udp || (family != AF_INET && family != AF_INET6)) return fail(error, "adopt", EPROTOTYPE);
  const int flags = fcntl(descriptor.get(), F_GETFL);
  if (flags < 0 || fcntl(descriptor.get(), F_SETFL, flags | O_NONBLOCK) != 0) return fail(error, "fcntl");
  return true;
}

bool connect_to(const DatagramSocketOptions& options, OpenSocket& socket, SystemError& error) {
  if (!parse_ip(options.remote_address, socket.remote.ip, socket.remote.scope)) return fail(error, "connect", EINVAL);
  const bool v4 = socket.remote.ip.v4_mapped();
  if (socket.family == AF_INET ? !v4 : v4 && socket.ipv6_only) return fail(error, "connect", EAFNOSUPPORT);
  if (options.remote_port < 1 || options.remote_port > MAX_PORT) return fail(error, "connect", EINVAL);
  socket.remote.port = static_cast<uint16_t>(options.remote_port);
  sockaddr_storage address{};
  const socklen_t length = write_sockaddr(socket.remote, socket.family, &address);
  if (connect(socket.descriptor.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    return fail(error, "connect");
  }
  socket.connected = true;
  return true;
}

void size_buffers(int bytes, OpenSocket& socket) {
  const int descriptor = socket.descriptor.get();
  if (bytes > 0) {
    set_option(descriptor, SOL_SOCKET, SO_RCVBUF, bytes);
    set_option(descriptor, SOL_SOCKET, SO_SNDBUF, bytes);
  }
  // Linux reports twice what is usable: the other half is for its own bookkeeping.
  socket.receive_buffer_bytes = get_option(descriptor, SOL_SOCKET, SO_RCVBUF) / 2;
  socket.send_buffer_bytes = get_option(descriptor, SOL_SOCKET, SO_SNDBUF) / 2;
}

// What comes beside the datagrams. A kernel that lacks one of these only tells less.
void ask_for_details(bool segmentation, OpenSocket& socket) {
  const int descriptor = socket.descriptor.get();
  // On a dual-stack socket the IPv4 options are for its IPv4 peers.
  set_option(descriptor, IPPROTO_IP, IP_RECVTOS, 1);
  set_option(descriptor, IPPROTO_IP, IP_RECVERR, 1);
  if (socket.family == AF_INET6) {
    set_option(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    set_option(descriptor, IPPROTO_IPV6, IPV6_RECVERR, 1);
  }
  // An error in the queue shows as a priority event, which an event loop can tell from a broken descriptor.
  set_option(descriptor, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1);
  if (socket.many_local_addresses) {
    if (socket.family == AF_INET) set_option(descriptor, IPPROTO_IP, IP_PKTINFO, 1);
    else set_option(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }
  // An earlier owner of an adopted socket may have left either on. Only a kernel that knows the option takes size 0.
  const bool can_segment = set_option(descriptor, IPPROTO_UDP, UDP_SEGMENT, 0);
  set_option(descriptor, IPPROTO_UDP, UDP_GRO, segmentation ? 1 : 0);
  socket.segmentation = segmentation && can_segment;
}

}  // namespace

bool set_option(int descriptor, int level, int name, int value) {
  return setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

bool set_up_socket(const DatagramSocketOptions& options, OpenSocket& socket, SystemError& error) {
  if (options.descriptor >= 0) {
    if (!adopt(options.descriptor, socket.descriptor, error)) return false;
  } else {
    socket.descriptor =
        bind_socket({options.address, options.port, options.ipv6_only, options.reuse_port}, error);
    if (!socket.descriptor.valid()) return false;
  }
  PeerAddress local;
  if (!read_local(socket.descriptor.get(), socket.local, local, error)) return false;
  // Adopted, but not bound: nobody could reach it.
  if (local.port == 0) return fail(error, "adopt", EINVAL);
  socket.family = socket.local.family == 4 ? AF_INET : AF_INET6;
  socket.ipv6_only = socket.family == AF_INET6 && get_option(socket.descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY) != 0;
  size_buffers(options.buffer_bytes, socket);
  if (!options.remote_address.empty()) {
    if (!connect_to(options, socket, error)) return false;
  } else {
    const bool any_v4 = local.ip.v4_mapped() && local.ip.to_v4().s_addr == INADDR_ANY;
    socket.many_local_addresses = any_v4 || local.ip.unspecified();
  }
  ask_for_details(options.segmentation, socket);
  return true;
}

FileDescriptor bind_socket(const BindOptions& options, SystemError& error) {
  PeerAddress address;
  const bool port_valid = options.port >= 0 && options.port <= MAX_PORT;
  if (!port_valid || !parse_ip(options.address, address.ip, address.scope)) {
    fail(error, "bind", EINVAL);
    return {};
  }
  address.port = static_cast<uint16_t>(options.port);
  // A v4-mapped address in the notation of IPv6 asks for an IPv6 socket.
  const int family = options.address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  FileDescriptor descriptor(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!descriptor.valid()) {
    fail(error, "socket");
    return {};
  }
  if (family == AF_INET6) set_option(descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6_only ? 1 : 0);
  if (options.reuse_port && !set_option(descriptor.get(), SOL_SOCKET, SO_REUSEPORT, 1)) {
    fail(error, "setsockopt");
    return {};
  }
  sockaddr_storage bytes{};
  const socklen_t length = write_sockaddr(address, family, &bytes);
  if (bind(descriptor.get(), reinterpret_cast<sockaddr*>(&bytes), length) != 0) {
    fail(error, "bind");
    return {};
  }
  return descriptor;
}

bool read_local(int descriptor, Endpoint& local, PeerAddress& address, SystemError& error) {
  sockaddr_storage bytes{};
  socklen_t length = sizeof bytes;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&bytes), &length) != 0) return fail(error, "getsockname");
  address = peer_from(bytes);
  local.family = bytes.ss_family == AF_INET ? 4 : 6;
  local.port = address.port;
  local.address = print_ip(address.ip, address.scope);
  return true;
}

UdpFeatures probe_udp() {
  UdpFeatures features;
  SystemError error;
  const FileDescriptor descriptor = bind_socket({"127.0.0.1", 0, false, false}, error);
  if (!descriptor.valid()) return features;
  features.segmentation = set_option(descriptor.get(), IPPROTO_UDP, UDP_SEGMENT, 0);
  features.receive_offload = set_option(descriptor.get(), IPPROTO_UDP, UDP_GRO, 1);
  features.reuse_port = set_option(descriptor.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  int group[2];
  features.steering = bind_reuse_port_group({"127.0.0.1", 4, 0}, false, 2, ProxyHeaders::NONE, group, error);
  if (features.steering) {
    for (const int member : group) close_descriptor(member);
  }
  return features;
}

}  // namespace kcpgate
