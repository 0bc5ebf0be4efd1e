"""The network of these stories, each node a network namespace without a name that is gone with this process:

    client ---+                 +--- rs1, rs2, rs3     10.0.0.11 .. 13, fd00::11 .. 13
              |                 |
            front            inside                    front: 192.0.2.0/24, 2001:db8::/64
            |   |             |   |                    inside: 10.0.0.0/24, fd00::/64
            |   +-- director -+   |
            +------ router -------+
                       |
                      far ------------- far1, far2     10.1.0.11, 12, fd01::11, 12

The director has a floating address for each way to forward (VIPS). What a server sends from an address of its own goes back
through the director, as NAT needs it; what it sends from a floating one goes by the router, as with direct routing and
tunnels. The servers behind the router are out of reach of direct routing, and get their packets in tunnels.
"""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "kernel"))
# pylint: disable=wrong-import-position
from decapsulation import Decapsulation
from network import Node

INSIDE, FAR = ("rs1", "rs2", "rs3"), ("far1", "far2")
SERVERS = (*INSIDE, *FAR)
NODES = ("client", "front", "director", "router", "inside", "far", *SERVERS)
VIPS = {"nat": ("192.0.2.101", "2001:db8::101"), "direct": ("192.0.2.102", "2001:db8::102"),
        "tunnel": ("192.0.2.103", "2001:db8::103"), "local": ("192.0.2.104", "2001:db8::104"),
        "mixed": ("192.0.2.105", "2001:db8::105")}
CLIENTS = tuple(f"192.0.2.{number}" for number in range(10, 26))
CLIENTS6 = tuple(f"2001:db8::{number}" for number in range(10, 26))
OWN = {**{name: (f"10.0.0.{number}", f"fd00::{number}") for number, name in enumerate(INSIDE, 11)},
       **{name: (f"10.1.0.{number}", f"fd01::{number}") for number, name in enumerate(FAR, 11)},
       "director": ("10.0.0.1", "fd00::1")}
CARDS = (("client", "eth0", "front"), ("director", "eth0", "front"), ("router", "eth0", "front"),
         ("director", "eth1", "inside"), ("router", "eth1", "inside"), ("router", "eth2", "far"),
         *((name, "eth0", "inside") for name in INSIDE), *((name, "eth0", "far") for name in FAR))
WAITS_AT_RECEIVERS = 1 << 25
SO_RCVBUFFORCE = 33


def address_lines(device, *addresses):
    return [f"address add {one} dev {device}" + (" nodad" if ":" in one else "") for one in addresses]


class Topology:
    def __init__(self):
        self.nodes = {name: Node(name) for name in NODES}
        self.decapsulations = []
        for node in self.nodes.values():
            for which in ("all", "default"):
                node.sysctl(f"net.ipv4.conf.{which}.rp_filter", "0")
                node.sysctl(f"net.ipv6.conf.{which}.accept_dad", "0")
        self.wire()
        self.address_client()
        self.address_routers()
        for name in SERVERS:
            self.address_server(name)
        for name in FAR:
            self.unpack(name)

    def __getitem__(self, name):
        return self.nodes[name]

    def close(self):
        for one in self.decapsulations:
            one.close()
        for node in self.nodes.values():
            node.close()

    def wire(self):
        for segment in ("front", "inside", "far"):
            lines = ["link set lo up", "link add segment type bridge", "link set segment up"]
            for name, device, of in CARDS:
                if of == segment:
                    port = f"{name}-{device}"
                    lines += [f"link add {port} type veth peer name {device} netns {self[name].path()}",
                              f"link set {port} master segment up"]
            self[segment].ip(lines)
        for name, device, _ in CARDS:
            self[name].ip(["link set lo up", f"link set {device} up"])

    def address_client(self):
        self["client"].ip([*address_lines("eth0", *(f"{one}/24" for one in CLIENTS), *(f"{one}/64" for one in reversed(CLIENTS6))),
                           "route add default via 192.0.2.254", "route add default via 2001:db8::254"])

    def address_routers(self):
        for name, last in (("director", "1"), ("router", "254")):
            self[name].ip([*address_lines("eth0", f"192.0.2.{last}/24", f"2001:db8::{last}/64"),
                           *address_lines("eth1", f"10.0.0.{last}/24", f"fd00::{last}/64")])
            self[name].sysctl("net.ipv4.ip_forward", "1")
            self[name].sysctl("net.ipv6.conf.all.forwarding", "1")
        self["router"].ip(address_lines("eth2", "10.1.0.254/24", "fd01::254/64"))
        floating = [one for pair in VIPS.values() for one in (f"{pair[0]}/32", f"{pair[1]}/128")]
        self["director"].ip([*address_lines("eth0", *floating), "route add 10.1.0.0/24 via 10.0.0.254",
                             "route add fd01::/64 via fd00::254"])

    def address_server(self, name):
        node, (own, own6) = self[name], OWN[name]
        near = name in INSIDE
        router, director = ("10.0.0.254", "10.0.0.1") if near else ("10.1.0.254", "10.1.0.254")
        router6, director6 = ("fd00::254", "fd00::1") if near else ("fd01::254", "fd01::254")
        for which in ("all", "eth0"):
            node.sysctl(f"net.ipv4.conf.{which}.arp_ignore", "1")
            node.sysctl(f"net.ipv4.conf.{which}.arp_announce", "2")
        node.ip([*address_lines("eth0", f"{own}/24", f"{own6}/64"), f"route add default via {director}",
                 f"route add default via {director6}", f"route add default via {router} table 100",
                 f"route add default via {router6} table 100"])
        methods = ("direct", "mixed") if near else ("tunnel", "mixed")
        for floating, floating6 in (VIPS[method] for method in methods):
            node.ip([*address_lines("lo", f"{floating}/32", f"{floating6}/128"), f"rule add from {floating} lookup 100"])
            node.run(["ip"], ["-6", "rule", "add", "from", floating6, "lookup", "100"])

    def unpack(self, name):
        """The far servers unpack IPIP."""
        one = Decapsulation(self[name], "ipip")
        for receiver in one.sockets:
            receiver.setsockopt(1, SO_RCVBUFFORCE, WAITS_AT_RECEIVERS)
        self.decapsulations.append(one)

    def offloads(self, names, state):
        """What the senders' cards are said to do for them: segments, checksums, receiving in trains."""
        for name, device, _ in CARDS:
            if name in names:
                what = [word for feature in ("tso", "gso", "gro", "tx") for word in (feature, state)]
                status, _, error = self[name].run(["ethtool"], ["-K", device, *what])
                if status != 0:
                    raise RuntimeError(f"ethtool on {name}: {error}")
