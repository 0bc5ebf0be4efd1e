"""Fifty clients in one process, asked over standard input: one JSON object a line, one JSON answer a line.

    {"do": "visit", "source": A, "target": B, "port": 80|443}    a new connection: {"server": NAME} or {"error": WHY}
    {"do": "open", "source": A, "target": B}                     a connection that stays: as visit
    {"do": "ask"}                                                one more page over it: as visit
    {"do": "close"}

Connections are ended by RST, as the prober's: see prober.cpp.
"""
import http.client
import json
import socket
import ssl
import struct
import sys

TIMEOUT_S = 1.5
LINGER_RESET = struct.pack("ii", 1, 0)


def unverified():
    """The servers' certificate is made for the occasion; which server answers is what is asked here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(order):
    source = (order["source"], 0)
    if order.get("port", 80) == 443:
        connection = http.client.HTTPSConnection(order["target"], 443, timeout=TIMEOUT_S, source_address=source,
                                                 context=unverified())
    else:
        connection = http.client.HTTPConnection(order["target"], 80, timeout=TIMEOUT_S, source_address=source)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    return connection


def page(connection):
    connection.request("GET", "/")
    return connection.getresponse().read().decode().split()[0]


class Clients:
    def __init__(self):
        self.kept = None

    def answer(self, order):
        try:
            if order["do"] == "visit":
                connection = connect(order)
                server = page(connection)
                connection.close()
                return {"server": server}
            if order["do"] == "open":
                self.kept = connect(order)
                return {"server": page(self.kept)}
            if order["do"] == "ask":
                # A connection that was cut must not be opened again behind our back.
                self.kept.auto_open = 0
                return {"server": page(self.kept)}
            self.kept.close()
            return {}
        except (OSError, http.client.HTTPException) as error:
            return {"error": f"{type(error).__name__}: {error}"}


def main():
    clients = Clients()
    for line in sys.stdin:
        print(json.dumps(clients.answer(json.loads(line))), flush=True)


main()
