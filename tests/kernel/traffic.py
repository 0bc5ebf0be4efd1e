"""What the client sends and which real server gets it. One process holds both ends: so it sees who accepted a
connection without a byte being sent, and either end can be closed when the story wants it.

Client ports are given out from FIRST_PORT on, so that a scenario's second connection is always the one of port 40002.
"""
import errno
import select
import socket
import struct
import time

from network import SERVERS

FIRST_PORT = 40001
DIRECTOR = ("10.0.0.1", "fd00::1")  # As the servers know it.
TCP_PORTS = (21, 80, 443, 8080)
UDP_PORTS = (53, 80, 443, 500, 5060)
PATIENCE_S = 60.0
# When silence is what is expected. Mostly shorter than the first retransmission of a SYN; a busy machine may let it out.
SILENCE_S = 0.8

IP_RECVERR, IPV6_RECVERR = 11, 25
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
ORIGIN_LOCAL, ORIGIN_ICMP, ORIGIN_ICMP6 = 1, 2, 3
ICMP_WORDS = {(ORIGIN_ICMP, 3, 0): "network-unreachable", (ORIGIN_ICMP, 3, 1): "host-unreachable",
              (ORIGIN_ICMP, 3, 3): "port-unreachable", (ORIGIN_ICMP, 3, 2): "protocol-unreachable",
              (ORIGIN_ICMP, 11, 0): "ttl-exceeded",
              (ORIGIN_ICMP6, 1, 4): "port-unreachable", (ORIGIN_ICMP6, 1, 3): "host-unreachable",
              (ORIGIN_ICMP6, 4, 1): "protocol-unreachable"}


def endpoint(text):
    """"192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.1" -> address, port (0: any)."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, int(port[1:] or 0)
    address, _, port = text.partition(":")
    return address, int(port or 0)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def plain(address):
    return address.removeprefix("::ffff:")


def is_ready(one, limit_s, for_what=select.POLLIN):
    poll = select.poll()
    poll.register(one, for_what)
    return bool(poll.poll(limit_s * 1000))


def quoting_icmp_of(one):
    """The word for an ICMP error that this socket got, and what it quotes; or nothing."""
    try:
        quoted, ancillary, _, _ = one.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return None, b""
    for _, kind_of, content in ancillary:
        _, origin, kind, code = struct.unpack_from("=IBBB", content)
        if kind_of in (IP_RECVERR, IPV6_RECVERR) and origin != ORIGIN_LOCAL:
            return ICMP_WORDS.get((origin, kind, code), f"icmp-{kind}/{code}"), quoted
    return None, b""


def icmp_of(one):
    return quoting_icmp_of(one)[0]


class Connection:
    def __init__(self, server, at_client, at_server):
        self.server, self.at_client, self.at_server = server, at_client, at_server
        self.port, self.finished_by = at_client.getsockname()[1], set()

    def end(self, of_server):
        return self.at_server if of_server else self.at_client

    def reset(self, by_server):
        one = self.end(by_server)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()


class Traffic:
    def __init__(self, network):
        self.network, self.next_port, self.is_cut = network, FIRST_PORT, False
        self.listeners, self.receivers, self.connections, self.askers = {}, {}, [], {}
        for name in SERVERS:
            for port in TCP_PORTS:
                self.listen(name, port)
            for port in UDP_PORTS:
                self.receive(name, port)

    def close(self):
        for one in [*self.listeners.values(), *self.receivers.values(), *self.askers.values()]:
            one.close()
        for connection in self.connections:
            connection.reset(by_server=False)
            connection.reset(by_server=True)

    def let_be_cut(self):
        """From now on both ends send what may be cut into fragments: no DF, no discovery of path MTUs."""
        self.is_cut = True
        for one in (*self.listeners.values(), *self.receivers.values()):
            one.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)

    def listen(self, name, port):
        with self.network[name]:
            self.listeners[name, port] = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True,
                                                              backlog=100)
        self.listeners[name, port].setblocking(False)

    def stop_listening(self, name, port):
        listener = self.listeners.pop((name, port), None)
        if listener:
            listener.close()

    def receive(self, name, port):
        with self.network[name]:
            one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        one.bind(("", port))
        self.receivers[name, port] = one

    def open_at(self, node, kind, source, to):
        """A socket bound to its own port, which asks to be told of ICMP errors."""
        address, port = endpoint(source) if source else ("", 0)
        if not port:
            port, self.next_port = self.next_port, self.next_port + 1
        family = family_of(to)
        with self.network[node]:
            one = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET:
            one.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            if self.is_cut:
                one.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        else:
            one.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        one.bind((address, port))
        return one

    def connect(self, node, to, source, patience_s):
        """Who accepted it, or what the client saw instead."""
        address, port = endpoint(to)
        one = self.open_at(node, socket.SOCK_STREAM, source, address)
        one.connect_ex((address, port))
        if not is_ready(one, patience_s, select.POLLOUT):
            one.close()
            return "timeout"
        error = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            word = icmp_of(one) or ("refused" if error == errno.ECONNREFUSED else errno.errorcode[error])
            one.close()
            return word
        connection = self.accepted(one, *one.getsockname()[:2])
        self.connections.append(connection)
        return connection.server

    def accepted(self, at_client, address, port):
        """The connection of this client address and port, wherever it arrives; the director may have put its own
        address there."""
        poll = select.poll()
        by_number = {one.fileno(): key for key, one in self.listeners.items()}
        for one in self.listeners.values():
            poll.register(one, select.POLLIN)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for number, _ in poll.poll(100):
                name, _ = key = by_number[number]
                at_server, peer = self.listeners[key].accept()
                if plain(peer[0]) in (address, *DIRECTOR) and peer[1] == port:
                    return Connection(name, at_client, at_server)
                at_server.close()
        return Connection("nobody", at_client, at_client.dup())

    def ask(self, node, to, source, text, patience_s, unheard_s):
        """Who got a datagram with this text and answered it, or what the client saw instead. `unheard_s`: how long it waits
        for an answer that was given."""
        one = self.askers.get((node, source, to)) if source else None
        address, port = endpoint(to)
        if one is None:
            one = self.open_at(node, socket.SOCK_DGRAM, source, address)
            one.connect((address, port))
            self.askers[node, source or one.getsockname(), to] = one
        one.send(text)
        server = self.answered(one, patience_s)
        if server is None:
            return icmp_of(one) or "timeout"
        return server if is_ready(one, unheard_s) and one.recv(4096) else f"{server}-unheard"

    def answered(self, asker, patience_s):
        """The server that got the datagram; it sends it back from the address that it was sent to."""
        poll = select.poll()
        by_number = {one.fileno(): key for key, one in self.receivers.items()}
        for one in (*self.receivers.values(), asker):
            poll.register(one, select.POLLIN)
        for number, _ in poll.poll(patience_s * 1000):
            if number in by_number:
                name, _ = key = by_number[number]
                content, ancillary, _, sender = self.receivers[key].recvmsg(65536, 256)
                own = [(level, kind, data[:16] + bytes(4)) for level, kind, data in ancillary]
                self.receivers[key].sendmsg([content], own, 0, sender)
                return name
        return None

    def of(self, which):
        """Connections by server ("rs1"), by client port ("40001"), or "all"."""
        found = [one for one in self.connections if which in ("all", one.server, str(one.port))]
        if not found:
            raise ValueError(f"no connection of {which}")
        return found

    def finish(self, which, by_server):
        """FIN from one end; after that of the other the connection is forgotten."""
        for one in self.of(which):
            one.end(by_server).shutdown(socket.SHUT_WR)
            one.finished_by.add(by_server)
            if len(one.finished_by) == 2:
                one.at_client.close()
                one.at_server.close()
                self.connections.remove(one)

    def reset(self, which, by_server):
        """RST from one end; the connection is forgotten."""
        for one in self.of(which):
            one.reset(by_server)
            self.connections.remove(one)

    def send(self, which, size, patience_s):
        """That many bytes to the server and back: what became of them."""
        for one in self.of(which):
            for sender, receiver in ((one.at_client, one.at_server), (one.at_server, one.at_client)):
                sender.sendall(b"." * size)
                got = 0
                while got < size and is_ready(receiver, patience_s):
                    got += len(receiver.recv(65536))
                if got != size:
                    return "reset" if one.at_client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) else "timeout"
        return "arrived"
