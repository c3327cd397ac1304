// Questions about the way to a peer, asked on a socket of their own. They cost a few system calls: for after a failure.
#pragma once

#include "ip-address.h"

namespace kcpgate {

// Whether a datagram of so many bytes goes to a peer without being fragmented, as far as this machine knows. `family` is
// that of the socket which sends.
bool path_takes(const PeerAddress& peer, int family, int datagram_bytes);

// Whether this machine (still) has an address. `scope` is its interface, if it is a link-local one.
bool has_local_address(const IpAddress& ip, uint32_t scope, int family);

}  // namespace kcpgate
