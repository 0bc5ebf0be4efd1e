"""The end of a tunnel at a real server. Where its kernel has devices for IPIP they unpack; else this process does, and the
packet comes in once more by a device `tun1`. Either way it is known of each packet what it was packed in.
"""
import fcntl
import os
import queue
import select
import socket
import struct
import threading

TUNSETIFF, IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x1, 0x1000, 0x4000
NEEDS_CSUM = 1
SOL_UDP, UDP_NO_CHECK6_RX = 17, 102
IPPROTO_IPIP, IPPROTO_GRE = 4, 47
GRE_HEADER, GUE_HEADER = 4, 4
CHECKSUM_AT = {socket.IPPROTO_TCP: 16, socket.IPPROTO_UDP: 6}
IP_DF = 0x4000
PACKET_MAX = 1 << 17
PATIENCE_S = 60.0


def vnet_header(packet):
    """Whatever checksum the sender's device was to fill in: take it for filled in."""
    is_ipv6 = packet[0] >> 4 == 6
    protocol, start = (packet[6], 40) if is_ipv6 else (packet[9], (packet[0] & 15) * 4)
    is_part = not is_ipv6 and struct.unpack_from("!H", packet, 6)[0] & 0x3fff
    if protocol not in CHECKSUM_AT or is_part:
        return struct.pack("BBHHHH", 0, 0, 0, 0, 0, 0)
    return struct.pack("BBHHHH", NEEDS_CSUM, 0, 0, 0, start, CHECKSUM_AT[protocol])


def shown(source, target, ttl, traffic_class, is_whole):
    return f"{source} > {target} ttl {ttl} class {traffic_class:#x}" + (" df" if is_whole else "")


def outer4(packet):
    fragments, ttl = struct.unpack_from("!HB", packet, 6)
    return shown(socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), ttl, packet[1], fragments & IP_DF)


def outer6(ancillary, sender):
    told = {kind: data for _, kind, data in ancillary}
    ttl, = struct.unpack("i", told[socket.IPV6_HOPLIMIT])
    traffic_class, = struct.unpack("i", told[socket.IPV6_TCLASS])
    target = socket.inet_ntop(socket.AF_INET6, told[socket.IPV6_PKTINFO][:16])
    return shown(sender[0], target, ttl, traffic_class, False)


# Version of the outer and the inner header: what makes a kernel that can unpack it do so.
DEVICES = {(4, 4): (["link", "set", "tunl0", "up"],), (4, 6): (["link", "set", "sit0", "up"],)}
DEVICES |= dict.fromkeys(((6, 4), (6, 6)), (["-6", "tunnel", "change", "ip6tnl0", "mode", "any"],
                                            ["link", "set", "ip6tnl0", "up"]))


class Decapsulation:
    """`kind`: ipip, gre, or gue:PORT."""

    def __init__(self, node, kind):
        self.outers = queue.SimpleQueue()
        kind, _, port = kind.partition(":")
        protocols = {"ipip": (IPPROTO_IPIP, socket.IPPROTO_IPV6), "gre": (IPPROTO_GRE,), "gue": ()}[kind]
        self.between = {"ipip": 0, "gre": GRE_HEADER, "gue": GUE_HEADER}[kind]
        with node:
            self.device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.device, TUNSETIFF, struct.pack("16sH22x", b"tun1", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
            self.sockets = [self.raw(family, one) for one in protocols for family in (socket.AF_INET, socket.AF_INET6)]
            if port:
                self.sockets.append(self.by_udp(int(port)))
        node.ip(["link set tun1 mtu 65535", "link set tun1 up"])
        self.by_kernel = {which for which, commands in DEVICES.items()
                          if kind == "ipip" and all(node.run(["ip"], one)[0] == 0 for one in commands)}
        threading.Thread(target=self.unpack, daemon=True).start()

    @staticmethod
    def raw(family, protocol):
        one = socket.socket(family, socket.SOCK_RAW, protocol)
        if family == socket.AF_INET6:
            for what in (socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS, socket.IPV6_RECVPKTINFO):
                one.setsockopt(socket.IPPROTO_IPV6, what, 1)
        return one

    @staticmethod
    def by_udp(port):
        one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        one.setsockopt(SOL_UDP, UDP_NO_CHECK6_RX, 1)
        one.bind(("", port))
        return one

    def outer(self):
        """Of a packet since the last question."""
        last = self.outers.get(timeout=PATIENCE_S)
        while not self.outers.empty():
            last = self.outers.get()
        return last

    def close(self):
        os.close(self.device)
        for one in self.sockets:
            one.close()

    def unpack(self):
        poll = select.poll()
        by_number = {one.fileno(): one for one in self.sockets}
        for one in self.sockets:
            poll.register(one, select.POLLIN)
        while True:
            try:
                for number, _ in poll.poll(100):
                    packet = self.take(by_number[number])
                    outer = 4 if by_number[number].family == socket.AF_INET else 6
                    if (outer, packet[0] >> 4) not in self.by_kernel:
                        os.write(self.device, vnet_header(packet) + packet)
            except OSError:
                return

    def take(self, one):
        packet, ancillary, _, sender = one.recvmsg(PACKET_MAX, 512)
        if one.type == socket.SOCK_RAW and one.family == socket.AF_INET:
            self.outers.put(outer4(packet))
            packet = packet[(packet[0] & 15) * 4:]
        elif one.type == socket.SOCK_RAW:
            self.outers.put(outer6(ancillary, sender))
        else:
            self.outers.put(f"udp with {len(packet) - GUE_HEADER} bytes")
        return packet[self.between:]
