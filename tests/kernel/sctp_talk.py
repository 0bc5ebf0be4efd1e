"""SCTP between sockets, where the kernel has it: whole associations, whose checksums the kernel makes or leaves to a
device, and which it sends in trains. Both ends bind one address: what they tell each other of more is not translated.
"""
import os
import select
import socket
import threading

from network import SERVERS
from traffic import PATIENCE_S, endpoint, family_of

IPPROTO_SCTP = 132
MESSAGE_MAX = 30000  # A message is sent in one, or not at all.
CLIENT = {socket.AF_INET: "192.0.2.2", socket.AF_INET6: "2001:db8::2"}


def open_socket(node, address, port):
    with node:
        socket.socket(family_of(address), socket.SOCK_STREAM, IPPROTO_SCTP).close()  # The kernel loads what it takes.
    node.sysctl("net.sctp.cookie_hmac_alg", "none")  # For a cookie that is signed not every kernel here has that.
    with node:
        one = socket.socket(family_of(address), socket.SOCK_STREAM, IPPROTO_SCTP)
    one.bind((address, port))
    one.settimeout(PATIENCE_S)
    return one


def send(one, content):
    for at in range(0, len(content), MESSAGE_MAX):
        one.sendall(content[at:at + MESSAGE_MAX])


def received(one, size):
    content = b""
    while len(content) < size and (part := one.recv(65536)):
        content += part
    return content


class SctpTalks:
    def __init__(self, network, first_port):
        self.network, self.next_port, self.listeners = network, first_port, {}

    def close(self):
        for _, one in self.listeners.values():
            one.close()

    def serve(self, where, names):
        """`where`: a port, on the server's own address, or ADDRESS:PORT."""
        for name in names:
            place = where if ":" in where else f"10.0.0.{11 + SERVERS.index(name)}:{where}"
            one = open_socket(self.network[name], *endpoint(place))
            one.listen()
            self.listeners[one.fileno()] = (name, one)

    def talk(self, to, size):
        """Who got these many bytes right and whose echo came back right."""
        address, port = endpoint(to)
        client = open_socket(self.network["client"], CLIENT[family_of(address)], self.next_port)
        self.next_port += 1
        with client:
            client.connect((address, port))
            poll = select.poll()
            for number in self.listeners:
                poll.register(number, select.POLLIN)
            found = poll.poll(PATIENCE_S * 1000)
            name, listener = self.listeners[found[0][0]]
            server, _ = listener.accept()
            with server:
                server.settimeout(PATIENCE_S)
                content = os.urandom(size)
                for sender, receiver in ((client, server), (server, client)):
                    thread = threading.Thread(target=send, args=(sender, content))
                    thread.start()
                    is_right = received(receiver, size) == content
                    thread.join()
                    if not is_right:
                        return f"{name}-garbled"
                client.shutdown(socket.SHUT_WR)
                return name if received(server, 1) == b"" else f"{name}-goes-on"
