"""The road of the data plane benchmark, each end a network namespace, joined by veth:

    client eth0 ---- eth0 director eth1 ---- eth0 servers
           wire ------------------------------ wire

What arrives at an end is counted by its device and discarded at once (TC), so nothing answers and nothing is left for
later: the kernel handles a frame from one end to the other within the system call that sent it. The wire has no director:
what a frame costs there, sender, veth and discarding, is what a frame by the director costs besides it.

Neighbours are permanent: nobody asks for an address while we count.
"""
import ctypes
import socket
import struct
import time

from network import Node

BURST = 1000  # Frames, each of another flow, that one system call sends: at most 1,024 (UIO_MAXIOV).
ETH_P_ALL, SO_RCVBUFFORCE = 3, 33
SILENT_S = 3  # Until new devices have said all that they say by themselves (MLD).
CLIENT, SERVER, VIP = ("198.51.100.2", "2001:db8::2"), ("10.0.0.11", "fd00::11"), ("198.51.100.100", "2001:db8::100")
SERVERS_EACH = 4
ADDRESSES = {"eth0": ("198.51.100.1/24", "2001:db8::1/64", f"{VIP[0]}/32", f"{VIP[1]}/128"),
             "eth1": ("10.0.0.1/24", "fd00::1/64")}


def servers(family):
    return [f"10.0.0.{11 + n}" if family == 4 else f"fd00::{11 + n}" for n in range(SERVERS_EACH)]


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint), ("vectors", ctypes.POINTER(Vector)),
                ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_long), ("sent", ctypes.c_long)]  # Each padded to eight bytes.


class Burst:
    """Frames ready to be sent by one call."""
    libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self, frames):
        self.count = len(frames)
        self.frames = [ctypes.create_string_buffer(frame, len(frame)) for frame in frames]
        self.vectors = (Vector * self.count)(*((ctypes.addressof(one), len(one)) for one in self.frames))
        self.headers = (Header * self.count)()
        for index, header in enumerate(self.headers):
            header.vectors, header.count = ctypes.pointer(self.vectors[index]), 1

    def send(self, end):
        """The instructions that it took."""
        begun = time.monotonic_ns()
        sent = self.libc.sendmmsg(end, self.headers, self.count, 0)
        took = time.monotonic_ns() - begun
        if sent != self.count:
            raise RuntimeError(f"{sent} of {self.count} frames sent: errno {ctypes.get_errno()}")
        return took


def discard(node, device):
    _, _, error = node.run(["tc"], ["-batch", "-"],
                           f"qdisc add dev {device} clsact\nfilter add dev {device} ingress matchall action drop\n")
    if error:
        raise RuntimeError(f"tc: {error}")


class End:
    """A device that frames leave by and arrive at, and are discarded."""

    def __init__(self, node, device, discarding):
        self.node, self.device = node, device
        discarding(node, device)
        with node:
            self.sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sender.bind((device, 0))
        self.mac = self.sender.getsockname()[4]

    def arrived(self):
        """Frames so far."""
        with self.node, open("/proc/thread-self/net/dev", encoding="ascii") as devices:
            return next(int(line.split()[2]) for line in devices if line.strip().startswith(f"{self.device}:"))

    def listen(self):
        """A socket that gets a copy of each frame that arrives from now on."""
        with self.node:
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
            tap.bind((self.device, ETH_P_ALL))
            tap.settimeout(10)
        return tap


class Road:
    """`discarding`: how an end discards what arrives."""

    def __init__(self, discarding=discard):
        self.client, self.director, self.servers = Node("client"), Node("director"), Node("servers")
        self.client.ip([f"link add {device} type veth peer name {peer} netns {node.path()}" for device, peer, node in (
            ("eth0", "eth0", self.director), ("wire", "wire", self.servers))])
        self.director.ip([f"link add eth1 type veth peer name eth0 netns {self.servers.path()}"])
        for node, devices in ((self.client, ("eth0", "wire")), (self.director, ("eth0", "eth1")),
                              (self.servers, ("eth0", "wire"))):
            node.sysctl("net.ipv6.conf.default.accept_dad", "0")
            if node is not self.director:
                node.sysctl("net.ipv6.conf.all.disable_ipv6", "1")  # Ends are devices alone, and say nothing.
            node.ip([f"link set {device} up" for device in ("lo", *devices)])
        self.ends, self.wires = ({"client": End(self.client, device, discarding),
                                  "servers": End(self.servers, device, discarding)} for device in ("eth0", "wire"))
        self.direct()

    def direct(self):
        """Makes the director one: addresses, forwarding, the neighbours."""
        director = self.director
        with director:
            macs = {}
            for device in ("eth0", "eth1"):
                with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as one:
                    one.bind((device, 0))
                    macs[device] = one.getsockname()[4]
        self.macs = {"client": (self.ends["client"].mac, macs["eth0"]),
                     "servers": (self.ends["servers"].mac, macs["eth1"])}
        near = {"eth0": (self.ends["client"].mac, CLIENT), "eth1": (self.ends["servers"].mac, servers(4) + servers(6))}
        director.ip([f"address add {address} dev {device} nodad" for device in ADDRESSES for address in ADDRESSES[device]] +
                    [f"neighbour replace {address} lladdr {mac.hex(':')} dev {device} nud permanent"
                     for device, (mac, addresses) in near.items() for address in addresses] +
                    [f"route add default via {client}" for client in CLIENT])
        for name, value in (("net.ipv4.conf.all.rp_filter", "0"), ("net.ipv4.conf.eth0.rp_filter", "0"),
                            ("net.ipv4.conf.eth1.rp_filter", "0"), ("net.ipv4.ip_forward", "1"),
                            ("net.ipv6.conf.all.forwarding", "1")):
            director.sysctl(name, value)
        time.sleep(SILENT_S)

    def send(self, burst, sender):
        """Instructions of all these frames together, from one end to the other, where all must arrive."""
        return count(burst, self.ends[sender], self.ends["servers" if sender == "client" else "client"])

    def send_by_wire(self, burst):
        """The same without a director."""
        return count(burst, self.wires["client"], self.wires["servers"])

    def close(self):
        for end in (*self.ends.values(), *self.wires.values()):
            end.sender.close()
        for node in (self.client, self.director, self.servers):
            node.close()


def count(burst, sender, receiver):
    before = receiver.arrived()
    took = burst.send(sender.sender.fileno())
    arrived = receiver.arrived() - before
    if arrived != burst.count:
        raise RuntimeError(f"{arrived} of {burst.count} frames arrived")
    return took
