"""The kernel's IPVS table as the benchmarks look at it: straight over generic netlink, so that looking costs little, and
a tap (nlmon) that counts what anybody else asks of the family."""
import collections
import select
import socket
import struct
import subprocess

NETLINK_GENERIC, GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
GET_DEST = 8
ATTR_SERVICE, ATTR_DEST = 1, 2
DEST_WEIGHT = 4
SERVICE_AF, SERVICE_PROTOCOL, SERVICE_ADDR, SERVICE_PORT = 1, 2, 3, 4
WRITES = {1: "NEW_SERVICE", 2: "SET_SERVICE", 3: "DEL_SERVICE", 5: "NEW_DEST", 6: "SET_DEST", 7: "DEL_DEST",
          9: "NEW_DAEMON", 10: "DEL_DAEMON", 12: "SET_CONFIG", 16: "ZERO", 17: "FLUSH"}


def attribute(kind, payload):
    size = 4 + len(payload)
    return struct.pack("HH", size, kind) + payload + b"\0" * (-size % 4)


def messages(data):
    """The netlink messages of one datagram: type, sequence, payload."""
    while len(data) >= 16:
        size, kind, flags, sequence, _ = struct.unpack_from("IHHII", data)
        if size < 16:
            return
        yield kind, flags, sequence, data[16:size]
        data = data[(size + 3) & ~3:]


class Table:
    """Questions to ip_vs of this network namespace."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.socket.bind((0, 0))
        self.sequence = 0
        answer = self._ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, attribute(CTRL_ATTR_FAMILY_NAME, b"IPVS\0"), 0)
        self.family = struct.unpack("H", self._find(answer[0][4:], CTRL_ATTR_FAMILY_ID))[0]

    def servers_of(self, address, port):
        """How many servers the TCP service has; 0 also where there is no such service."""
        return len(self._servers(address, port))

    def weights_of(self, address, port):
        """The weights of its servers."""
        return {self._number(server[4:], ATTR_DEST, DEST_WEIGHT) for server in self._servers(address, port)}

    def _servers(self, address, port):
        key = (attribute(SERVICE_AF, struct.pack("H", socket.AF_INET)) +
               attribute(SERVICE_PROTOCOL, struct.pack("H", socket.IPPROTO_TCP)) +
               attribute(SERVICE_ADDR, socket.inet_aton(address) + b"\0" * 12) +
               attribute(SERVICE_PORT, struct.pack("!H", port)))
        return self._ask(self.family, GET_DEST, attribute(ATTR_SERVICE, key), NLM_F_DUMP)

    def _ask(self, family, command, attributes, flags):
        self.sequence += 1
        body = struct.pack("BBH", command, 1, 0) + attributes
        head = struct.pack("IHHII", 16 + len(body), family, NLM_F_REQUEST | NLM_F_ACK | flags, self.sequence, 0)
        self.socket.send(head + body)
        found = []
        while True:
            for kind, _, sequence, payload in messages(self.socket.recv(65536)):
                if sequence != self.sequence:
                    continue
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    return found
                found.append(payload)

    @classmethod
    def _number(cls, attributes, nest, kind):
        """The 32 bits of one attribute inside another."""
        return struct.unpack("I", cls._find(cls._find(attributes, nest), kind))[0]

    @staticmethod
    def _find(attributes, wanted):
        while attributes:
            size, kind = struct.unpack_from("HH", attributes)
            if kind & 0x3fff == wanted:
                return attributes[4:size]
            attributes = attributes[(size + 3) & ~3:]
        raise LookupError(f"no attribute {wanted}")


class Tap:
    """Counts the requests that anybody in this network namespace sends to the family, by command."""
    ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE, ROOM = 3, 263, 6, 33, 256 << 20

    def __init__(self, family):
        self.family = family
        subprocess.run(["ip", "link", "add", "nltap", "type", "nlmon"], check=True)
        subprocess.run(["ip", "link", "set", "nltap", "up"], check=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self.ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, self.SO_RCVBUFFORCE, self.ROOM)
        self.socket.bind(("nltap", 0))

    def counts(self):
        """The requests since the last call; fails when some were not seen."""
        counts = collections.Counter()
        while select.select([self.socket], [], [], 0)[0]:
            for kind, flags, _, payload in messages(self.socket.recv(1 << 20)):
                if kind == self.family and flags & NLM_F_REQUEST:
                    counts[payload[0]] += 1
        statistics = self.socket.getsockopt(self.SOL_PACKET, self.PACKET_STATISTICS, 8)
        if struct.unpack("II", statistics)[1] > 0:
            raise RuntimeError("the tap lost messages")
        return counts

    def writes(self):
        return {WRITES[command]: n for command, n in sorted(self.counts().items()) if command in WRITES}

    def close(self):
        self.socket.close()
        subprocess.run(["ip", "link", "delete", "nltap"], check=True)
