#!/usr/bin/python3
"""A client that shares no code with kcpgate: written from docs/protocol.md alone, to prove that it suffices.

usage: client.py LOGIN_URL [--kib N] [--tcp] [--changes N] [--loss RATE]

Logs in, opens a sealed session on a UDP line (or with --tcp on a TCP line), sends N KiB (256) of random bytes to a gateway
that echoes, changes its port (its connection) as often as told (1) meanwhile, compares what came back, and ends in order.
With 0 KiB it waits to be kicked. --loss drops that part of the datagrams in both directions.
Prints JSON lines, the last one {"event": "closed", ...}. Needs python3-cryptography of Debian.
"""
import argparse, base64, json, os, random, select, socket, struct, time, urllib.request
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PUSH, ACK, WASK, WINS, KICK, FIN, RESET, CHALLENGE, RESPONSE, PADDING = 81, 82, 83, 84, 85, 86, 89, 90, 91, 94
HELLO, HELLO_ACK, SEALED, VERSION = 0xB0, 0xB1, 0xA0, 1
WINDOW, REPEAT_S, KEEP_ALIVE_S, LIMIT_S = 128, 0.2, 10, 60
LINGER_S, LOSSY_LINGER_S = 0.25, 1


class Key:
    """One key of the session: seals and opens datagrams under their packet numbers."""

    def __init__(self, secret, salt, purpose):
        derived = HKDF(hashes.SHA256(), 28, salt, b"kcpgate/1 " + purpose).derive(secret)
        self.aead, self.iv = AESGCM(derived[:16]), int.from_bytes(derived[16:], "big")

    def seal(self, pn, header, text):
        return header + self.aead.encrypt((self.iv ^ pn).to_bytes(12, "big"), text, header)

    def open(self, pn, header, text):
        try:
            return self.aead.decrypt((self.iv ^ pn).to_bytes(12, "big"), text, header)
        except InvalidTag:
            return None


class Line:
    """Where datagrams go: UDP, or TCP with each datagram behind its length."""

    lost = 0  # of all lines

    def __init__(self, line, loss):
        self.is_tcp, self.loss, self.buffer = line["transport"] == "tcp", loss, b""
        self.socket = socket.socket(type=socket.SOCK_STREAM if self.is_tcp else socket.SOCK_DGRAM)
        self.socket.connect((line["host"], line["port"]))

    def send(self, datagram):
        if not self.is_lost():
            self.socket.sendall((struct.pack(">H", len(datagram)) if self.is_tcp else b"") + datagram)

    def is_lost(self):
        is_lost = random.random() < self.loss
        Line.lost += is_lost
        return is_lost

    def receive(self, seconds):
        """The next datagram, or None when none came in time."""
        while True:
            length = struct.unpack(">H", self.buffer[:2])[0] if len(self.buffer) >= 2 else 65536
            if self.is_tcp and len(self.buffer) >= 2 + length:
                datagram, self.buffer = self.buffer[2 : 2 + length], self.buffer[2 + length :]
                return datagram
            if not select.select([self.socket], [], [], seconds)[0]:
                return None
            arrived = self.socket.recv(65536)
            if not self.is_tcp:
                return None if self.is_lost() else arrived
            if arrived == b"":
                raise ConnectionError("the gateway closed the connection")
            self.buffer += arrived


class Session:
    def __init__(self, login, line, data):
        self.conv, self.secret, self.line = login["conv"], bytes_of(login["secret"]), line
        self.ticket, self.reset_token = bytes_of(login["ticket"]), bytes_of(login["resetToken"])
        self.pieces = [data[at : at + 1200] for at in range(0, len(data), 1200)]
        self.in_flight, self.early, self.received = {}, {}, bytearray()  # sn: [payload, when sent]; sn: payload
        self.send_key, self.seen, self.pn, self.sn, self.una, self.peer_window = None, set(), 0, 0, 0, 1
        self.asked_at, self.fin_at, self.closed = 0, 0, None
        self.is_asking = self.fin_wanted = self.fin_acknowledged = self.peer_ended = False

    def segment(self, command, frg=0, ts=0, sn=0, payload=b"", wnd=WINDOW):
        return struct.pack("<IBBHIIII", self.conv, command, frg, wnd, ts, sn, self.una, len(payload)) + payload

    def send(self, segments):
        header = struct.pack("<IBB", self.conv, SEALED, 0) + self.pn.to_bytes(6, "little")
        self.line.send(self.send_key.seal(self.pn, header, segments))
        self.pn += 1

    def challenge(self):
        self.is_asking, self.asked_at = True, time.time()
        self.send(self.segment(CHALLENGE, ts=now_ms(), payload=os.urandom(8)))

    def shake_hands(self):
        client_random = os.urandom(16)
        early_key = Key(self.secret, client_random, b"early")
        for pn in range(10):
            header = struct.pack("<IBB", self.conv, HELLO, VERSION) + pn.to_bytes(6, "little") + client_random
            header += struct.pack("<H", len(self.ticket)) + self.ticket
            missing = 0 if self.line.is_tcp else 1200 - len(header) - 24 - 16
            self.line.send(early_key.seal(pn, header, self.segment(PADDING, payload=bytes(missing), wnd=0)))
            answer = self.line.receive(min(2, 0.25 * 2**pn))
            if answer is None or answer[:4] != struct.pack("<I", self.conv):
                continue
            if self.is_reset(answer):
                return
            if answer[4:6] == bytes([HELLO_ACK, VERSION]):
                salt, ack_pn = client_random + answer[12:28], int.from_bytes(answer[6:12], "little")
                self.receive_key = Key(self.secret, salt, b"server")
                segments = self.receive_key.open(ack_pn, answer[:28], answer[28:])
                if segments is not None:
                    self.seen.add(ack_pn)
                    self.take_segments(segments)
                    self.send_key = Key(self.secret, salt, b"client")
                    return self.challenge()  # the session opens with it
        self.closed = ("no answer", 0)

    def change_line(self, line):
        self.line.socket.close()
        self.line = line
        for entry in self.in_flight.values():
            entry[1] = 0
        self.challenge()  # the gateway learns of the new address by what comes from there only

    def turn(self):
        """Sends what is due, then takes what arrives within a moment."""
        now = time.time()
        while self.pieces and len(self.in_flight) < min(WINDOW, self.peer_window):
            self.in_flight[self.sn] = [self.pieces.pop(0), 0]
            self.sn += 1
        for sn, entry in self.in_flight.items():
            if now - entry[1] > REPEAT_S:
                entry[1] = now
                self.send(self.segment(PUSH, ts=now_ms(), sn=sn, payload=entry[0]))
        if now - self.asked_at > (REPEAT_S if self.is_asking else KEEP_ALIVE_S):
            self.challenge()
        if self.fin_wanted and not self.fin_acknowledged and now - self.fin_at > REPEAT_S:
            self.fin_at = now
            self.send(self.segment(FIN, sn=self.sn))
        datagram = self.line.receive(0.02)
        while datagram is not None and self.closed is None:
            self.take(datagram)
            datagram = self.line.receive(0)

    def is_reset(self, datagram):
        if datagram[4] == RESET and datagram[24:40] == self.reset_token:
            self.closed = ("reset", 3004)
        return self.closed is not None

    def take(self, datagram):
        if datagram[:4] != struct.pack("<I", self.conv) or self.is_reset(datagram) or datagram[4] != SEALED:
            return
        pn = int.from_bytes(datagram[6:12], "little")
        segments = self.receive_key.open(pn, datagram[:12], datagram[12:])
        if segments is not None and pn not in self.seen:
            self.seen.add(pn)
            self.take_segments(segments)

    def take_segments(self, segments):
        replies, at = b"", 0
        while len(segments) - at >= 24:
            _, command, frg, wnd, ts, sn, una, length = struct.unpack_from("<IBBHIIII", segments, at)
            payload = segments[at + 24 : at + 24 + length]
            at += 24 + length
            if 80 <= command <= 84:
                self.peer_window = wnd
                self.in_flight = {known: entry for known, entry in self.in_flight.items() if known >= una}
            if command == PUSH and sn < self.una + WINDOW:
                if sn >= self.una:
                    self.early[sn] = payload
                while self.una in self.early:
                    self.received += self.early.pop(self.una)
                    self.una += 1
                replies += self.segment(ACK, ts=ts, sn=sn)
            elif command == ACK:
                self.in_flight.pop(sn, None)
            elif command == WASK:
                replies += self.segment(WINS)
            elif command == CHALLENGE:
                replies += self.segment(RESPONSE, ts=ts, payload=payload)
            elif command == RESPONSE:
                self.is_asking = False
            elif command == KICK:
                self.closed = (payload.decode("utf-8", "replace"), sn)
                replies += self.segment(FIN, ts=sn, sn=self.sn)
            elif command == FIN and frg == 1:
                self.fin_acknowledged = True
            elif command == FIN and sn == self.una:
                self.peer_ended = True
                replies += self.segment(FIN, frg=1, ts=ts, sn=sn)
        if replies and self.send_key is not None:
            self.send(replies)


def bytes_of(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def now_ms():
    return int(time.time() * 1000) & 0xFFFFFFFF


def main(options):
    request = urllib.request.Request(options.url, b'{"seal": ["aes-128-gcm"]}', {"Content-Type": "application/json"})
    login = json.load(urllib.request.urlopen(request, timeout=10))
    credentials, transport = login["sessions"][0], "tcp" if options.tcp else "udp"
    lines = [line for line in login["lines"] if line["gatewayId"] == credentials["gatewayId"]]
    line = next(line for line in lines if line["transport"] == transport)
    data, changes, deadline = os.urandom(options.kib * 1024), 0, time.time() + LIMIT_S
    session = Session(credentials, Line(line, options.loss), data)
    session.shake_hands()
    if session.closed is None:
        print(json.dumps({"event": "opened", "conv": session.conv}), flush=True)
    while session.closed is None and time.time() < deadline:
        session.turn()
        if changes < options.changes and len(session.received) > len(data) * (changes + 1) / (options.changes + 1):
            changes += 1
            session.change_line(Line(line, options.loss))
        session.fin_wanted = 0 < len(data) == len(session.received) and not session.in_flight
        if session.fin_acknowledged and session.peer_ended:
            # The last FIN_ACK may be lost: the gateway asks again, and that it is told is not left to chance.
            session.line.loss = 0
            deadline = min(deadline, time.time() + (LOSSY_LINGER_S if options.loss else LINGER_S))
    reason, code = session.closed or (("finished", 1000) if session.peer_ended else ("out of time", 0))
    received = bytes(session.received)
    counts = {"bytes": len(received), "changes": changes, "lost": Line.lost}
    print(json.dumps({"event": "closed", "code": code, "reason": reason, "equal": received == data, **counts}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("url")
    parser.add_argument("--tcp", action="store_true")
    for name, kind, default in (("kib", int, 256), ("changes", int, 1), ("loss", float, 0)):
        parser.add_argument("--" + name, type=kind, default=default)
    main(parser.parse_args())
