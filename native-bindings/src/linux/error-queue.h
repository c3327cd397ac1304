#pragma once

#include "address-table.h"
#include "report-queue.h"

namespace kcpgate {

// Reads what the network answered to datagrams sent before (ICMP errors) from the socket's error queue; a bounded
// number, the rest stays for the next turn.
void drain_error_queue(int descriptor, const AddressTable& addresses, ReportQueue& reports);

}  // namespace kcpgate
