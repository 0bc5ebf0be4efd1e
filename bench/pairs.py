"""Two directors on one network, and the suites that decide between them, each with one face: start(), stop(),
kill_vital(), switchover()."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "netns" / "pulse"))

import directors as netns  # noqa: E402
from directors import eventually, inside_network, run  # noqa: E402

__all__ = ["Caribe", "Keepalived", "Laboratory", "eventually"]

KEEPALIVED = """
global_defs {{
    router_id {name}
    vrrp_version 3
}}
vrrp_instance pair {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {interval}
    virtual_ipaddress {{
        {vip}/32 dev eth0
    }}
    virtual_ipaddress_excluded {{
        {more}
    }}
}}
"""

CARIBE = """
serial_no = 1
primary = 192.0.2.1
backup = 192.0.2.2
backup_active = 1
heartbeat = 1
keepalive = {interval_ms}ms
deadtime = {deadtime_ms}ms
network = direct
{services}
"""

SERVICE = """
virtual v{index} {{
     active = 1
     address = {address} eth0:{index}
     vip_nmask = 255.255.255.255
     port = 80
     check = none
     server one {{
         address = 192.0.2.100
         active = 1
     }}
}}
"""


def more_addresses(number):
    return [f"10.99.{index // 250}.{1 + index % 250}" for index in range(number)]


class Laboratory(netns.Pair):
    """The switch of the pair is the client."""
    VIP = netns.VIP

    def client(self):
        return inside_network(self.switch)

    def cut(self, index):
        run("ip", "-n", self.switch, "link", "set", f"{self.both[index].name}-br0", "down")

    def holds(self, index):
        return self.both[index].holds()

    def count_addresses(self, index):
        shown = run("ip", "-n", self.both[index].namespace, "-4", "-o", "address", "show", "dev", "eth0").stdout
        return shown.count("\n") - 1  # Its own.

    def route_to(self, addresses):
        """From the client: they are of no network there."""
        for network in sorted({address.rsplit(".", 1)[0] + ".0/24" for address in addresses}):
            run("ip", "-n", self.switch, "route", "add", network, "dev", "br0")

    def seconds_until(self, cause, condition):
        begun = time.monotonic()
        cause()
        eventually("it is so", condition)
        return time.monotonic() - begun

    def moves_within(self, seconds):
        """How often the second director was seen with the address."""
        moves, had, end = 0, False, time.monotonic() + seconds
        while time.monotonic() < end:
            has = self.holds(1)
            moves += has and not had
            had = has
        return moves

    @contextlib.contextmanager
    def busy(self, number):
        processes = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(number)]
        try:
            yield
        finally:
            for process in processes:
                process.kill()
                process.wait()


class Suite:
    def __init__(self, lab, interval_ms, more=0):
        self.lab, self.interval_ms, self.more = lab, interval_ms, more_addresses(more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass  # The laboratory ends whatever runs in its namespaces.


class Caribe(Suite):
    NAME = "pulse"

    def start(self):
        addresses = [self.lab.VIP, *self.more]
        services = "".join(SERVICE.format(index=index, address=address) for index, address in enumerate(addresses))
        for director in self.lab.both:
            director.write("/etc/sysconfig/ha/lvs.cf", CARIBE.format(
                interval_ms=self.interval_ms, deadtime_ms=3 * self.interval_ms, services=services))
            director.service("start")
        self.lab.primary_serves()
        eventually("both are able", lambda: all(director.ask("status")["able"] for director in self.lab.both))
        eventually("it holds all", lambda: self.lab.count_addresses(0) > len(self.more))

    def stop(self, index):
        self.lab.both[index].service("stop")

    def kill_vital(self, index):
        self.lab.both[index].signal_arbiter(signal.SIGKILL)

    def switchover(self):
        self.lab.primary.lvsctl("switchover")


class Keepalived(Suite):
    NAME = "keepalived"

    def start(self):
        self.processes = []
        for director in self.lab.both:
            self.write(director, 150 if director is self.lab.primary else 100)
            self.processes.append(subprocess.Popen(
                director.inside("keepalived", "--dont-fork", "--vrrp", "--use-file=/run/keepalived.conf",
                                "--pid=/run/keepalived.pid", "--vrrp_pid=/run/vrrp.pid"),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        eventually("one serves", lambda: self.lab.count_addresses(0) > len(self.more))
        eventually("the other does not", lambda: self.lab.count_addresses(1) == 0)
        time.sleep(5 * self.interval_ms / 1000)  # Nothing tells that it has heard the other's adverts.

    def write(self, director, priority):
        director.write("/run/keepalived.conf", KEEPALIVED.format(
            name=director.name, priority=priority, interval=self.interval_ms / 1000, vip=self.lab.VIP,
            more="\n        ".join(f"{address}/32 dev eth0" for address in self.more)))

    def pid(self, director, name):
        return int(director.run("cat", f"/run/{name}.pid").stdout)

    def stop(self, index):
        os.kill(self.pid(self.lab.both[index], "keepalived"), signal.SIGTERM)

    def kill_vital(self, index):
        os.kill(self.pid(self.lab.both[index], "vrrp"), signal.SIGKILL)

    def switchover(self):
        self.write(self.lab.primary, 50)
        os.kill(self.pid(self.lab.primary, "keepalived"), signal.SIGHUP)
