"""A director inside the user-mode kernel: lvsd with `core = kernel` in a network namespace of its own, two web servers
on its loopback, and the questions that the stories ask of it."""
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time

from inside import IPVSADM, execute, fresh_namespace

PATIENCE_S = 120  # Everything is several times slower there.
CONFIG_FILE, LOG_FILE = "/tmp/lvs.cf", "/tmp/lvsd.log"

GLOBALS = """
serial_no = 1
primary = 10.0.0.254
service = lvs
network = nat
core = kernel
"""
WEB = """
virtual web {
     active = 1
     address = 192.0.2.1 lo:1
     port = 80
     scheduler = rr
     timeout = 20
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
WEB_TABLE = ("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1\n"
             "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 3\n")


def say_role(active):
    """As pulse does, over lvsd's control socket in this network namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.connect(f"/run/lvs/{os.stat('/proc/thread-self/ns/net').st_ino}/lvsd")
        control.sendall(json.dumps({"do": "role", "active": active}).encode() + b"\n")
        return json.loads(control.makefile().readline())


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Director:
    def __init__(self, binaries):
        self.binaries = binaries
        self.lvsd = None
        fresh_namespace()
        for address in ("192.0.2.1", "10.0.0.1", "10.0.0.2", "10.0.0.254"):
            execute(["ip", "address", "add", f"{address}/32", "dev", "lo"], [])
        for address in ("10.0.0.1", "10.0.0.2"):
            self.serve(address, 80)
        open(LOG_FILE, "w", encoding="utf-8").close()
        self.configure(GLOBALS + WEB)

    @staticmethod
    def serve(address, port):
        server = http.server.ThreadingHTTPServer((address, port), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def configure(self, text):
        with open(CONFIG_FILE, "w", encoding="utf-8") as config:
            config.write(text)

    def start(self, *options, under=()):
        with open(LOG_FILE, "a", encoding="utf-8") as log:
            self.lvsd = subprocess.Popen([*under, f"{self.binaries}/lvsd", "-n", "-c", CONFIG_FILE, *options], stderr=log)

    def kill(self):
        self.lvsd.kill()
        self.lvsd.wait()

    def stop(self):
        self.lvsd.terminate()
        self.lvsd.wait()

    def table(self, given=""):
        """What ipvsadm saves; with `given`, what it is told to restore first."""
        if given:
            execute([IPVSADM], ["-R"], given)
        return execute([IPVSADM], ["-S", "-n"])[1]

    def log(self):
        with open(LOG_FILE, encoding="utf-8") as log:
            return log.read()

    def status(self):
        """lvsd's part of `lvsctl status --json`; nothing while it does not answer."""
        page = json.loads(execute([f"{self.binaries}/lvsctl"], ["status", "--json"])[1])
        return page["lvsd"] if page["lvsd"].get("ok", True) else {}

    def status_text(self):
        return execute([f"{self.binaries}/lvsctl"], ["status"])[1]

    def eventually(self, what, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"not within {PATIENCE_S} s: {what}\n{self.table()}{self.log()}")
            time.sleep(0.1)

    def expect(self, what, holds):
        if not holds:
            sys.exit(f"not so: {what}\n{self.table()}{self.status_text()}{self.log()}")

    def throughout(self, seconds, what, condition):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.expect(what, condition())
            time.sleep(0.1)
