"""The commonest commands of `ip` without starting it: a program costs a tenth of a second and more on a user-mode kernel,
a message to rtnetlink little, and many messages at once hardly more. What is not known here, or refused, is for `ip` itself
to do and to tell.

    [-6] address add ADDRESS[/LENGTH] dev DEVICE [nodad]
    [-6] route add PREFIX|default [via ADDRESS] [dev DEVICE] [src ADDRESS]
    link set DEVICE [master DEVICE] up
    link add DEVICE type bridge
    link add DEVICE [netns PATH] type veth peer name DEVICE netns PATH
"""
import contextlib
import os
import re
import socket
import struct

RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 20, 24
NLMSG_ERROR, NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 2, 0x1, 0x4, 0x200, 0x400
IFLA_IFNAME, IFLA_MASTER, IFLA_LINKINFO, IFLA_NET_NS_FD = 3, 10, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_F_NODAD = 1, 2, 0x02
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC = 1, 4, 5, 7
RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_LINK, RTN_UNICAST = 254, 3, 253, 1
IFF_UP = 1
ANSWER_MAX = 65536

ADDRESS = re.compile(r"(?:-6 )?address add ([0-9a-f.:]+)(?:/(\d+))? dev (\S+)( nodad)?")
ROUTE = re.compile(r"(?:-6 )?route add (default|[0-9a-f.:]+)(?:/(\d+))?(?: via ([0-9a-f.:]+))?(?: dev (\S+))?"
                   r"(?: src ([0-9a-f.:]+))?")
SET = re.compile(r"link set (\S+)(?: master (\S+))? up")
BRIDGE = re.compile(r"link add (\S+) type bridge")
VETH = re.compile(r"link add (\S+)(?: netns (\S+))? type veth peer name (\S+) netns (\S+)")


def attribute(kind, content):
    """A number, a name, or bytes."""
    if isinstance(content, int):
        content = struct.pack("=I", content)
    elif isinstance(content, str):
        content = content.encode() + b"\0"
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def binary(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def link_header(index=0, flags=0):
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


class Here(contextlib.ExitStack):
    """The network namespace of this thread: indices of its devices, each asked for once, and what must stay open."""

    def __init__(self):
        super().__init__()
        self.indices, self.unsent = {}, set()  # Unsent: devices that this batch adds.

    def index(self, device):
        if device in self.unsent:  # To ask for it would make the kernel look for a module of that name.
            raise OSError(f"{device} is yet to be added")
        if device not in self.indices:
            self.indices[device] = socket.if_nametoindex(device)
        return self.indices[device]

    def opened(self, path):
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.callback(os.close, number)
        return number


def new_address(here, address, length, device, nodad):
    family, local = binary(address)
    header = struct.pack("=BBBBI", family, int(length or len(local) * 8), IFA_F_NODAD if nodad else 0, 0,
                         here.index(device))
    return RTM_NEWADDR, header + attribute(IFA_LOCAL, local) + attribute(IFA_ADDRESS, local)


def new_route(here, prefix, length, via, device, source):
    family, target = binary(via or "0.0.0.0") if prefix == "default" else binary(prefix)
    length = 0 if prefix == "default" else int(length or len(target) * 8)
    scope = RT_SCOPE_LINK if family == socket.AF_INET and not via else 0
    content = struct.pack("=BBBBBBBBI", family, length, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, 0)
    if length:
        content += attribute(RTA_DST, target)
    for kind, address in ((RTA_GATEWAY, via), (RTA_PREFSRC, source)):
        if address:
            content += attribute(kind, binary(address)[1])
    return RTM_NEWROUTE, content + (attribute(RTA_OIF, here.index(device)) if device else b"")


def set_link(here, device, master):
    content = link_header(0, IFF_UP) + attribute(IFLA_IFNAME, device)
    return RTM_NEWLINK, content + (attribute(IFLA_MASTER, here.index(master)) if master else b"")


def new_bridge(here, device):
    here.unsent.add(device)
    return RTM_NEWLINK, link_header() + attribute(IFLA_IFNAME, device) + attribute(
        IFLA_LINKINFO, attribute(IFLA_INFO_KIND, "bridge"))


def new_veth(here, device, at, peer, peer_at):
    def end(name, path):
        at = attribute(IFLA_NET_NS_FD, here.opened(path)) if path else b""
        return link_header() + attribute(IFLA_IFNAME, name) + at

    data = attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, end(peer, peer_at)))
    return RTM_NEWLINK, end(device, at) + attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, "veth") + data)


FORMS = ((ADDRESS, new_address), (ROUTE, new_route), (SET, set_link), (BRIDGE, new_bridge), (VETH, new_veth))


def message(here, line, number):
    """Nothing for what is not known here: a command, a device, an address."""
    for form, make in FORMS:
        if found := form.fullmatch(line):
            try:
                kind, content = make(here, *found.groups())
            except OSError:
                return None
            flags = NLM_F_REQUEST | NLM_F_ACK | (0 if form is SET else NLM_F_CREATE | NLM_F_EXCL)
            return struct.pack("=IHHII", 16 + len(content), kind, flags, number, 0) + content
    return None


def refused(messages):
    """The numbers of those that the kernel refused, all sent at once."""
    numbers = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as one:
        one.send(b"".join(messages))
        for _ in messages:
            _, kind, _, number, _, error = struct.unpack_from("=IHHIIi", one.recv(ANSWER_MAX))
            if kind != NLMSG_ERROR or error != 0:
                numbers.add(number)
    return numbers


def left(lines):
    """What of these commands, in their order, is for `ip` to do."""
    lines = [*lines]
    with Here() as here:
        while lines:
            messages = []
            for number, line in enumerate(lines):
                one = message(here, line, number)
                if one is None:
                    break
                messages.append(one)
            if not messages:
                break
            numbers = refused(messages)
            here.unsent.clear()
            if numbers:
                return [line for number, line in enumerate(lines) if number in numbers or number >= len(messages)]
            lines = lines[len(messages):]
    return lines
