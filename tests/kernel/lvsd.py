#!/usr/bin/env python3
"""lvsd with `core = kernel` on a live ip_vs: the table appears, what others put there stays, a killed lvsd finds its
table and its connections again. Runs inside the user-mode kernel: lvsd.py BIN-FOLDER
"""
import http.server
import socket
import subprocess
import sys
import threading
import time

from inside import IPVSADM, execute, fresh_namespace

PATIENCE_S = 30  # Everything is several times slower there.
CONFIG = """
serial_no = 1
primary = 10.0.0.254
service = lvs
network = nat
core = kernel
virtual web {
     active = 1
     address = 192.0.2.1 lo:1
     port = 80
     scheduler = rr
     timeout = 2
     interval = 1
     send = "GET / HTTP/1.0\\r\\n\\r\\n"
     expect = "HTTP"
     server one {
         address = 10.0.0.1
         active = 1
         weight = 1
     }
     server two {
         address = 10.0.0.2
         active = 1
         weight = 3
     }
}
"""
FOREIGN = "-A -f 99 -s sed\n-a -f 99 -r 10.0.0.9:0 -g -w 7\n"
OURS = ("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1\n"
        "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 3\n")


def saved():
    return execute([IPVSADM], ["-S", "-n"])[1]


def log_text():
    with open("/tmp/lvsd.log", encoding="utf-8") as log:
        return log.read()


def eventually(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {PATIENCE_S} s: {what}\n{saved()}{log_text()}")
        time.sleep(0.1)


def expect(what, holds):
    if not holds:
        sys.exit(f"not so: {what}\n{saved()}{log_text()}")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def prepare():
    fresh_namespace()
    for address in ("192.0.2.1", "10.0.0.1", "10.0.0.2", "10.0.0.254"):
        execute(["ip", "address", "add", f"{address}/32", "dev", "lo"], [])
    for address in ("10.0.0.1", "10.0.0.2"):
        server = http.server.ThreadingHTTPServer((address, 80), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    with open("/tmp/lvs.cf", "w", encoding="utf-8") as config:
        config.write(CONFIG)
    execute([IPVSADM], ["-R"], FOREIGN)


def start(binaries):
    with open("/tmp/lvsd.log", "a", encoding="utf-8") as log:
        return subprocess.Popen([f"{binaries}/lvsd", "-n", "-c", "/tmp/lvs.cf"], stderr=log)


def connections():
    return execute([IPVSADM], ["-L", "-n", "-c"])[1].count("ESTABLISHED")


def main():
    binaries = sys.argv[1]
    prepare()
    lvsd = start(binaries)
    eventually("the table is there, the foreign service too", lambda: saved() == OURS + FOREIGN)
    client = socket.create_connection(("192.0.2.1", 80))
    expect("a connection is balanced", connections() == 1)

    lvsd.kill()
    lvsd.wait()
    expect("the table outlives lvsd", saved() == OURS + FOREIGN)
    starts = log_text().count("\n")
    lvsd = start(binaries)
    eventually("the new lvsd says something", lambda: log_text().count("\n") > starts)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        expect("the table never changes while it is adopted", saved() == OURS + FOREIGN)
    expect("the connection is still there", connections() == 1)
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    expect("and carries an answer", client.recv(100).startswith(b"HTTP/1.0 200"))

    execute([IPVSADM], ["-D", "-t", "192.0.2.1:80"])
    eventually("a service that somebody deleted comes back", lambda: saved() == OURS + FOREIGN)
    lvsd.terminate()
    lvsd.wait()
    print("the table appears, is adopted with its connections and repaired; the foreign service stays")


main()
