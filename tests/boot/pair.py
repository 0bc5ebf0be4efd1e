"""Two directors that boot, a client that asks a service by address and one by mark, in turn every 20 ms, and how much
of it may fail.

A line of the client's log: when it began, the port, whether the connection stood (established) or not (new), and how
it ended."""
import contextlib
import math
import os
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "package"))
from machine import Machine, eventually, expect, run  # noqa: E402

DEADTIME_S = 2
TIMEOUT_S = 0.9
BY_ADDRESS, BY_MARK = 80, 81
ENOUGH = 10  # Requests to each service after all is well again.
LOST_MAX = 3  # Of connections that had begun when the director changed: these do not survive yet.
SWITCH, CLIENT, SERVER = (f"boot-{os.getpid()}-{name}" for name in ("switch", "client", "server"))
KEY = "/etc/sysconfig/ha/heartbeat.key"
CONFIG = f"""serial_no = 1
primary = 192.0.2.1
backup = 192.0.2.2
backup_active = 1
keepalive = 200ms
deadtime = {DEADTIME_S}
network = nat
nat_router = 10.0.0.1 eth1:1
nat_nmask = 255.255.255.0
virtual web {{
     active = 1
     address = 192.0.2.10 eth0:1
     vip_nmask = 255.255.255.0
     port = {BY_ADDRESS}
     check = none
     server one {{
         address = 10.0.0.11
         active = 1
     }}
}}
virtual marked {{
     active = 1
     address = 192.0.2.10 eth0:1
     vip_nmask = 255.255.255.0
     port = {BY_MARK}
     fwmark = {BY_MARK}
     mark_ports = tcp/{BY_MARK}
     check = none
     server one {{
         address = 10.0.0.11
         active = 1
     }}
}}
"""
ANSWER = """
import socketserver, sys, threading
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1)
        self.request.sendall(b"y")
socketserver.ThreadingTCPServer.request_queue_size = 128
for port in sys.argv[1:]:
    server = socketserver.ThreadingTCPServer(("10.0.0.11", int(port)), Answer)
    threading.Thread(target=server.serve_forever).start()
"""
ASK = """
import itertools, os, socket, sys, threading, time
def ask(port, began):
    stage = "new"
    try:
        with socket.create_connection(("192.0.2.10", port), float(sys.argv[1])) as server:
            stage = "established"
            server.sendall(b"x")
            tell(began, port, stage, "ok" if server.recv(1) == b"y" else "closed")
    except OSError as error:
        tell(began, port, stage, error)
def tell(*words):
    os.write(1, (" ".join(str(word) for word in words) + "\\n").encode())
for port in itertools.cycle(int(each) for each in sys.argv[2:]):
    threading.Thread(target=ask, args=(port, time.monotonic()), daemon=True).start()
    time.sleep(0.02)
"""


class Director(Machine):
    def wire(self, device):
        port = f"d{self.number}{device}"
        run("nsenter", "-t", self.pid, "-n", "ip", "link", "set", f"far{device}", "netns", SWITCH, "name", port)
        run("ip", "-n", SWITCH, "link", "set", port, "master", f"br{device}", "up")

    def role(self):
        return "".join(re.findall(r"^pulse +(\w+)", self("lvsctl", "status", check=False), re.M)[:1])

    def is_well(self):
        return "well" in self("sh", "-c", "lvsctl status >/dev/null 2>&1 && echo well", check=False)

    def unit_state(self):
        return self("systemctl", "is-active", "pulse", check=False).strip()

    def halt(self):
        self("systemctl", "reboot", check=False)
        self.is_off()

    def reboot(self, **how):
        self.halt()
        self.power_on(**how)

    def arbiter(self):
        children = self("ps", "--ppid", str(self.keeper()), "-o", "pid=,args=", check=False)
        return int((re.findall(r"^ *(\d+) .*--arbiter", children, re.M) or [0])[0])

    def mark_rules(self):
        return self("iptables", "-t", "mangle", "-S").count("--set-xmark")

    def ordered(self, earlier, later):
        """Whether a unit was up before another was started, in this boot."""
        def moment(unit, which):
            return int(self("systemctl", "show", "--value", "-p", which, unit))
        was_up = moment(earlier, "ActiveEnterTimestampMonotonic")
        return 0 < was_up <= moment(later, "ExecMainStartTimestampMonotonic")


class Pair:
    def __init__(self, directors, log):
        self.directors, self.log = directors, log

    def sorted(self):
        """The active one and the standby, once lvsctl says of both that all is well."""
        def roles():
            found = sorted((director.role(), director.number, director) for director in self.directors)
            return [each[2] for each in found] if [each[0] for each in found] == ["active", "standby"] else None
        directors = eventually("one is active, the other its standby", roles)
        for director in directors:
            eventually("lvsctl status ends with 0", director.is_well)
        return directors

    def is_set_up(self, install):
        primary, backup = self.directors
        for director in self.directors:
            if install:
                director(*install)
            director.write("/etc/sysconfig/ha/lvs.cf", CONFIG)
        primary("lvsctl", "key")
        backup("install", "-m", "600", "/dev/null", KEY)
        backup.write(KEY, primary.read(KEY))
        for director in self.directors:
            director("systemctl", "enable", "pulse")
            director("service", "pulse", "start")
        eventually("the active one holds the address", self.sorted()[0].holds)

    def _requests(self, began, ended):
        rows = [line.split(None, 3) for line in self.log.read_text().splitlines()]
        return sorted((float(row[0]), int(row[1]), *row[2:]) for row in rows if began <= float(row[0]) <= ended)

    @contextlib.contextmanager
    def _told(self, what, judge):
        began = time.monotonic()
        yield
        self.sorted()
        settled = time.monotonic()
        eventually(f"{what}: the client asks on", lambda: all(
            sum(row[1] == port for row in self._requests(settled, math.inf)) >= ENOUGH
            for port in (BY_ADDRESS, BY_MARK)))
        ended = time.monotonic()
        time.sleep(TIMEOUT_S)  # The last ones have had their answer.
        rows = self._requests(began, ended)
        lost = [row for row in rows if row[2] == "established" and row[3] != "ok"]
        expect(len(lost) <= LOST_MAX, f"{what}: {len(lost)} were lost after they had begun: {lost}")
        failed = [row for row in rows if row[2] == "new"]
        lasted = failed[-1][0] - failed[0][0] if failed else 0
        refused = [row for row in failed if "timed out" not in row[3] and "No route" not in row[3]]
        expect(not refused, f"{what}: {len(refused)} were refused: {refused[:3]}")
        judge(failed, lasted)
        print(f"ok {what}: {len(rows)} requests, {len(failed)} failed, within {lasted:.2f} s, "
              f"{len(lost)} lost when begun", flush=True)

    def fails_at_most(self, what, seconds):
        """What begins meanwhile is served, but for so many seconds; nothing of it is refused."""
        def judge(failed, lasted):
            expect(lasted <= seconds if seconds else not failed,
                   f"{what}: {len(failed)} failed in {lasted:.2f} s: {failed[:3]}")
        return self._told(what, judge)

    def refuses_nobody(self, what):
        """It may go unanswered, but nothing is refused, as a packet without its mark or before the table would be."""
        return self._told(what, lambda *_: None)


def wire(stack):
    for space in (SWITCH, CLIENT, SERVER):
        run("ip", "netns", "add", space)
        stack.callback(run, "ip", "netns", "delete", space)
    for bridge, space, address in ((0, CLIENT, "192.0.2.100/24"), (1, SERVER, "10.0.0.11/24")):
        run("ip", "-n", SWITCH, "link", "add", f"br{bridge}", "type", "bridge")
        run("ip", "-n", SWITCH, "link", "set", f"br{bridge}", "up")
        run("ip", "-n", SWITCH, "link", "add", f"p{bridge}", "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "-n", SWITCH, "link", "set", f"p{bridge}", "master", f"br{bridge}", "up")
        run("ip", "-n", space, "address", "add", address, "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
    run("ip", "-n", SERVER, "route", "add", "default", "via", "10.0.0.1")
    program(stack, SERVER, ANSWER, str(BY_ADDRESS), str(BY_MARK))


def program(stack, space, text, *arguments, **options):
    started = subprocess.Popen(["ip", "netns", "exec", space, sys.executable, "-c", text, *arguments], **options)
    stack.callback(started.wait)
    stack.callback(started.kill)


def ask(stack, pair):
    log = stack.enter_context(pair.log.open("w"))
    program(stack, CLIENT, ASK, str(TIMEOUT_S), str(BY_ADDRESS), str(BY_MARK), stdout=log)
    eventually("the client is served", lambda: all(
        f" {port} established ok" in pair.log.read_text() for port in (BY_ADDRESS, BY_MARK)))
