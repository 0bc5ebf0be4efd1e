"""A client that asks every millisecond, whether it is answered or not."""
import socket
import struct
import threading
import time

PAUSE_S = 0.001
IDENTIFIER = 0x4C57


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def request(number):
    """ICMP echo, RFC 792; the number is 16 bits of the header and 32 of the data."""
    head = struct.pack("!BBHHHI", 8, 0, 0, IDENTIFIER, number & 0xFFFF, number)
    return head[:2] + struct.pack("!H", checksum(head)) + head[4:]


class Echoes:
    """While it is entered. `client`: the network namespace's context (pairs.inside_network)."""

    def __init__(self, client, address):
        with client():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.socket.settimeout(0.1)
        self.address = address
        self.sent_at = []
        self.answered = set()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True), threading.Thread(target=self._hear, daemon=True)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.socket.close()

    def _ask(self):
        next_at = time.monotonic()
        while not self.over.is_set():
            self.sent_at.append(time.monotonic())
            try:
                self.socket.sendto(request(len(self.sent_at) - 1), (self.address, 0))
            except OSError:
                pass  # No neighbour answers: that is an outage too.
            next_at += PAUSE_S
            time.sleep(max(0, next_at - time.monotonic()))

    def _hear(self):
        while not self.over.is_set():
            try:
                packet = self.socket.recv(256)
            except TimeoutError:
                continue
            kind, _, _, identifier, _, number = struct.unpack_from("!BBHHHI", packet, (packet[0] & 15) * 4)
            if kind == 0 and identifier == IDENTIFIER:
                self.answered.add(number)

    def answered_row(self):
        """How many of the latest requests have been answered without a gap, the last few set apart: they are under way."""
        row = 0
        for number in range(len(self.sent_at) - 20, -1, -1):
            if number not in self.answered:
                break
            row += 1
        return row

    def longest_outage_ms(self):
        """From the first request of the longest unanswered row to the next that was answered; 0: all were."""
        longest, began = 0.0, None
        for number, sent_at in enumerate(self.sent_at[:-20]):
            if number in self.answered:
                longest = max(longest, sent_at - began if began else 0.0)
                began = None
            elif began is None:
                began = sent_at
        return 1000 * longest
