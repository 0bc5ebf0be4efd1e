"""SCTP for the scenarios, packet by packet, by raw sockets: not every kernel has it. Whoever gets a packet verifies its
checksum, computed from nothing; there is no state here but who talks to whom, so a story can send whatever it likes.
"""
import select
import socket
import struct
import time

from network import SERVERS
from traffic import IP_RECVERR, IPV6_RECVERR, PATIENCE_S, SILENCE_S, endpoint, family_of, quoting_icmp_of

IPPROTO_SCTP = 132
IP_PKTINFO = 8
HEADER, TAG, WINDOW = 12, 0x01020304, 65536
CHUNKS = {"data": 0, "init": 1, "init-ack": 2, "sack": 3, "heartbeat": 4, "heartbeat-ack": 5, "abort": 6, "shutdown": 7,
          "shutdown-ack": 8, "error": 9, "cookie-echo": 10, "cookie-ack": 11, "shutdown-complete": 14}
# What stands in them behind their header of four bytes, where it is not what the story says.
BODIES = {"init": struct.pack("!IIHHI", TAG, WINDOW, 1, 1, 1), "init-ack": struct.pack("!IIHHI", TAG, WINDOW, 1, 1, 1),
          "cookie-echo": b"cookie", "sack": struct.pack("!IIHH", 1, WINDOW, 0, 0), "shutdown": struct.pack("!I", 1)}
POLYNOMIAL = 0x82F63B78


def table_of(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


TABLE = [table_of(byte) for byte in range(256)]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def chunk(name, size):
    body = BODIES.get(name, b"")
    if name == "data":
        body = struct.pack("!IHHI", 1, 0, 0, 0) + b"." * size
    length = 4 + len(body)
    return struct.pack("!BBH", CHUNKS[name], 3, length) + body + bytes(-length % 4)


def packet(sport, dport, names, size):
    chunks = b"".join(chunk(name, size) for name in names.split("+"))
    start = struct.pack("!HHI", sport, dport, TAG)
    return start + struct.pack("<I", crc32c(start + bytes(4) + chunks)) + chunks


class Packet:
    """One that came: from where to where, and whether its checksum is right."""

    def __init__(self, source, target, content):
        self.source, self.target = source, target
        self.sport, self.dport, _ = struct.unpack_from("!HHI", content)
        self.is_right = struct.unpack_from("<I", content, 8)[0] == crc32c(content[:8] + bytes(4) + content[HEADER:])


def receive(one):
    if one.family == socket.AF_INET:
        content = one.recv(65536)
        source, target = (socket.inet_ntop(socket.AF_INET, content[at:at + 4]) for at in (12, 16))
        return Packet(source, target, content[(content[0] & 15) * 4:])
    content, ancillary, _, sender = one.recvmsg(65536, 256)
    target = next((socket.inet_ntop(socket.AF_INET6, data[:16]) for _, kind, data in ancillary
                   if kind == socket.IPV6_PKTINFO), "")
    return Packet(sender[0], target, content)


def icmp_about(one, sport, dport):
    """The word for an ICMP error that this socket got about a packet between these ports."""
    word, quoted = quoting_icmp_of(one)
    return word if word is None or quoted[:4] == struct.pack("!HH", sport, dport) else f"{word}-about-another"


def send(one, content, source, target):
    """`source`: empty where the kernel may choose it."""
    own = []
    if source and one.family == socket.AF_INET:
        own = [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=i4s4x", 0, socket.inet_aton(source)))]
    elif source:
        own = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, source) + bytes(4))]
    one.sendmsg([content], own, 0, (target, 0))


class Association:
    def __init__(self, source, port, to):
        self.source, self.port, (self.to, self.to_port) = source, port, endpoint(to)
        self.family, self.server, self.seen = family_of(self.to), None, None  # `seen`: by the server, of the client.


class Sctp:
    def __init__(self, network, first_port):
        self.next_port, self.associations, self.sockets = first_port, [], {}
        for name in ("client", *SERVERS):
            for family in (socket.AF_INET, socket.AF_INET6):
                with network[name]:
                    one = socket.socket(family, socket.SOCK_RAW, IPPROTO_SCTP)
                if family == socket.AF_INET:
                    one.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
                else:
                    one.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                self.sockets[name, family] = one

    def close(self):
        for one in self.sockets.values():
            one.close()

    def deafen(self, name):
        """From now on its kernel says that it has no SCTP, as it does when nobody listens to it here."""
        for family in (socket.AF_INET, socket.AF_INET6):
            self.sockets.pop((name, family)).close()

    def open(self, to, source, names, size, patience_s):
        """The first packet from a port of its own: who got it, or what the client saw instead."""
        address, port = endpoint(source) if source else ("", 0)
        if not port:
            port, self.next_port = self.next_port, self.next_port + 1
        association = Association(address, port, to)
        word = self.to_server(association, names, size, patience_s)
        if word in SERVERS:
            self.associations.append(association)
        return word

    def associate(self, to, source, patience_s):
        """All four packets that an association begins with."""
        server = self.open(to, source, "init", 0, patience_s)
        if server not in SERVERS:
            return server
        association = self.associations[-1]
        for names, by_server in (("init-ack", True), ("cookie-echo", False), ("cookie-ack", True)):
            word = self.exchange(association, names, 0, by_server, PATIENCE_S)
            if word != "arrived":
                return f"{server}-{names}-{word}"
        return server

    def exchange(self, association, names, size, by_server, patience_s):
        if by_server:
            return self.to_client(association, names, size, patience_s)
        word = self.to_server(association, names, size, patience_s)
        return "arrived" if word == association.server else word

    def to_server(self, association, names, size, patience_s):
        client = self.sockets["client", association.family]
        content = packet(association.port, association.to_port, names, size)
        send(client, content, association.source, association.to)
        by_number = {one.fileno(): name for (name, family), one in self.sockets.items()
                     if name in SERVERS and family == association.family}
        poll = select.poll()
        for number in by_number:
            poll.register(number, select.POLLIN)
        poll.register(client, select.POLLERR)
        end = time.monotonic() + patience_s
        while (left_s := end - time.monotonic()) > 0:
            for number, _ in poll.poll(left_s * 1000):
                if number not in by_number:
                    word = icmp_about(client, association.port, association.to_port)
                    if word:
                        return word
                    continue
                came = receive(self.sockets[by_number[number], association.family])
                if came.sport == association.port:
                    association.server, association.seen = by_number[number], came
                    return association.server if came.is_right else f"{association.server}-bad-checksum"
        return "timeout"

    def to_client(self, association, names, size, patience_s):
        seen = association.seen
        one = self.sockets[association.server, association.family]
        send(one, packet(seen.dport, seen.sport, names, size), seen.target, seen.source)
        client = self.sockets.get(("client", association.family), one)  # Deaf: the server hears of it.
        poll = select.poll()
        poll.register(client, select.POLLIN)
        end = time.monotonic() + patience_s
        while (left_s := end - time.monotonic()) > 0:
            for _, event in poll.poll(left_s * 1000):
                if not event & select.POLLIN:
                    return icmp_about(client, seen.dport, seen.sport)
                came = receive(client)
                if (came.source, came.sport, came.dport) == (association.to, association.to_port, association.port):
                    return "arrived" if came.is_right else "bad-checksum"
        return "timeout"

    def of(self, which):
        found = [one for one in self.associations if which in ("all", one.server, str(one.port))]
        if not found:
            raise ValueError(f"no association of {which}")
        return found

    def step(self, names, words, expected):
        """sctp NAMES to ADDRESS:PORT ... or NAMES on WHICH ...: the words that come out."""
        if names == "none":
            self.deafen(words[1])
            return []
        by_server = words[-2:] == ["by", "server"]
        options = dict(zip(words[::2], words[1::2]))
        size, source = int(options.get("bytes", 10)), options.get("from", "")
        wanted = " ".join(expected).split()
        if "on" in options:
            came = {self.exchange(one, names, size, by_server, PATIENCE_S if wanted != ["timeout"] else SILENCE_S)
                    for one in self.of(options["on"])}
            return [" ".join(sorted(came))]
        came = []
        for n in range(int(options.get("times", 1))):
            patience_s = SILENCE_S if wanted[n:n + 1] == ["timeout"] else PATIENCE_S
            came.append(self.associate(options["to"], source, patience_s) if names == "associate"
                        else self.open(options["to"], source, names, size, patience_s))
        return [" ".join(came)]
