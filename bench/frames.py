"""The frames that the data plane benchmark sends, made by hand so that each sender costs the same: no sockets, no state."""
import socket
import struct

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FIN, SYN, ACK = 0x01, 0x02, 0x10
PAYLOAD = b"." * 32
TTL = 64


def is_ipv6(address):
    return ":" in address


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, address)


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def segment(source, target, protocol, flags):
    """TCP or UDP from one (address, port) to another; a SYN or FIN carries no data."""
    data = b"" if flags & (SYN | FIN) else PAYLOAD
    if protocol == TCP:
        head = struct.pack("!HHIIBBHHH", source[1], target[1], 1, 1, 5 << 4, flags, 65535, 0, 0)
        check_at = 16
    else:
        head = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
        check_at = 6
    pseudo = packed(source[0]) + packed(target[0]) + struct.pack("!II", len(head + data), protocol)
    check = struct.pack("!H", checksum(pseudo + head + data))
    return head[:check_at] + check + head[check_at + 2:] + data


def packet(source, target, protocol, flags):
    inner = segment(source, target, protocol, flags)
    ends = packed(source[0]) + packed(target[0])
    if is_ipv6(source[0]):
        return struct.pack("!IHBB", 6 << 28, len(inner), protocol, TTL) + ends + inner
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(inner), 0, 0x4000, TTL, protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + inner


def frame(macs, source, target, protocol=TCP, flags=ACK):
    """`macs`: of the device that it leaves by, and of the one that it goes to."""
    kind = b"\x86\xdd" if is_ipv6(source[0]) else b"\x08\x00"
    return macs[1] + macs[0] + kind + packet(source, target, protocol, flags)


def addresses_of(data):
    """Source and target, each address and port, of a frame with TCP or UDP."""
    family, at, length, ports_at = ((socket.AF_INET6, 22, 16, 54) if data[12:14] == b"\x86\xdd" else
                                    (socket.AF_INET, 26, 4, 34))
    source_port, target_port = struct.unpack_from("!HH", data, ports_at)
    return ((socket.inet_ntop(family, data[at:at + length]), source_port),
            (socket.inet_ntop(family, data[at + length:at + 2 * length]), target_port))
