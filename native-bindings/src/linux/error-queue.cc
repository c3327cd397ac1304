#include "error-queue.h"

// Before the kernel's headers, which rely on its types.
#include <ctime>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace kcpgate {

namespace {

constexpr int MAX_ERRORS_PER_TURN = 64;

struct ErrorMessage {
  // The datagram that caused it is not needed, only where it went.
  sockaddr_storage destination{};
  alignas(cmsghdr) uint8_t control[512];
  msghdr header{};

  ErrorMessage() {
    header.msg_name = &destination;
    header.msg_namelen = sizeof destination;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }

  // What ICMP said, as an errno value; 0 when the error arose on this machine: the failed send told about it.
  int number() {
    for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr; entry = CMSG_NXTHDR(&header, entry)) {
      const bool v4 = entry->cmsg_level == IPPROTO_IP && entry->cmsg_type == IP_RECVERR;
      const bool v6 = entry->cmsg_level == IPPROTO_IPV6 && entry->cmsg_type == IPV6_RECVERR;
      if (!v4 && !v6) continue;
      sock_extended_err error;
      memcpy(&error, CMSG_DATA(entry), sizeof error);
      const bool icmp = error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
      return icmp ? static_cast<int>(error.ee_errno) : 0;
    }
    return 0;
  }
};

}  // namespace

void drain_error_queue(int descriptor, const AddressTable& addresses, ReportQueue& reports) {
  for (int i = 0; i < MAX_ERRORS_PER_TURN; i++) {
    ErrorMessage message;
    if (recvmsg(descriptor, &message.header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
    const int number = message.number();
    if (number != 0) reports.add(number, REPORT_ICMP, addresses.find(peer_from(message.destination)));
  }
  // The same errors are also noted on the socket itself, where they would fail the next call.
  int noted = 0;
  socklen_t length = sizeof noted;
  getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &noted, &length);
}

}  // namespace kcpgate
