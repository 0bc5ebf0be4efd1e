"""Fifty clients in one process, asked over standard input: one JSON object a line, one JSON answer a line.

    {"do": "visit", "source": A, "target": B, "port": 80|443}    a new connection: {"server": NAME} or {"error": WHY}
    {"do": "open", "source": A, "target": B}                     a connection that stays: as visit
    {"do": "ask", "source": A}                                   one more page over it: as visit
    {"do": "close", "source": A}

With the first two, "own_port": PORT chooses the client's port.

usage: client.py TIMEOUT_S

Connections are ended by RST, as the prober's: see prober.cpp.
"""
import http.client
import json
import socket
import ssl
import struct
import sys

LINGER_RESET = struct.pack("ii", 1, 0)


def unverified():
    """The servers' certificate is made for the occasion; which server answers is what is asked here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(order, timeout_s):
    source = (order["source"], order.get("own_port", 0))
    if order.get("port", 80) == 443:
        connection = http.client.HTTPSConnection(order["target"], 443, timeout=timeout_s, source_address=source,
                                                 context=unverified())
    else:
        connection = http.client.HTTPConnection(order["target"], 80, timeout=timeout_s, source_address=source)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    return connection


def page(connection):
    connection.request("GET", "/")
    return connection.getresponse().read().decode().split()[0]


class Clients:
    def __init__(self, timeout_s):
        self.timeout_s = timeout_s
        self.kept = {}

    def answer(self, order):
        try:
            if order["do"] == "visit":
                connection = connect(order, self.timeout_s)
                server = page(connection)
                connection.close()
                return {"server": server}
            if order["do"] == "open":
                kept = self.kept[order["source"]] = connect(order, self.timeout_s)
                # A connection that was cut must not be opened again behind our back.
                kept.auto_open = 0
                return {"server": page(kept)}
            if order["do"] == "ask":
                return {"server": page(self.kept[order["source"]])}
            self.kept.pop(order["source"]).close()
            return {}
        except (OSError, http.client.HTTPException) as error:
            return {"error": f"{type(error).__name__}: {error}"}


def main():
    clients = Clients(float(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(clients.answer(json.loads(line))), flush=True)


main()
