"""The director: the embedded core by `lvsd --core`, or the kernel's ip_vs, and `lvsadm` that fills its table.

A service is told in few words, as `serve("tcp", 80, "nat", 4)`: which floating address and which servers that means follows
from the way to forward.
"""
import os
import signal
import subprocess
import time

from topology import FAR, INSIDE, OWN, VIPS

START_S, PAUSE_S = 180.0, 0.05
CORES = ("embedded", "express", "kernel")
WHO = {"nat": INSIDE, "direct": INSIDE, "tunnel": FAR, "local": ("director",), "mixed": ("rs1", "rs2", "far1", "director")}
HOW = {"nat": "-m", "direct": "-g", "tunnel": "-i", "local": "-g"}


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def vip(method, family):
    return VIPS[method][family == 6]


def own(name, family):
    return OWN[name][family == 6]


def how_to(name, method):
    """lvsadm's option; the mixed service reaches each of its servers by another way."""
    return HOW[method if method != "mixed" else {"rs1": "nat", "rs2": "direct", "far1": "tunnel", "director": "local"}[name]]


class Director:
    def __init__(self, node, binaries, core, folder):
        self.node, self.binaries, self.core = node, binaries, core
        self.log_path, self.process = os.path.join(folder, "lvsd.log"), None
        self.start()
        if core == "express":
            self.setting("express", 1)

    def start(self):
        if self.core == "kernel":
            return
        with self.node, open(self.log_path, "a", encoding="utf-8") as log:
            ready = self.said().count("core-ready")
            self.process = subprocess.Popen([f"{self.binaries}/lvsd", "--core", "--connections", "65536", "-n"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while self.said().count("core-ready") == ready:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"lvsd --core does not start:\n{self.said()}")
            time.sleep(PAUSE_S)

    def said(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=START_S)

    def lvsadm(self, *arguments):
        core = "kernel" if self.core == "kernel" else "embedded"
        status, out, error = self.node.run([f"{self.binaries}/lvsadm", "--core", core], arguments)
        if status != 0:
            raise AssertionError(f"lvsadm {' '.join(arguments)}: {status}\n{out}{error}")
        return out

    @staticmethod
    def service(protocol, port, method, family):
        return {"tcp": "-t", "udp": "-u"}[protocol], f"{bracketed(vip(method, family))}:{port}"

    def serve(self, protocol, port, method, family, *options, servers=None, server_port=None):
        service = self.service(protocol, port, method, family)
        self.lvsadm("-A", *service, *(options or ("-s", "rr")))
        for name in servers or WHO[method]:
            self.enter(service, name, method, family, server_port or port)

    def serve_mark(self, mark, protocols, method, family, *options):
        """What the director's rules of mangle mark, TCP and UDP alike, whatever the port."""
        tables = "ip6tables" if family == 6 else "iptables"
        for protocol, port in protocols:
            status, _, error = self.node.run([tables], ["-t", "mangle", "-A", "PREROUTING", "-d", vip(method, family), "-p", protocol,
                                                        "--dport", str(port), "-j", "MARK", "--set-mark", str(mark)])
            if status != 0:
                raise AssertionError(f"{tables}: {error}")
        service = ("-f", str(mark), *(("-6",) if family == 6 else ()))
        self.lvsadm("-A", *service, *options)
        for name in WHO[method]:
            self.lvsadm("-a", *service, "-r", bracketed(own(name, family)), how_to(name, method))
        return service

    def enter(self, service, name, method, family, port):
        self.lvsadm("-a", *service, "-r", f"{bracketed(own(name, family))}:{port}", how_to(name, method))

    def change(self, service, name, method, family, port, weight):
        self.lvsadm("-e", *service, "-r", f"{bracketed(own(name, family))}:{port}", how_to(name, method), "-w", str(weight))

    def remove(self, service, name, family, port):
        self.lvsadm("-d", *service, "-r", f"{bracketed(own(name, family))}:{port}")

    def setting(self, name, value):
        if self.core == "kernel":
            self.node.sysctl(f"net.ipv4.vs.{name}", str(value))
        else:
            self.lvsadm("--setting", f"{name}={value}")
