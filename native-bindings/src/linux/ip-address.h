// Addresses as fixed-size values, whatever the family: IPv4 is kept as its v4-mapped IPv6 address.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace kcpgate {

struct IpAddress {
  uint64_t high = 0;
  uint64_t low = 0;

  bool operator==(const IpAddress&) const = default;
  // All zero: no address is named.
  bool unspecified() const { return (high | low) == 0; }
  bool v4_mapped() const;
  in_addr to_v4() const;
  in6_addr to_v6() const;
  static IpAddress from_v4(in_addr address);
  static IpAddress from_v6(const in6_addr& address);
};

// Where a datagram comes from or goes to.
struct PeerAddress {
  IpAddress ip;
  // Interface of a link-local address, or 0.
  uint32_t scope = 0;
  uint16_t port = 0;

  bool operator==(const PeerAddress&) const = default;
};

// `text` is a literal address, an IPv6 one perhaps with a zone. False when it is neither.
bool parse_ip(const std::string& text, IpAddress& ip, uint32_t& scope);
// A v4-mapped address is printed as plain IPv4.
std::string print_ip(const IpAddress& ip, uint32_t scope);

PeerAddress peer_from(const sockaddr_storage& address);
// Writes the address as a socket of that family (AF_INET or AF_INET6) takes it. Returns its length.
socklen_t write_sockaddr(const PeerAddress& peer, int family, void* into);

}  // namespace kcpgate
