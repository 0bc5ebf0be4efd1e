"""The frames that the data plane benchmark sends, made by hand: with no socket at either end, nothing answers them."""
import functools
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


def sum_of(data):
    return sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))


def checksum(total):
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!H", ~total & 0xffff)


def segment(protocol, flags):
    """TCP or UDP without ports and checksum, and where the checksum is; a SYN or FIN carries no data."""
    data = b"" if flags & (SYN | FIN) else PAYLOAD
    if protocol == TCP:
        return struct.pack("!HHIIBBHHH", 0, 0, 1, 1, 5 << 4, flags, 65535, 0, 0) + data, 16
    return struct.pack("!HHHH", 0, 0, 8 + len(data), 0) + data, 6


def header(source, target, protocol, size):
    """Of IP, for so many bytes."""
    ends = packed(source) + packed(target)
    if is_ipv6(source):
        return struct.pack("!IHBB", 6 << 28, size, protocol, TTL) + ends
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, TTL, protocol, 0) + ends
    return head[:10] + checksum(sum_of(head)) + head[12:]


@functools.lru_cache
def without_ports(macs, source, target, protocol, flags):
    """The frame, where its ports and its checksum are, and the sum that makes the checksum. Kept, because the emulated
    kernel is slow, and frames of a burst differ in ports."""
    inner, check_at = segment(protocol, flags)
    kind = b"\x86\xdd" if is_ipv6(source) else b"\x08\x00"
    outer = macs[1] + macs[0] + kind + header(source, target, protocol, len(inner))
    total = sum_of(packed(source) + packed(target) + struct.pack("!II", len(inner), protocol) + inner)
    return outer + inner, len(outer), len(outer) + check_at, total


def frame(macs, source, target, protocol=TCP, flags=ACK):
    """From one (address, port) to another. `macs`: of the device that it leaves by, and of the one that it goes to."""
    made, ports_at, check_at, total = without_ports(macs, source[0], target[0], protocol, flags)
    made = bytearray(made)
    struct.pack_into("!HH", made, ports_at, source[1], target[1])
    made[check_at:check_at + 2] = checksum(total + source[1] + target[1])
    return bytes(made)


def addresses_of(data):
    """Source and target, each address and port, of a frame with TCP or UDP."""
    family, at, length, ports_at = ((socket.AF_INET6, 22, 16, 54) if data[12:14] == b"\x86\xdd" else
                                    (socket.AF_INET, 26, 4, 34))
    source_port, target_port = struct.unpack_from("!HH", data, ports_at)
    return ((socket.inet_ntop(family, data[at:at + length]), source_port),
            (socket.inet_ntop(family, data[at + length:at + 2 * length]), target_port))
