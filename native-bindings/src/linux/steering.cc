// Groups of sockets on one port, and the filter that picks one of them for each datagram.
#include <linux/filter.h>
#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <utility>
#include <vector>

#include "../datagram-socket.h"
#include "file-descriptor.h"
#include "socket-setup.h"

namespace kcpgate {

namespace {

// The accumulator holds byte `index` of the payload shifted in below what X holds. A load beyond the end of the datagram
// ends the filter with 0, so anything shorter than a conversation number goes to the first socket.
#define KCPGATE_SHIFT_IN(index)                                                    \
  BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 8), BPF_STMT(BPF_MISC | BPF_TAX, 0),         \
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, index), BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0)

// Steers by the first four bytes of the payload, a little-endian number. Word loads of BPF are big-endian.
bool steer_by_conversation(int descriptor, int count) {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 3),
      KCPGATE_SHIFT_IN(2),
      KCPGATE_SHIFT_IN(1),
      KCPGATE_SHIFT_IN(0),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, static_cast<uint32_t>(count)),
      BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(steps)), steps};
  return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
}

#undef KCPGATE_SHIFT_IN

}  // namespace

bool bind_reuse_port_group(const Endpoint& address, bool ipv6_only, int count, int* descriptors,
                           SystemError& error) {
  BindOptions options{address.address, address.port, ipv6_only, false};
  std::vector<FileDescriptor> group;
  for (int number = 0; number < count; number++) {
    group.push_back(bind_socket(options, error));
    const int member = group.back().get();
    if (!group.back().valid()) return false;
    if (number > 0) continue;
    // The first is bound alone and opened to others afterwards: a group of somebody else on this port, or one that the
    // system picks for port 0, would take us in and mix up the numbers.
    Endpoint local;
    PeerAddress bound;
    if (!read_local(member, local, bound, error)) return false;
    if (!set_option(member, SOL_SOCKET, SO_REUSEPORT, 1)) {
      error = {errno, "setsockopt"};
      return false;
    }
    options.port = local.port;
    options.reuse_port = true;
  }
  // One alone makes no group that could be steered.
  if (count > 1 && !steer_by_conversation(group.front().get(), count)) {
    error = {errno, "setsockopt"};
    return false;
  }
  for (FileDescriptor& member : group) *descriptors++ = member.take();
  return true;
}

void close_descriptor(int descriptor) { FileDescriptor owned(descriptor); }

}  // namespace kcpgate
