#pragma once

#include "ip-address.h"

namespace kcpgate {

// Whether a datagram of so many bytes goes to a peer without being fragmented, as far as this machine knows. `family` is
// that of the socket which sends. Costs a few system calls.
bool path_takes(const PeerAddress& peer, int family, int datagram_bytes);

}  // namespace kcpgate
