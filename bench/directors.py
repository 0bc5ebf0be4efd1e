"""What stands between client and servers, with one face: a plain router, the kernel's ip_vs, the embedded core."""
import json
import signal
import subprocess
import tempfile
import time

from inside import IPVSADM, execute
from road import SERVER, VIP, servers

PATIENCE_S = 60
CONFIG_FILE = "/tmp/lvs.cf"
# lvsd wants a service of its own; the table that is measured is loaded beside it.
CONFIG = """serial_no = 1
primary = 127.0.0.1
service = lvs
network = nat
connections = {connections}
virtual another {{
  active = 1
  address = {vip} eth0:1
  port = 82
  check = none
  server one {{
    address = {server}
    active = 1
  }}
}}
"""
WEB, DIRECT, DNS = 80, 81, 53


def bracketed(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def table():
    """In ipvsadm's words, for both families: TCP by NAT, TCP by direct routing, UDP by NAT."""
    lines = []
    for vip, family in zip(VIP, (4, 6)):
        for kind, port, method in (("-t", WEB, "-m"), ("-t", DIRECT, "-g"), ("-u", DNS, "-m")):
            service = f"{kind} {bracketed(vip, port)}"
            lines.append(f"-A {service} -s rr")
            lines += [f"-a {service} -r {bracketed(server, port)} {method}" for server in servers(family)]
    return "\n".join(lines) + "\n"


class Router:
    """Balances nothing: clients speak to a server directly. The floor."""
    name = "router"

    def __init__(self, road, _, connections=0):
        """`connections`: what it must have room for, if that is more than what it has by default."""
        self.road, self.connections = road, connections

    def address(self, family):
        """Whom clients speak to."""
        return SERVER[family == 6]

    def program_alone(self, _):
        """Nothing: there is no program of ours."""

    def close(self):
        pass


class Director(Router):
    def address(self, family):
        return VIP[family == 6]

    def load(self, program):
        status, _, error = self.road.director.run(program, ["-R"], table())
        if status != 0:
            raise RuntimeError(f"{self.name} does not take the table: {error}")


class IpVs(Director):
    name = "ip_vs"

    def __init__(self, road, binaries, connections=0):
        super().__init__(road, binaries, connections)
        self.load([IPVSADM])


class Embedded(Director):
    name = "embedded"

    def __init__(self, road, binaries, connections=0):
        super().__init__(road, binaries, connections)
        self.log = tempfile.TemporaryFile(mode="w+", encoding="utf-8")
        options, ready = self.mode()
        with road.director:
            self.lvsd = subprocess.Popen([f"{binaries}/lvsd", "-n", *options], stdin=subprocess.DEVNULL,
                                         stdout=self.log, stderr=self.log)
        end = time.monotonic() + PATIENCE_S
        while ready not in self.said():
            if self.lvsd.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"lvsd does not start:\n{self.said()}")
            time.sleep(0.05)
        self.load([f"{binaries}/lvsadm", "--core", "embedded"])

    def mode(self):
        """Options, and what is said when it serves. The size of its table is a key of lvs.cf."""
        if not self.connections:
            return ["--core"], "event=core-ready"
        with open(CONFIG_FILE, "w", encoding="utf-8") as config:
            config.write(CONFIG.format(vip=VIP[0], server=SERVER[0], connections=self.connections))
        return ["-c", CONFIG_FILE], "event=armed"

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def program_alone(self, send):
        """Instructions of nic_ingress, of each packet of what `send` sends: by the kernel's own clock around a program."""
        self.road.director.sysctl("kernel.bpf_stats_enabled", "1")
        before = self.program_runs()
        send()
        after = self.program_runs()
        self.road.director.sysctl("kernel.bpf_stats_enabled", "0")
        return (after[0] - before[0]) / (after[1] - before[1])

    @staticmethod
    def program_runs():
        """Nanoseconds, which are instructions here, and how often, over all programs of that name."""
        shown = json.loads(execute(["bpftool"], ["--json", "prog", "show"])[1])
        ours = [program for program in shown if program.get("name") == "nic_ingress"]
        return (sum(program.get("run_time_ns", 0) for program in ours), sum(program.get("run_cnt", 0) for program in ours))

    def close(self):
        self.lvsd.send_signal(signal.SIGTERM)
        self.lvsd.wait(timeout=PATIENCE_S)


class Express(Embedded):
    """The same, where new connections do not take the stack. What is in flow it sends as that does."""
    name = "express"

    def __init__(self, road, binaries, connections=0):
        super().__init__(road, binaries, connections)
        status, _, error = road.director.run([f"{binaries}/lvsadm"], ["--core", "embedded", "--setting", "express=1"], "")
        if status != 0:
            raise RuntimeError(f"express: {error}")


DIRECTORS = (Router, IpVs, Embedded)
