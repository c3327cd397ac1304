"""A bad network inside of one network namespace: packets of any kind are delayed, and some are lost.

Started in a namespace of its own (`unshare --net`), it makes a TUN device for each line and answers on its address 10.9.n.2:
what is sent there comes back to 10.9.n.1 as if 10.9.n.2 had sent it. So a server on 10.9.n.1 is reached at 10.9.n.2, both ways
through this program. Swapping two addresses leaves every checksum right.

Prints JSON lines: `ready`; for each line on standard input `stats`. Ends with its standard input.
"""

import argparse
import collections
import fcntl
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000


class Line:
    def __init__(self, number, delay_s, loss, seed):
        self.delay_s = delay_s
        self.loss = loss
        self.luck = random.Random(seed * 1000 + number)
        self.waiting = collections.deque()
        self.packets = self.bytes = self.lost = 0
        self.shortest = 65536
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        name = "line%d" % number
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        ip("addr", "add", "10.9.%d.1/24" % number, "dev", name)
        ip("link", "set", name, "up")

    def read(self, now):
        while True:
            try:
                packet = os.read(self.fd, 65536)
            except BlockingIOError:
                return
            # What the kernel says by itself (IPv6 discovery) is of no interest.
            if packet[0] >> 4 != 4:
                continue
            self.packets += 1
            self.bytes += len(packet)
            self.shortest = min(self.shortest, len(packet))
            if self.luck.random() < self.loss:
                self.lost += 1
                continue
            swapped = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
            self.waiting.append((now + self.delay_s, swapped))

    def write(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            os.write(self.fd, self.waiting.popleft()[1])

    def due(self):
        return self.waiting[0][0] if self.waiting else None

    def stats(self):
        return {"packets": self.packets, "bytes": self.bytes, "lost": self.lost, "shortest": self.shortest}


def ip(*arguments):
    subprocess.run(("ip",) + arguments, check=True)


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1)
    parser.add_argument("--delay-ms", type=float, default=0, help="one way")
    parser.add_argument("--loss", type=float, default=0, help="share of packets, each way")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ip("link", "set", "lo", "up")
    lines = [Line(n, options.delay_ms / 1000, options.loss, options.seed) for n in range(options.lines)]
    say("ready")
    by_fd = {line.fd: line for line in lines}
    stdin = sys.stdin.fileno()
    while True:
        dues = [due for due in (line.due() for line in lines) if due is not None]
        wait = max(0, min(dues) - time.monotonic()) if dues else None
        readable, _, _ = select.select([stdin, *by_fd], [], [], wait)
        now = time.monotonic()
        for fd in readable:
            if fd != stdin:
                by_fd[fd].read(now)
            elif os.read(stdin, 4096):
                say("stats", lines=[line.stats() for line in lines])
            else:
                return
        for line in lines:
            line.write(now)


main()
