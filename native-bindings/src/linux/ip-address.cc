#include "ip-address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>

namespace kcpgate {

namespace {

// ::ffff:0:0 as it lies in memory, read as an integer of the machine.
uint64_t v4_prefix() {
  static constexpr uint8_t PREFIX[4] = {0, 0, 0xff, 0xff};
  uint64_t value = 0;
  memcpy(&value, PREFIX, sizeof PREFIX);
  return value;
}

constexpr int V4_OFFSET = 4;

}  // namespace

bool IpAddress::v4_mapped() const {
  uint32_t middle = 0;
  uint32_t prefix = 0;
  const uint64_t whole = v4_prefix();
  memcpy(&middle, &low, sizeof middle);
  memcpy(&prefix, &whole, sizeof prefix);
  return high == 0 && middle == prefix;
}

in_addr IpAddress::to_v4() const {
  in_addr address;
  memcpy(&address, reinterpret_cast<const uint8_t*>(&low) + V4_OFFSET, sizeof address);
  return address;
}

in6_addr IpAddress::to_v6() const {
  const uint64_t halves[] = {high, low};
  in6_addr address;
  memcpy(&address, halves, sizeof address);
  return address;
}

IpAddress IpAddress::from_v4(in_addr address) {
  IpAddress ip;
  ip.low = v4_prefix();
  memcpy(reinterpret_cast<uint8_t*>(&ip.low) + V4_OFFSET, &address, sizeof address);
  return ip;
}

IpAddress IpAddress::from_v6(const in6_addr& address) {
  uint64_t halves[2];
  memcpy(halves, &address, sizeof halves);
  return {halves[0], halves[1]};
}

bool parse_ip(const std::string& text, IpAddress& ip, uint32_t& scope) {
  scope = 0;
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    ip = IpAddress::from_v4(v4);
    return true;
  }
  const size_t percent = text.find('%');
  in6_addr v6;
  if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), &v6) != 1) return false;
  ip = IpAddress::from_v6(v6);
  if (percent != std::string::npos) scope = if_nametoindex(text.substr(percent + 1).c_str());
  return true;
}

std::string print_ip(const IpAddress& ip, uint32_t scope) {
  char text[INET6_ADDRSTRLEN] = "";
  if (ip.v4_mapped()) {
    const in_addr address = ip.to_v4();
    return inet_ntop(AF_INET, &address, text, sizeof text);
  }
  const in6_addr address = ip.to_v6();
  std::string printed = inet_ntop(AF_INET6, &address, text, sizeof text);
  char name[IF_NAMESIZE] = "";
  if (scope != 0 && if_indextoname(scope, name) != nullptr) printed.append("%").append(name);
  return printed;
}

PeerAddress peer_from(const sockaddr_storage& address) {
  PeerAddress peer;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    peer.ip = IpAddress::from_v4(v4.sin_addr);
    peer.port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    peer.ip = IpAddress::from_v6(v6.sin6_addr);
    peer.port = ntohs(v6.sin6_port);
    peer.scope = v6.sin6_scope_id;
  }
  return peer;
}

socklen_t write_sockaddr(const PeerAddress& peer, int family, void* into) {
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr = peer.ip.to_v4();
    v4.sin_port = htons(peer.port);
    memcpy(into, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = peer.ip.to_v6();
  v6.sin6_port = htons(peer.port);
  v6.sin6_scope_id = peer.scope;
  memcpy(into, &v6, sizeof v6);
  return sizeof v6;
}

}  // namespace kcpgate
