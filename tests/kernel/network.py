"""The network of a scenario, each node a network namespace without a name that is gone with this process:

    client ----- director ----- lan (a bridge) ----- rs1, rs2, rs3, rs4
    192.0.2.2    192.0.2.1  10.0.0.1                 10.0.0.11 ... 10.0.0.14
    2001:db8::2  2001:db8::1  fd00::1                fd00::11 ... fd00::14

The client has more addresses (CLIENTS), the director the virtual ones (VIPS). Real servers answer through the director.
The client is on the lan, too: answers that must not come back through the director (DR, TUN) find it there.
"""
import ctypes
import fcntl
import os
import select
import struct
import threading

import rtnetlink
from decapsulation import Decapsulation
from inside import execute

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
VIPS = ("192.0.2.100/32", "192.0.2.101/32", "2001:db8::100/128", "2001:db8::101/128")
# Of equal IPv6 addresses the kernel takes the last that was added.
CLIENTS = ("192.0.2.2/24", "192.0.2.3/24", "198.51.100.2/24", "198.51.100.66/24", "198.51.100.130/24",
           "2001:db8:1::2/64", "2001:db8:1::66/64", "2001:db8:1::130/64", "2001:db8::3/64", "2001:db8::2/64")
SERVERS = ("rs1", "rs2", "rs3", "rs4")
NODES = ("client", "director", "lan", *SERVERS)

libc = ctypes.CDLL(None, use_errno=True)


def carry(one, other):
    """Each packet to the other end, until an end is closed."""
    poll = select.poll()
    for end in (one, other):
        poll.register(end, select.POLLIN)
    while True:
        try:
            for end, _ in poll.poll(100):
                os.write(other if end == one else one, os.read(end, 65536))
        except OSError:
            return


def must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def namespace_here():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


class Node:
    """`with node:` what happens, happens there: sockets opened, programs started."""

    def __init__(self, name):
        self.name = name
        home = namespace_here()
        must(libc.unshare(CLONE_NEWNET), "no new network namespace")
        self.namespace, self.before = namespace_here(), []
        must(libc.setns(home, CLONE_NEWNET), "setns")
        os.close(home)

    def __enter__(self):
        self.before.append(namespace_here())
        must(libc.setns(self.namespace, CLONE_NEWNET), "setns")
        return self

    def __exit__(self, *_):
        home = self.before.pop()
        must(libc.setns(home, CLONE_NEWNET), "setns")
        os.close(home)

    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.namespace}"

    def run(self, program, arguments, given=""):
        with self:
            if program == ["ip"] and not rtnetlink.left([" ".join(arguments)]):
                return 0, "", ""
            return execute(program, arguments, given)

    def ip(self, lines):
        """Many `ip` commands at the price of one program, or of none (rtnetlink.py)."""
        with self:
            left = rtnetlink.left(lines)
        if not left:
            return
        status, _, error = self.run(["ip"], ["-batch", "-"], "\n".join(left) + "\n")
        if status != 0:
            raise RuntimeError(f"ip on {self.name}: {error}")

    def sysctl(self, name, value):
        with self, open(f"/proc/sys/{name.replace('.', '/')}", "w", encoding="ascii") as file:
            file.write(value)

    def read_sysctl(self, name):
        with self, open(f"/proc/sys/{name.replace('.', '/')}", encoding="ascii") as file:
            return file.read().strip()

    def close(self):
        os.close(self.namespace)


class Network:
    def __init__(self):
        self.nodes = {name: Node(name) for name in NODES}
        self.tunnels, self.decapsulations = [], {}
        for node in self.nodes.values():
            for which in ("all", "default"):
                node.sysctl(f"net.ipv4.conf.{which}.rp_filter", "0")
                node.sysctl(f"net.ipv6.conf.{which}.accept_dad", "0")
        self.wire()
        self.address_client()
        self.address_director()
        for number, name in enumerate(SERVERS, 11):
            self.nodes[name].ip((*self.up("eth0"), f"address add 10.0.0.{number}/24 dev eth0",
                                 f"address add fd00::{number}/64 dev eth0 nodad", "route add default via 10.0.0.1",
                                 "route add default via fd00::1"))

    def tunnel(self, *names):
        """Packets between two devices `tun0`, carried by a thread until the network is closed."""
        ends = []
        for name in names:
            with self.nodes[name]:
                end = os.open("/dev/net/tun", os.O_RDWR)
                fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
            self.nodes[name].ip(["link set tun0 up"])
            ends.append(end)
        self.tunnels += ends
        threading.Thread(target=carry, args=ends, daemon=True).start()

    def decapsulate(self, kind, names):
        for name in names:
            self.decapsulations[name] = Decapsulation(self.nodes[name], kind)

    def __getitem__(self, name):
        return self.nodes[name]

    def close(self):
        for end in self.tunnels:
            os.close(end)
        for one in self.decapsulations.values():
            one.close()
        for node in self.nodes.values():
            node.close()

    @staticmethod
    def up(*devices):
        return [f"link set {device} up" for device in ("lo", *devices)]

    def wire(self):
        lines = ["link add lan type bridge", "link set lan up",
                 f"link add eth0 netns {self['client'].path()} type veth peer name eth0 netns {self['director'].path()}"]
        for device, name in (("eth1", "client"), ("eth1", "director"), *(("eth0", server) for server in SERVERS)):
            port = f"to-{name}"
            lines += [f"link add {port} type veth peer name {device} netns {self[name].path()}",
                      f"link set {port} master lan up"]
        self["lan"].ip(lines)

    def address_client(self):
        self["client"].ip((*self.up("eth0", "eth1"), *(f"address add {one} dev eth0 nodad" for one in CLIENTS),
                           "route add 10.0.0.0/24 via 192.0.2.1"))

    def address_director(self):
        director = self["director"]
        director.ip((*self.up("eth0", "eth1"), "address add 192.0.2.1/24 dev eth0",
                     "address add 2001:db8::1/64 dev eth0 nodad", "address add 10.0.0.1/24 dev eth1",
                     "address add fd00::1/64 dev eth1 nodad", "route add 198.51.100.0/24 dev eth0", "route add 2001:db8:1::/64 dev eth0",
                     *(f"address add {one} dev eth0 nodad" for one in VIPS)))
        director.sysctl("net.ipv4.ip_forward", "1")
        director.sysctl("net.ipv6.conf.all.forwarding", "1")
