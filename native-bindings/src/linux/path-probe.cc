#include "path-probe.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>

#include "file-descriptor.h"

namespace kcpgate {

bool path_takes(const PeerAddress& peer, int family, int datagram_bytes) {
  const bool v4 = peer.ip.v4_mapped();
  // Only a connected socket knows the MTU of its path; connecting one sends nothing.
  const FileDescriptor probe(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
  sockaddr_storage address{};
  const socklen_t address_length = write_sockaddr(peer, family, &address);
  if (connect(probe.get(), reinterpret_cast<sockaddr*>(&address), address_length) != 0) return true;
  int mtu = 0;
  socklen_t length = sizeof mtu;
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  if (getsockopt(probe.get(), level, v4 ? IP_MTU : IPV6_MTU, &mtu, &length) != 0) return true;
  const int header_bytes = static_cast<int>(sizeof(udphdr) + (v4 ? sizeof(ip) : sizeof(ip6_hdr)));
  return datagram_bytes + header_bytes <= mtu;
}

bool has_local_address(const IpAddress& ip, uint32_t scope, int family) {
  const FileDescriptor probe(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
  sockaddr_storage address{};
  const socklen_t length = write_sockaddr({ip, scope, 0}, family, &address);
  return bind(probe.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 || errno != EADDRNOTAVAIL;
}

}  // namespace kcpgate
