"""The two programs that make an IPVS table of a file, with one face: write(), start(), reload(), kill()."""
import contextlib
import os
import shutil
import signal
import subprocess
import time

SERVERS_EACH = {100: 10, 1000: 10, 10000: 100}  # Real servers of each service, by the size of the table.
PORT = 80


def service_address(index):
    return f"192.0.{2 + index // 250}.{1 + index % 250}"


def server_address(service, index):
    return f"10.{1 + service}.0.{1 + index}"


class Shape:
    """A table of `servers` real servers; the last one may have another weight."""

    def __init__(self, servers):
        self.servers = servers
        self.each = SERVERS_EACH[servers]
        self.services = servers // self.each

    def walk(self, last_weight):
        for service in range(self.services):
            weights = [1] * self.each
            if service == self.services - 1:
                weights[-1] = last_weight
            yield service, weights

    def last_service(self):
        return service_address(self.services - 1)


class Contestant:
    log = "/tmp/contestant.log"
    process = None

    def start(self):
        """Starts the program on its file; the moment before it."""
        with open(self.log, "w", encoding="utf-8") as log:
            begun = time.monotonic()
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            close_fds=False)  # So that Python need not fork: that is slow here.
        return begun

    def processes(self):
        """Its process and their children, by id and name."""
        names, unseen = {}, [self.process.pid]
        for pid in unseen:
            try:
                names[pid] = _name(pid)
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                    unseen += [int(child) for child in children.read().split()]
            except (FileNotFoundError, ProcessLookupError):
                names.pop(pid, None)  # It has just ended.
        return names

    def memory_kib(self):
        """The peak of each process, by its name."""
        return {f"{name} {pid}": _peak_kib(pid) for pid, name in self.processes().items()}

    def cpu_s(self):
        """What its processes have used of the processor so far."""
        return sum(_cpu_s(pid) for pid in self.processes())

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def kill(self):
        """Without a chance to take its table away, and without a trace for its successor."""
        for pid in self.processes():  # Parents first: they would start their children again.
            with contextlib.suppress(ProcessLookupError):  # A child may end with its parent.
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for path in self.state:
            shutil.rmtree(path, ignore_errors=True)
            if os.path.exists(path):
                os.remove(path)


def _name(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
        return comm.read().strip()


def _cpu_s(pid):
    try:
        return time.clock_gettime((~pid << 3) | 2)  # The clock of another process: clock_getcpuclockid(3).
    except OSError:
        return 0  # It has just ended.


def _peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0)


class Lvsd(Contestant):
    name = "lvsd"
    state = ["/run/lvs", "/run/lvs.pid"]
    file = "/tmp/lvs.cf"

    def __init__(self, binaries):
        self.command = [f"{binaries}/lvsd", "--nodaemon", "--configfile", self.file]

    def write(self, shape, last_weight=1):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("serial_no = 1\nprimary = 127.0.0.1\nservice = lvs\nnetwork = nat\ncore = kernel\n")
            for service, weights in shape.walk(last_weight):
                file.write(f"virtual v{service} {{\n active = 1\n address = {service_address(service)} lo:{service}\n"
                           f" port = {PORT}\n scheduler = rr\n check = none\n")
                for index, weight in enumerate(weights):
                    file.write(f" server s{index} {{\n  address = {server_address(service, index)}\n  active = 1\n"
                               f"  weight = {weight}\n }}\n")
                file.write("}\n")


class Keepalived(Contestant):
    """Its health-checking half alone (--check): no VRRP on our side of the comparison either."""
    name = "keepalived"
    state = ["/run/keepalived", "/run/keepalived.pid", "/run/checkers.pid"]
    file = "/tmp/keepalived.conf"

    def __init__(self):
        self.command = ["keepalived", "--check", "--dont-fork", "--log-console", "--use-file", self.file]

    def write(self, shape, last_weight=1):
        with open(self.file, "w", encoding="utf-8") as file:
            for service, weights in shape.walk(last_weight):
                file.write(f"virtual_server {service_address(service)} {PORT} {{\n lvs_sched rr\n lvs_method NAT\n"
                           " protocol TCP\n")
                for index, weight in enumerate(weights):
                    file.write(f" real_server {server_address(service, index)} {PORT} {{\n  weight {weight}\n }}\n")
                file.write("}\n")
