#!/usr/bin/env python3
"""Two directors with `core = kernel` that are real servers of their own service, the hardest pair there is: a standby
that scheduled too would send packets in circles. Besides them a server behind a tunnel and one behind NAT. First without
synchronisation of the connections, then with it. Runs inside the user-mode kernel: pair.py BIN-FOLDER

    client    a, b        c           d
    |         |           |           |
    +---------+-----------+-----------+---- one bridge
    198.51.100.2   192.0.2.11, .12   192.0.2.13   192.0.2.14

The floating addresses (the VIP 192.0.2.100, and 192.0.2.1, by which d answers) are moved by hand, as pulse would.
"""
import collections
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time

from director import say_role
from network import Node

PATIENCE_S = 120
VIP, ROUTER = "192.0.2.100", "192.0.2.1"
HOSTS = {"a": "192.0.2.11", "b": "192.0.2.12", "c": "192.0.2.13", "d": "192.0.2.14"}
ROUNDS = 3
CONFIG_FILE = "/tmp/pair.cf"
SYNCHRONISED = "syncdaemon = 1\nsyncd_iface = eth0\nsyncd_id = 7\n"
CONFIG = f"""
serial_no = 1
primary = {HOSTS["a"]}
service = lvs
network = direct
core = kernel
virtual web {{
     active = 1
     address = {VIP} eth0:1
     port = 80
     scheduler = rr
     check = tcp
     interval = 1
     timeout = 20
     server a {{
         address = {HOSTS["a"]}
         active = 1
     }}
     server b {{
         address = {HOSTS["b"]}
         active = 1
     }}
     server c {{
         address = {HOSTS["c"]}
         active = 1
         forward = tunnel
     }}
     server d {{
         address = {HOSTS["d"]}
         port = 8080
         active = 1
         forward = nat
     }}
}}
"""


def eventually(what, condition, show=lambda: ""):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {PATIENCE_S} s: {what}\n{show()}")
        time.sleep(0.1)


def expect(what, holds):
    if not holds:
        sys.exit(f"not so: {what}")


class Server:
    """Says its name to who connects, then what it is told."""

    def __init__(self, node, port):
        self.name = node.name
        with node:
            self.listener = socket.create_server(("", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection = self.listener.accept()[0]
            connection.sendall(self.name.encode())
            threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    @staticmethod
    def echo(connection):
        with contextlib.suppress(ConnectionError):
            while heard := connection.recv(100):
                connection.sendall(heard)


def configure(text):
    with open(CONFIG_FILE, "w", encoding="utf-8") as config:
        config.write(text)


def wire():
    """Every node on one bridge; a, b and c hold the VIP where nobody asks for it by ARP."""
    nodes = {name: Node(name) for name in ("lan", "client", *HOSTS)}
    lines = ["link add lan type bridge", "link set lan up"]
    for name in ("client", *HOSTS):
        lines += [f"link add to-{name} type veth peer name eth0 netns {nodes[name].path()}", f"link set to-{name} master lan",
                  f"link set to-{name} up"]
    nodes["lan"].ip(lines)
    for node in (nodes[name] for name in ("client", *HOSTS)):
        node.ip(["link set lo up", "link set eth0 up"])
        for name, value in (("rp_filter", 0), ("send_redirects", 0), ("accept_redirects", 0)):
            for which in ("all", "eth0"):
                node.sysctl(f"net.ipv4.conf.{which}.{name}", str(value))
    nodes["client"].ip(["address add 198.51.100.2/24 dev eth0", "route add 192.0.2.0/24 dev eth0"])
    for name, address in HOSTS.items():
        way = f"via {ROUTER}" if name == "d" else "dev eth0"
        nodes[name].ip([f"address add {address}/24 dev eth0", f"route add 198.51.100.0/24 {way}"])
    for name in ("a", "b", "c"):
        nodes[name].sysctl("net.ipv4.conf.all.arp_ignore", "1")
        nodes[name].sysctl("net.ipv4.conf.all.arp_announce", "2")
        nodes[name].ip([f"address add {VIP}/32 dev lo"])
    nodes["c"].ip(["link set tunl0 up"])  # Every network namespace has one.
    nodes["c"].sysctl("net.ipv4.conf.tunl0.rp_filter", "0")
    return nodes


class Director:
    def __init__(self, node, binaries):
        self.node, self.binaries = node, binaries
        self.log_file = f"/tmp/lvsd-{node.name}.log"
        with open(self.log_file, "w", encoding="utf-8") as log, node:
            self.lvsd = subprocess.Popen([f"{binaries}/lvsd", "-n", "--standby", "-c", CONFIG_FILE], stderr=log)

    def log(self):
        with open(self.log_file, encoding="utf-8") as log:
            return log.read()

    def sees_all_servers(self):
        lvsd = json.loads(self.node.run([f"{self.binaries}/lvsctl"], ["status", "--json"])[1])["lvsd"]
        return [server["health"] for service in lvsd.get("services", []) for server in service["servers"]] == ["up"] * 4

    def say(self, active):
        with self.node:
            return say_role(active)

    def connections(self):
        return self.node.run(["ipvsadm"], ["-L", "-n", "-c"])[1]

    def daemons(self):
        return self.node.run(["ipvsadm"], ["-L", "--daemon"])[1]

    def take(self, nodes):
        """What pulse does when the core is armed: the addresses, and telling everybody."""
        expect("the core is armed when pulse asks for it", self.say(True)["armed"])
        self.node.ip([f"address add {VIP}/32 dev eth0", f"address add {ROUTER}/24 dev eth0"])
        for name in ("client", "d"):
            nodes[name].run(["ip"], ["neighbour", "flush", "dev", "eth0"])

    def leave(self):
        self.node.ip([f"address delete {VIP}/32 dev eth0", f"address delete {ROUTER}/24 dev eth0"])
        expect("a standby is not armed", not self.say(False)["armed"])


def connect(client):
    with client:
        connection = socket.create_connection((VIP, 80), timeout=PATIENCE_S)
    return connection, connection.recv(10).decode()


def expect_all_serve(client, when):
    served = collections.Counter()
    for _ in range(ROUNDS * len(HOSTS)):
        try:
            connection, name = connect(client)
        except OSError as error:
            name = f"nobody ({error})"
        else:
            connection.close()
        served[name] += 1
    expect(f"{when}: every server serves its share: {dict(served)}", served == dict.fromkeys(HOSTS, ROUNDS))


def talk(connection, words):
    for word in words:
        connection.sendall(word.encode())
        expect(f"the answer to {word}", connection.recv(100) == word.encode())


def main():
    configure(CONFIG)
    nodes = wire()
    client = nodes["client"]
    servers = [Server(nodes[name], 8080 if name == "d" else 80) for name in HOSTS]
    first, second = (Director(nodes[name], sys.argv[1]) for name in ("a", "b"))
    for director in (first, second):
        eventually("every server is checked", director.sees_all_servers, director.log)
    second.say(False)
    first.take(nodes)
    expect_all_serve(client, "with a active")
    first.leave()
    second.take(nodes)
    expect_all_serve(client, "with b active")

    configure(SYNCHRONISED + CONFIG)
    for director in (first, second):
        director.lvsd.send_signal(signal.SIGHUP)
    eventually("both synchronise", lambda: "master" in second.daemons() and "backup" in first.daemons())
    expect_all_serve(client, "with b active, synchronised")
    kept = dict(reversed(connect(client)) for _ in servers)
    for connection in kept.values():
        talk(connection, ("one", "two", "three", "four"))
    ports = [f":{connection.getsockname()[1]} " for connection in kept.values()]
    eventually("the standby knows the connections", lambda: all(port in first.connections() for port in ports),
               lambda: first.connections() + second.connections())
    second.leave()
    first.take(nodes)
    for connection in kept.values():
        talk(connection, ("five", "six"))
    expect_all_serve(client, "with a active again")
    for director in (first, second):
        director.lvsd.terminate()
        director.lvsd.wait()
    print("directors that are servers too send nothing in circles; direct, tunnel and NAT; connections outlive a change")


main()
