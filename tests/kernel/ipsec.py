"""AH and ESP for the scenarios, packet by packet, by raw sockets: what they carry is a number, and nobody encrypts. Servers
answer from the address that they were sent to."""
import itertools
import select
import socket
import struct
import time

from network import SERVERS
from sctp import send
from traffic import PATIENCE_S, endpoint, family_of

PROTOCOLS = {"ah": 51, "esp": 50}
NODES = ("client", "director", *SERVERS)


def payload_of(content, family):
    """A raw socket of IPv4 hands over the header as well."""
    return content[(content[0] & 15) * 4:] if family == socket.AF_INET else content


class Ipsec:
    def __init__(self, network):
        self.network, self.sockets, self.numbers = network, {}, itertools.count(0x1000)

    def close(self):
        for one in self.sockets.values():
            one.close()

    def socket_at(self, node, family, protocol):
        key = node, family, protocol
        if key not in self.sockets:
            with self.network[node]:
                one = socket.socket(family, socket.SOCK_RAW, protocol)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self.sockets[key] = one
        return self.sockets[key]

    def packet(self, kind, number, size):
        """With the headers of AH and ESP, as far as they matter here."""
        header = struct.pack("!BBHII", 59, 1, 0, number, 1) if kind == "ah" else struct.pack("!II", number, 1)
        return header + bytes(size)

    def arrives(self, at, family, protocol, content, patience_s):
        """At which of these nodes, from where and for whom."""
        by_number = {self.socket_at(node, family, protocol).fileno(): node for node in at}
        poll = select.poll()
        for number in by_number:
            poll.register(number, select.POLLIN)
        end = time.monotonic() + patience_s
        while (left_s := end - time.monotonic()) > 0:
            for number, _ in poll.poll(left_s * 1000):
                node = by_number[number]
                got, ancillary, _, sender = self.socket_at(node, family, protocol).recvmsg(65536, 256)
                if payload_of(got, family) != content:
                    continue
                target = socket.inet_ntoa(got[16:20]) if family == socket.AF_INET else next(
                    socket.inet_ntop(family, data[:16]) for _, what, data in ancillary if what == socket.IPV6_PKTINFO)
                return node, sender[0], target
        return "timeout", "", ""

    def talk(self, kind, to, source, size, patience_s):
        """Who got it; `-unheard`: its answer did not come to the client from whom that had spoken to."""
        address, _ = endpoint(to)
        family, protocol = family_of(address), PROTOCOLS[kind]
        content = self.packet(kind, next(self.numbers), size)
        for node in NODES:
            self.socket_at(node, family, protocol)
        send(self.socket_at("client", family, protocol), content, source, address)
        node, client, target = self.arrives(NODES[1:], family, protocol, content, patience_s)
        if node not in SERVERS:
            return node
        answer = self.packet(kind, next(self.numbers), size)
        send(self.socket_at(node, family, protocol), answer, target, client)
        _, heard, _ = self.arrives(("client",), family, protocol, answer, patience_s if patience_s < PATIENCE_S else PATIENCE_S)
        return node if heard == address else f"{node}-unheard"
