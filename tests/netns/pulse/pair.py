#!/usr/bin/env python3
"""Two real pulses with their real lvsd, on a public and a private segment, in network namespaces of their own.

Usage: pair.py BIN-FOLDER [STORY...]. Each story is a function that gets a fresh pair, both daemons not yet started.
Nothing outside these namespaces is touched: each director has its own /run and overlays of /etc, /var and /usr/sbin.
"""
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PREFIX = f"pulse-{os.getpid()}-"
PATIENCE_S = 60
VIP = "192.0.2.10"
ROUTER = "10.0.0.10"
WITNESS = "192.0.2.100"
PORT = 539

CONFIG = """
serial_no = {serial}
primary = 192.0.2.1
primary_private = 10.0.0.1
backup = 192.0.2.2
backup_private = 10.0.0.2
backup_active = 1
heartbeat = 1
keepalive = {keepalive}
deadtime = {deadtime}
{forwarding}
service = lvs
{witness}
active_cmd = "/usr/bin/touch '/run/became active'"
virtual web {{
     active = 1
     address = {vip} eth0:1
     vip_nmask = 255.255.255.0
     port = 80
{checks}
     server one {{
         address = {server}
         active = 1
     }}
}}
{more}
"""

NAT = """network = nat
nat_router = {router} {router_device}:1
nat_nmask = 255.255.255.0"""

# Long enough that a busy machine's pauses are no silence; stories of a takeover by silence say their own.
DEFAULTS = {"keepalive": "100ms", "deadtime": "5s", "vip": VIP, "router": ROUTER, "router_device": "eth1", "checks": "",
            "server": "10.0.0.100", "witness": f"witness = {WITNESS} 2001:db8::1"}



def config(serial, more="", forwarding=NAT, **other):
    values = {**DEFAULTS, **other}
    return CONFIG.format(serial=serial, more=more, forwarding=forwarding.format(**values), **values)


MORE = """
virtual mail {
     active = 1
     address = 192.0.2.11 eth0:2
     vip_nmask = 255.255.255.0
     port = 25
     server one {
         address = 10.0.0.100
         active = 1
     }
}
"""


def run(*command, check=True, **options):
    done = subprocess.run(command, text=True, capture_output=True, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def eventually(what, condition, patience=PATIENCE_S):
    """Polls until the condition holds, and returns what it returned."""
    end = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError, KeyError, ValueError):
            value = condition()
            if value:
                return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.01)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


@contextlib.contextmanager
def web_server(namespace, address="10.0.0.100"):
    """Takes every connection to port 80 and hangs up: what a check without an exchange asks for."""
    with inside_network(namespace):
        listener = socket.create_server((address, 80))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextlib.contextmanager
def knocking(namespace, port=80):
    """A client that opens a connection to the floating address every two milliseconds; yields those that were refused."""
    with inside_network(namespace):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(8000)]
    refused, is_over = [], threading.Event()

    def knock():
        waiting = []
        for one in sockets:
            if is_over.wait(0.002):
                break
            one.connect_ex((VIP, port))
            waiting.append(one)
            refused.extend(other for other in waiting[-50:]
                           if other.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED)

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    try:
        yield refused
    finally:
        is_over.set()
        thread.join()
        for one in sockets:
            one.close()


@contextlib.contextmanager
def inside_network(name):
    """Sockets made in here belong to the namespace for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{name}", "rb") as there:
        expect(libc.setns(there.fileno(), 0x40000000) == 0, f"enter {name}")
        try:
            yield
        finally:
            expect(libc.setns(home.fileno(), 0x40000000) == 0, "come back")


class Director:
    def __init__(self, name, number, pair):
        self.name, self.number, self.pair = name, number, pair
        self.namespace = PREFIX + name
        self.folder = pathlib.Path(pair.folder, name)
        self.control = None
        self.logged = []

    def up(self):
        overlays = ""
        for top in ("etc", "var", "usr/sbin"):
            tag = top.replace("/", "-")
            lower = f"{self.pair.binaries}:/{top}" if top == "usr/sbin" else f"/{top}"
            for part in ("up", "work"):
                (self.folder / tag / part).mkdir(parents=True)
            overlays += (f"mount -t overlay overlay -o lowerdir={lower},upperdir={self.folder}/{tag}/up,"
                         f"workdir={self.folder}/{tag}/work /{top} && ")
        # A /dev of its own, for a /dev/log of its own.
        script = (f"{overlays} mount -t tmpfs tmpfs /run && mkdir -p /etc/sysconfig/ha /etc/iptables /run/lock /run/dev && "
                  "mount -t tmpfs tmpfs /run/dev && for d in null zero random urandom; do touch /run/dev/$d; "
                  "mount --bind /dev/$d /run/dev/$d; done && mount --move /run/dev /dev && "
                  f"cp {ROOT}/etc/init.d/pulse /etc/init.d/pulse && echo ready && exec sleep infinity")
        self.holder = subprocess.Popen(["ip", "netns", "exec", self.namespace, "unshare", "--mount", "sh", "-c", script],
                                       stdout=subprocess.PIPE, text=True)
        expect(self.holder.stdout.readline() == "ready\n", f"{self.name} has its own files")
        # Daemons drop lines that do not fit at once. The switch's network lets more than ten of them wait for a late reader.
        with inside_network(self.pair.switch):
            self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(f"/proc/{self.holder.pid}/root/dev/log")
        threading.Thread(target=self.collect, daemon=True).start()
        self.write("/etc/sysconfig/ha/heartbeat.key", self.pair.key, 0o600)
        self.configure(1)

    def write(self, path, data, mode=0o644):
        file = pathlib.Path(f"/proc/{self.holder.pid}/root{path}")
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
        file.chmod(mode)

    def configure(self, serial, more="", **other):
        self.write("/etc/sysconfig/ha/lvs.cf", config(serial, more, **other))

    def inside(self, *command):
        return ["nsenter", f"--target={self.holder.pid}", "--mount", "--net", "--", *command]

    def run(self, *command, **options):
        return run(*self.inside(*command), **options)

    def service(self, verb, check=True):
        return self.run("/etc/init.d/pulse", verb, check=check)

    def ask(self, what):
        """One question to pulse, over a connection that is kept."""
        for _ in range(2):
            try:
                if self.control is None:
                    connection = socket.socket(socket.AF_UNIX)
                    connection.settimeout(PATIENCE_S)
                    inode = os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino
                    connection.connect(f"/proc/{self.holder.pid}/root/run/lvs/{inode}/pulse")
                    self.control = connection.makefile("rw")
                self.control.write(json.dumps({"do": what}) + "\n")
                self.control.flush()
                return json.loads(self.control.readline())
            except (OSError, ValueError):
                self.control = None
        raise OSError(f"{self.name}: pulse does not answer")

    def lvsctl(self, *words):
        """What it printed, and its exit status."""
        done = self.run("/usr/sbin/lvsctl", *words, check=False)
        return done.stdout, done.returncode

    def sees_a_server_up(self):
        return re.search(r" up ", self.lvsctl("status")[0]) is not None

    def state(self):
        return self.ask("status")["state"]

    def reaches(self, state, patience=PATIENCE_S):
        """Who becomes active adds the addresses once the core is armed: it serves a moment after its state says so."""
        eventually(f"{self.name} is {state}", lambda: self.state() == state, patience)
        if state == "active":
            eventually(f"{self.name} holds the address", self.holds, patience)

    def addresses(self):
        shown = json.loads(run("ip", "-n", self.namespace, "-j", "address", "show").stdout)
        return {info["local"] for link in shown for info in link.get("addr_info", [])}

    def holds(self, address=VIP):
        return address in self.addresses()

    def collect(self):
        while True:
            self.logged.append(self.log.recv(8192).decode(errors="replace"))

    def keeper(self):
        return int(self.run("cat", "/run/pulse.pid").stdout)

    def arbiter(self):
        """0: there is none now."""
        children = run("pgrep", "--parent", str(self.keeper()), "--full", "pulse.*arbiter", check=False).stdout.split()
        return int(children[0]) if children else 0

    def children(self):
        """The keeper's, by the name of their program."""
        pids = run("pgrep", "--parent", str(self.keeper()), check=False).stdout.split()
        return {os.path.basename(os.readlink(f"/proc/{pid}/exe")): int(pid) for pid in pids}

    def said(self, event):
        """How many lines of its log tell of this event."""
        return sum(f"event={event} " in line for line in self.logged)

    def signal_arbiter(self, number):
        pid = self.arbiter()
        expect(pid > 1, f"{self.name} has an arbiter")
        os.kill(pid, number)
        return pid

    def down(self):
        for pid in run("ip", "netns", "pids", self.namespace, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self.holder.wait()


class Pair:
    """primary 192.0.2.1 -- br0 -- 192.0.2.2 backup, and 10.0.0.1 -- br1 -- 10.0.0.2; the switch is 10.0.0.100, the real
    server: it refuses connections at once, so lvsd knows its verdict at once."""

    def __init__(self, binaries):
        self.binaries = os.path.abspath(binaries)
        self.folder = tempfile.mkdtemp(prefix="pulse-test-", dir="/dev/shm")
        self.key = self.make_key()
        self.switch = PREFIX + "switch"
        self.primary, self.backup = Director("primary", 1, self), Director("backup", 2, self)
        self.both = (self.primary, self.backup)

    def make_key(self):
        file = pathlib.Path(self.folder, "made.key")
        text = config(1, f"heartbeat_key = {file}")
        pathlib.Path(self.folder, "lvs.cf").write_text(text, encoding="utf-8")
        run(f"{self.binaries}/lvsctl", "key", f"{self.folder}/lvs.cf")
        return file.read_bytes()

    def __enter__(self):
        run("ip", "netns", "add", self.switch)
        run("ip", "netns", "exec", self.switch, "sysctl", "--quiet", "--write", "net.unix.max_dgram_qlen=1000")
        for bridge in ("br0", "br1"):
            run("ip", "-n", self.switch, "link", "add", bridge, "type", "bridge")
            run("ip", "-n", self.switch, "link", "set", bridge, "up")
        run("ip", "-n", self.switch, "address", "add", f"{WITNESS}/24", "dev", "br0")
        run("ip", "-n", self.switch, "address", "add", "10.0.0.100/24", "dev", "br1")
        for director in self.both:
            run("ip", "netns", "add", director.namespace)
            run("ip", "-n", director.namespace, "link", "set", "lo", "up")
            for device, bridge in (("eth0", "br0"), ("eth1", "br1")):
                port = f"{director.name}-{bridge}"
                run("ip", "link", "add", device, "netns", director.namespace, "type", "veth", "peer", "name", port,
                    "netns", self.switch)
                run("ip", "-n", self.switch, "link", "set", port, "master", bridge, "up")
            for device, net in (("eth0", "192.0.2"), ("eth1", "10.0.0")):
                run("ip", "-n", director.namespace, "address", "add", f"{net}.{director.number}/24", "dev", device)
                run("ip", "-n", director.namespace, "link", "set", device, "up")
            director.up()
        return self

    def __exit__(self, *_):
        for director in self.both:
            with contextlib.suppress(AttributeError):
                director.down()
            run("ip", "netns", "del", director.namespace, check=False)
        run("ip", "netns", "del", self.switch, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, **configuration):
        for director in self.both:
            if configuration:
                director.configure(1, **configuration)
            director.service("start")
        self.primary_serves()
        eventually("all paths are alive", lambda: all(
            path["alive"] for director in self.both for path in director.ask("status")["paths"]))
        eventually("both are able", lambda: all(director.ask("status")["able"] for director in self.both))

    def primary_serves(self):
        """On a busy machine the backup's lvsd may be ready first."""
        def does_or_is_asked_to():
            if self.backup.state() == "active":
                self.backup.lvsctl("switchover")  # Refused as long as the primary is less fit.
            return self.primary.state() == "active" and self.backup.state() == "standby"
        eventually("the primary serves", does_or_is_asked_to)
        self.primary.reaches("active")

    def holders(self):
        return [director for director in self.both if director.holds()]


# ---- stories ----

def the_primary_serves_and_the_backup_stands_by(pair):
    pair.start()
    shown = run("ip", "-n", pair.primary.namespace, "-o", "address", "show").stdout
    expect(re.search(rf"{VIP}/32 .*dynamic noprefixroute eth0:1", shown), f"label and lease in {shown}")
    expect(re.search(rf"{ROUTER}/32 .*dynamic noprefixroute eth1:1", shown), f"label and lease in {shown}")
    expect(not pair.backup.holds(), "the backup holds nothing")
    expect(pair.primary.run("cat", "/run/became active", check=False).returncode == 0, "active_cmd ran")
    status = pair.primary.ask("status")
    expect(status["lvsd"]["ready"] and status["lvsd"]["armed"], f"lvsd serves: {status['lvsd']}")
    standby = pair.backup.ask("status")["lvsd"]
    expect(standby["ready"] and not standby["armed"], f"the standby's lvsd is ready, its core not armed: {standby}")


def a_killed_arbiter_adopts_and_the_peer_stays_standby(pair):
    pair.start()
    term = pair.primary.ask("status")["term"]
    killed = pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("active")
    end = time.monotonic() + 5.5  # Longer than a lease, and than the peer's patience.
    while time.monotonic() < end:
        expect(pair.primary.holds(), "the address stays")
        expect(pair.backup.state() == "standby", "the peer stays standby")
    status = pair.primary.ask("status")
    expect(status["term"] == term and status["counters"]["takeovers"] == 0, "that was no takeover")


def an_address_that_somebody_removes_is_back_within_100_ms(pair):
    pair.start(keepalive="1s", deadtime="30s")
    took = []
    # A busy machine may delay some, but not most of a row. What waited for the next beat or renewal would have a whole
    # period to wait, because each time the address is removed as soon as it is back.
    while sum(one < 0.1 for one in took) < 5 and len(took) < 20:
        run("ip", "-n", pair.primary.namespace, "address", "del", f"{VIP}/32", "dev", "eth0")
        gone_at = time.monotonic()
        eventually("it is back", pair.primary.holds)
        took.append(time.monotonic() - gone_at)
    expect(sum(one < 0.1 for one in took) == 5, f"back after {took} s")
    eventually("it is counted", lambda: pair.primary.ask("status")["counters"]["addresses_restored"] == len(took))
    expect(pair.backup.state() == "standby", "the peer stays standby")
    run("ip", "-n", pair.primary.namespace, "address", "del", "192.0.2.1/24", "dev", "eth0")
    eventually("without its own address the director still reaches the network", lambda: "src 192.0.2.10" in run(
        "ip", "-n", pair.primary.namespace, "route", "get", "192.0.2.77", check=False).stdout, patience=5)


def a_frozen_director_loses_its_addresses_and_never_takes_them_back(pair):
    """As a machine that is paused: the keeper stands still too, or it would replace its arbiter."""
    pair.start(keepalive="200ms", deadtime="3s")
    keeper = pair.primary.keeper()
    os.kill(keeper, signal.SIGSTOP)
    frozen = pair.primary.signal_arbiter(signal.SIGSTOP)
    end = time.monotonic() + PATIENCE_S
    while pair.backup.state() != "active":
        expect(len(pair.holders()) <= 1, "never two holders")
        expect(time.monotonic() < end, "the backup takes over")
    eventually("it holds the address alone", lambda: pair.holders() == [pair.backup])
    os.kill(frozen, signal.SIGCONT)
    os.kill(keeper, signal.SIGCONT)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        expect(not pair.primary.holds(), "the thawed arbiter does not add it again")
    pair.primary.reaches("standby")
    expect(pair.primary.arbiter() == frozen, "it is the same process")
    expect(pair.primary.ask("status")["counters"]["leases_lost"] == 1, "it says so")


def whoever_takes_over_refuses_nobody(pair):
    """Its core is armed before it holds the address: else its own stack would answer clients, and refuse them."""
    pair.start(keepalive="200ms", deadtime="3s", checks="     check = none")
    with knocking(pair.switch) as refused:
        os.kill(pair.primary.keeper(), signal.SIGKILL)
        pair.backup.reaches("active")
        eventually("it holds the address alone", lambda: pair.holders() == [pair.backup])
        time.sleep(0.3)  # As long as it takes to hear of a refusal, and more.
    expect(not refused, f"{len(refused)} clients were refused")


def frozen_children_are_replaced_and_the_service_stays(pair):
    pair.start(keepalive="200ms", deadtime="8s")
    before = pair.primary.children()
    for pid in before.values():
        os.kill(pid, signal.SIGSTOP)

    def replaced(name):
        expect(pair.primary.holds() and not pair.backup.holds(), "the address stays")
        return pair.primary.children().get(name, before[name]) != before[name]

    eventually("another arbiter before the lease ends", lambda: replaced("pulse"), patience=7)
    eventually("another lvsd", lambda: replaced("lvsd"))
    eventually("it serves", lambda: pair.primary.ask("status")["lvsd"]["armed"])
    expect(pair.primary.state() == "active" and pair.backup.state() == "standby", "nobody moved")
    eventually("the log says so", lambda: pair.primary.said("child-frozen") == 2)


def a_keeper_without_descriptors_tries_again_and_its_watchdog_hears_it(pair):
    pair.primary.configure(1, deadtime="2s")
    init = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    init.settimeout(PATIENCE_S)
    init.bind(f"/proc/{pair.primary.holder.pid}/root/run/notify")
    pair.primary.run("env", "NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=400000", "/etc/init.d/pulse", "start")
    heard = [init.recv(100) for _ in range(4)]
    expect(heard == [b"READY=1"] + 3 * [b"WATCHDOG=1"], f"the init system heard {heard}")
    pair.primary.reaches("active")
    keeper = pair.primary.keeper()
    allowed = resource.prlimit(keeper, resource.RLIMIT_NOFILE)
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, (1, allowed[1]))
    pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("it fails, and fails again", lambda: pair.primary.said("spawn-failed") >= 2)
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, allowed)
    pair.primary.reaches("active")


def everything_killed_for_good_leaves_the_addresses_to_the_peer(pair):
    pair.start(keepalive="200ms", deadtime="3s")
    os.kill(pair.primary.keeper(), signal.SIGKILL)
    eventually("its children go with the keeper",
               lambda: not run("pgrep", "--ns", str(pair.primary.holder.pid), "--nslist", "net,mnt", "--full", "arbiter",
                               check=False).stdout.strip())
    end = time.monotonic() + PATIENCE_S
    while pair.backup.state() != "active":
        expect(len(pair.holders()) <= 1, "never two holders")
        expect(time.monotonic() < end, "the backup takes over")
    eventually("the addresses expired by themselves", lambda: pair.holders() == [pair.backup])
    pair.primary.service("start")
    pair.primary.reaches("standby")
    time.sleep(0.5)
    expect(pair.backup.state() == "active", "no failback")


def stop_hands_over_at_once_and_leaves_nothing(pair):
    pair.start(keepalive="1s", deadtime="120s")
    stopping = subprocess.Popen(pair.primary.inside("/etc/init.d/pulse", "stop"), stdout=subprocess.DEVNULL)
    eventually("the backup holds the address, long before deadtime", pair.backup.holds)
    expect(stopping.wait(PATIENCE_S) == 0, "stop succeeds")
    expect(pair.primary.service("status", check=False).returncode == 3, "status says stopped")
    expect(not pair.primary.holds() and not pair.primary.holds(ROUTER), "nothing is left")
    left = run("ip", "netns", "pids", pair.primary.namespace).stdout.split()
    expect(left == [str(pair.primary.holder.pid)], f"no process is left: {left}")
    shown = run("ip", "-n", pair.primary.namespace, "link").stdout
    expect("ipvs0" not in shown, f"the core's devices are gone: {shown}")


def expect_status(director, role, peer, armed):
    text, _ = director.lvsctl("status")
    place = "192.0.2.10 10.0.0.10, lease" if armed else "none"
    for pattern in (rf"^pulse +{role} for .*, {director.name}, term \d+", rf"^peer +{peer}, heard \d+ ms ago$",
                    "^paths +public alive, private alive$", rf"^addresses +{place}",
                    rf"^lvsd +ready, {'armed' if armed else 'not armed'}, {role}, serial 1$", r"^core +embedded, \d+ of \d+ connections, \d+ of \d+ templates$",
                    r"^web \(TCP 192\.0\.2\.10:80 wlc\) +one 10\.0\.0\.100:80 +up +1 +Masq "):
        expect(re.search(pattern, text, re.MULTILINE), f"{pattern} in {text}")
    text, code = director.lvsctl("status", "--json")
    said = json.loads(text)
    expect(code == 0 and said["condition"] == "healthy", f"exit status {code}: {text}")
    expect(said["pulse"]["state"] == role and said["pulse"]["peer"]["role"] == peer, text)
    expect(said["lvsd"]["role"] == role and said["lvsd"]["armed"] == armed, text)
    services = said["lvsd"]["services"]
    expect([service["name"] for service in services] == ["web"], text)
    expect([(server["name"], server["health"], server["in_table"]) for server in services[0]["servers"]]
           == [("one", "up", True)], text)
    text, code = director.lvsctl("metrics")
    # Debian's Python: it has Debian's parser.
    run("/usr/bin/python3", f"{ROOT}/tests/check/metrics", f"{ROOT}/etc/prometheus/caribe.rules.yml", input=text)
    for line in (f'lvs_director_state{{state="{role}"}} 1', f"lvs_director_holding {int(armed)}", "lvs_peer_heard 1",
                 'lvs_daemon_up{daemon="lvsd"} 1', "lvs_peer_same_configuration 1", "lvs_core_copies_lost 0",
                 'lvs_service_servers_up{service="web",key="TCP 192.0.2.10:80"} 1'):
        expect(f"\n{line}\n" in text, f"{line} in {text}")


def lvsctl_tells_each_directors_state(pair):
    for director in pair.both:
        expect(director.lvsctl("status")[1] == 3, "nothing runs")
    with web_server(pair.switch):
        pair.start(checks="     check = tcp\n     interval = 100ms\n     timeout = 20s\n     rise = 1")
        for director in pair.both:
            eventually(f"{director.name} is healthy", lambda: director.lvsctl("status")[1] == 0)
        expect_status(pair.primary, "active", "passive", True)
        expect_status(pair.backup, "standby", "active", False)
    for director in pair.both:
        text = eventually(f"{director.name} is degraded", lambda: director.lvsctl("status")[1] == 1
                          and director.lvsctl("status")[0])
        expect(re.search(r"one 10\.0\.0\.100:80 +down ", text), f"the server is down: {text}")
        expect("! 1 of 1 servers of web is down\n" in text, f"and said to be: {text}")
    pair.backup.service("stop")
    eventually("the peer is missed", lambda: "! the peer is not heard" in pair.primary.lvsctl("status")[0])
    text, code = pair.backup.lvsctl("status", "--json")
    expect(code == 3 and json.loads(text)["condition"] == "not running", f"exit status {code}: {text}")


def the_group_lvs_may_look_and_not_touch(pair):
    pair.primary.run("sh", "-c", "echo lvs:x:4711: >>/etc/group")
    pair.primary.service("start")
    pair.primary.reaches("active")

    def as_member(*words, group="4711"):
        done = pair.primary.run("setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", "/usr/sbin/lvsctl", *words, check=False)
        return done.stdout + done.stderr

    expect('"state":"active"' in as_member("status", "--json"), "a member sees the status")
    expect("only root" in as_member("switchover"), "and changes nothing")
    expect("only root and the group lvs" in as_member("plan", group="65534"), "others see nothing")
    pair.primary.lvsctl("switchover")
    eventually("the log says who asked", lambda: any(
        "event=asked what=switchover" in line and "uid=0" in line for line in pair.primary.logged))


def add_device(director, up):
    run("ip", "-n", director.namespace, "link", "add", "eth7", "type", "veth", "peer", "name", "eth7-peer")
    run("ip", "-n", director.namespace, "link", "set", "eth7-peer", "up")
    run("ip", "-n", director.namespace, "link", "set", "eth7", "up" if up else "down")


def each_address(director):
    return {one["address"]: one["state"] for one in director.ask("status")["each_address"]}


def a_missing_device_is_told_and_the_whole_director_serves(pair):
    pair.primary.configure(1, router_device="eth7")
    pair.primary.service("start")
    pair.primary.reaches("active")
    eventually("one address is held", lambda: each_address(pair.primary) == {VIP: "held", ROUTER: "missing"})
    eventually("it is not able", lambda: pair.primary.ask("status")["reasons"] == "service-link-down")
    text, code = pair.primary.lvsctl("status")
    expect(f"! the address {ROUTER} is not held (missing): this machine has no device eth7" in text, text)
    expect("! this director is not able to serve: service-link-down" in text and code == 1, text)
    pair.backup.service("start")
    pair.backup.reaches("active")
    eventually("both are held", lambda: each_address(pair.backup) == {VIP: "held", ROUTER: "held"})
    # The device comes: as whole as the other, and no failback.
    add_device(pair.primary, up=True)
    eventually("it is able", lambda: pair.primary.ask("status")["able"])
    expect(each_address(pair.primary) == {VIP: "not-held", ROUTER: "not-held"}, f"{each_address(pair.primary)}")


def one_of_two_service_links_lost_moves_the_service(pair):
    pair.start()
    run("ip", "-n", pair.switch, "link", "set", "primary-br1", "down")
    pair.backup.reaches("active")
    pair.primary.reaches("standby")
    expect(pair.holders() == [pair.backup], "one holder")


def without_a_way_to_the_servers_the_service_moves(pair):
    """By direct routing no address is on the link to the servers: pulse learns of it by their checks."""
    with web_server(pair.switch):
        pair.start(forwarding="network = direct", checks="     check = tcp")
        eventually("the server is up", lambda: all(director.sees_a_server_up() for director in pair.both))
        run("ip", "-n", pair.switch, "link", "set", "primary-br1", "down")
        pair.backup.reaches("active")
        pair.primary.reaches("standby")
        eventually("the primary says why", lambda: pair.primary.ask("status")["reasons"] == "no-way-to-servers")
        text, code = pair.primary.lvsctl("status")
        expect("! this director has no way to 1 of 1 servers of web" in text and code == 1, text)
        # Where the other has none either, nobody moves.
        run("ip", "-n", pair.switch, "link", "set", "backup-br1", "down")
        eventually("the backup says why", lambda: pair.backup.ask("status")["reasons"] == "no-way-to-servers")
        expect(pair.backup.state() == "active" and pair.primary.state() == "standby", "both as they were")
        run("ip", "-n", pair.switch, "link", "set", "primary-br1", "up")
        pair.primary.reaches("active")
        expect(pair.primary.ask("status")["able"], "it is able again")


def a_standby_that_does_not_check_sees_when_it_has_a_way_again(pair):
    """Its route is taken away, so no link comes up that could tell."""
    route = ("192.168.7.0/24", "via", "10.0.0.100", "dev", "eth1")
    run("ip", "-n", pair.switch, "address", "add", "192.168.7.100/32", "dev", "lo")
    with web_server(pair.switch, "192.168.7.100"):
        for director in pair.both:
            run("ip", "-n", director.namespace, "route", "add", *route)
        pair.start(checks="     check = tcp\n     interval = 200ms", server="192.168.7.100",
                   forwarding=f"{NAT}\nstandby_monitoring = 0")
        eventually("the server is up", pair.primary.sees_a_server_up)
        run("ip", "-n", pair.primary.namespace, "route", "del", *route)
        pair.backup.reaches("active")
        eventually("the primary says why", lambda: pair.primary.ask("status")["reasons"] == "no-way-to-servers")
        run("ip", "-n", pair.primary.namespace, "route", "add", *route)
        eventually("it is able again", lambda: pair.primary.ask("status")["able"])
        expect(pair.backup.state() == "active", "nobody moves back")


def servers_that_fail_for_the_active_director_alone_move_the_service(pair):
    """A wrong route, or a switch that is dead behind a port with carrier: there is a way, and it leads nowhere."""
    run("ip", "-n", pair.switch, "address", "add", "192.168.7.100/32", "dev", "lo")

    def routed(director, gateway):
        run("ip", "-n", director.namespace, "route", "replace", "192.168.7.0/24", "via", gateway, "dev", "eth1")

    right, wrong = "10.0.0.100", "10.0.0.123"
    with web_server(pair.switch, "192.168.7.100"):
        for director in pair.both:
            routed(director, right)
        pair.start(checks="     check = tcp\n     interval = 200ms\n     timeout = 300ms\n     rise = 1",
                   server="192.168.7.100")
        eventually("the server is up", lambda: all(director.sees_a_server_up() for director in pair.both))
        routed(pair.primary, wrong)
        pair.backup.reaches("active")
        pair.primary.reaches("standby")
        text, code = pair.primary.lvsctl("status")
        expect("cannot serve 1 of its services, the peer 0" in text and code == 1, text)
        # Where both see it, it is the server: the service stays.
        routed(pair.backup, wrong)
        eventually("the backup sees it too", lambda: pair.backup.lvsctl("status")[0].count("1 of 1 servers of web is down") == 1)
        expect(pair.backup.state() == "active" and pair.primary.state() == "standby", "both as they were")


def a_link_that_flaps_for_a_moment_moves_nothing(pair):
    pair.start()
    term = pair.primary.ask("status")["term"]
    for _ in range(3):
        run("ip", "-n", pair.switch, "link", "set", "primary-br0", "down")
        run("ip", "-n", pair.switch, "link", "set", "primary-br0", "up")
        eventually("it is able", lambda: pair.primary.ask("status")["able"])
    expect(pair.primary.state() == "active" and pair.primary.ask("status")["term"] == term, "as before")


def a_link_that_returns_carries_heartbeats_at_once(pair):
    """The kernel would ask again for a neighbour that did not answer, here, in ten minutes; nor does the other ask."""
    pair.start()

    def neighbour(address, device, director=pair.primary):
        return run("ip", "-n", director.namespace, "neighbour", "show", address, "dev", device).stdout

    def write_down(director, address, device):
        mac = re.search(r"lladdr (\S+)", neighbour(address, device, director)).group(1)
        run("ip", "-n", director.namespace, "neighbour", "replace", address, "lladdr", mac, "nud", "permanent",
            "dev", device)

    write_down(pair.primary, "10.0.0.2", "eth1")
    write_down(pair.backup, "192.0.2.1", "eth0")
    for device in ("eth0", "eth1"):
        run("ip", "netns", "exec", pair.primary.namespace, "sysctl", "--quiet", "--write",
            f"net.ipv4.neigh.{device}.retrans_time_ms=600000")
    for bridge in ("br0", "br1"):
        run("ip", "-n", pair.switch, "link", "set", f"primary-{bridge}", "down")
    eventually("the peer is asked for in vain", lambda: "INCOMPLETE" in neighbour("192.0.2.2", "eth0"))
    for bridge in ("br0", "br1"):
        run("ip", "-n", pair.switch, "link", "set", f"primary-{bridge}", "up")
    eventually("it is found", lambda: "lladdr" in neighbour("192.0.2.2", "eth0"))
    eventually("all paths are alive", lambda: all(
        path["alive"] for director in pair.both for path in director.ask("status")["paths"]))
    expect("PERMANENT" in neighbour("10.0.0.2", "eth1"), "what an administrator wrote stays")


def a_reload_onto_a_dead_device_moves_the_service(pair):
    pair.start()
    for director in pair.both:
        add_device(director, up=director is pair.backup)
    for director in pair.both:
        director.configure(2, router_device="eth7")
        director.service("reload")
    pair.backup.reaches("active")
    eventually("the primary says why", lambda: pair.primary.ask("status")["reasons"] == "service-link-down")


def an_address_of_somebody_else_is_told_and_left_alone(pair):
    run("ip", "-n", pair.primary.namespace, "address", "add", f"{VIP}/32", "dev", "eth0")
    pair.start(keepalive="200ms", deadtime="3s")
    eventually("it is told", lambda: each_address(pair.primary) == {VIP: "foreign", ROUTER: "held"})
    text, code = pair.primary.lvsctl("status")
    expect(f"! the address {VIP} is not held (foreign): add {VIP} on eth0" in text and code == 1, text)
    end = time.monotonic() + 4  # Longer than a lease.
    while time.monotonic() < end:
        expect(pair.primary.state() == "active" and pair.backup.state() == "standby", "it does answer here: nobody moves")
    shown = run("ip", "-n", pair.primary.namespace, "-o", "address", "show", "to", VIP).stdout
    expect("valid_lft forever" in shown, f"it got no lease: {shown}")
    run("ip", "-n", pair.primary.namespace, "address", "del", f"{VIP}/32", "dev", "eth0")
    eventually("ours comes", lambda: each_address(pair.primary) == {VIP: "held", ROUTER: "held"})


def a_static_floating_address_on_the_standby_is_told(pair):
    pair.start()
    run("ip", "-n", pair.backup.namespace, "address", "add", f"{VIP}/24", "dev", "eth0")
    eventually("it is told", lambda: each_address(pair.backup) == {VIP: "foreign", ROUTER: "not-held"})
    text, code = pair.backup.lvsctl("status")
    expect(f"! the address {VIP} is not held (foreign): this machine holds it, and not from us" in text, text)
    expect(code == 1, f"exit status {code}")
    eventually("it is in the log", lambda: pair.backup.said("foreign-address"))
    expect(pair.primary.state() == "active" and pair.backup.state() == "standby", "nobody moved")
    run("ip", "-n", pair.backup.namespace, "address", "del", f"{VIP}/24", "dev", "eth0")
    eventually("and its end", lambda: each_address(pair.backup) == {VIP: "not-held", ROUTER: "not-held"})
    expect(each_address(pair.primary) == {VIP: "held", ROUTER: "held"}, "that of the active is held")


def a_witness_that_a_reload_adds_has_time_to_answer(pair):
    pair.start(witness="")
    asked = pair.primary.ask("status")["in_state_ms"]
    eventually("longer than a witness may be silent", lambda: pair.primary.ask("status")["in_state_ms"] > asked + 3500)
    pair.primary.configure(2)
    pair.primary.service("reload")
    eventually("it is read", lambda: pair.primary.ask("status")["config_serial"] == 2)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        expect(pair.primary.state() == "active" and pair.primary.ask("status")["able"], "it stays active and able")


def without_any_witness_one_still_serves(pair):
    run("ip", "-n", pair.switch, "address", "del", f"{WITNESS}/24", "dev", "br0")
    for director in pair.both:
        director.configure(1, keepalive="200ms", deadtime="3s")
        director.service("start")
    pair.primary_serves()
    expect(pair.primary.ask("status")["reasons"] == "no-witness", "for want of a better one")
    os.kill(pair.primary.keeper(), signal.SIGKILL)
    pair.backup.reaches("active")
    expect(pair.holders() == [pair.backup], "one holder")


def stays_with_one_holder(pair, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        expect(len(pair.holders()) == 1, f"one holder, not {[d.name for d in pair.holders()]}")
        time.sleep(0.05)


def a_key_is_changed_without_a_gap(pair):
    pair.start(keepalive="100ms", deadtime="2s")
    old, new = (f"/etc/sysconfig/ha/heartbeat.key{suffix}" for suffix in ("", ".2"))
    term = pair.primary.ask("status")["term"]

    def step(serial, now, following):
        lines = f"heartbeat_key = {now}\nheartbeat_key_next = {following}"
        for director in (pair.backup, pair.primary):
            director.configure(serial, more=lines, keepalive="100ms", deadtime="2s")
            if serial == 2:
                director.write(new, key, 0o600)
            director.service("reload")
            eventually("it is taken", lambda: director.ask("status")["config_serial"] == serial)
            heard = [path["heard"] for path in director.ask("status")["paths"]]
            eventually("the peer is believed", lambda: all(
                path["heard"] > before + 3 for path, before in zip(director.ask("status")["paths"], heard)))

    key = os.urandom(32)
    step(2, old, new)
    text, code = pair.primary.lvsctl("status")
    expect(f"signed with {new} are believed too (heartbeat_key_next); the peer does not sign with it" in text, text)
    step(3, new, old)
    step(4, new, "none")
    for director in pair.both:
        status = director.ask("status")
        expect(status["counters"]["refused"]["bad-hmac"] == 0, f"no heartbeat was refused: {status['counters']}")
    status = pair.primary.ask("status")
    expect(status["term"] == term and status["state"] == "active", "nobody moved")
    pair.backup.write(new, os.urandom(32), 0o600)
    pair.backup.service("reload")
    eventually("the key is in use", lambda: pair.primary.ask("status")["counters"]["refused"]["bad-hmac"] > 0)


def another_key_on_one_side_is_an_alarm_and_makes_one_holder(pair):
    pair.backup.write("/etc/sysconfig/ha/heartbeat.key", os.urandom(32), 0o600)
    for director in pair.both:
        director.configure(1, keepalive="200ms", deadtime="3s")
        director.service("start")
    for director in pair.both:
        eventually(f"{director.name} says why",
                   lambda: director.ask("status")["peer"]["not_believed"] == "bad-hmac")
        text, code = director.lvsctl("status")
        expect("! the peer is heard but not believed (bad-hmac): its key is another one: copy" in text, text)
        expect(code == 1, f"exit status {code}")
        eventually("it is in the log", lambda: any("<27>" in line and "event=peer-not-believed cause=bad-hmac" in line
                                                   for line in director.logged))
    eventually("one serves", lambda: len(pair.holders()) == 1 and pair.holders()[0].state() == "active")
    stays_with_one_holder(pair, 8)
    holder = pair.holders()[0]
    other = pair.backup if holder is pair.primary else pair.primary
    os.kill(holder.keeper(), signal.SIGKILL)
    other.reaches("active")


def drop_heartbeats(director):
    director.run("nft", "add table ip firewall; add chain ip firewall input { type filter hook input priority 0; }; "
                 f"add rule ip firewall input udp dport {PORT} drop")


def a_firewall_that_was_never_opened_makes_one_holder(pair):
    for director in pair.both:
        drop_heartbeats(director)
        director.configure(1, keepalive="200ms", deadtime="3s")
    pair.primary.service("start")
    pair.primary.reaches("active")
    pair.backup.service("start")
    eventually("the backup sees who holds the address",
               lambda: any("event=split-guard reason=peer-holds-address" in line for line in pair.backup.logged))
    stays_with_one_holder(pair, 5)
    expect(pair.backup.state() == "listening", "the backup waits")
    os.kill(pair.primary.keeper(), signal.SIGKILL)
    pair.backup.reaches("active")


@contextlib.contextmanager
def switch_that_answers_for(pair, director):
    """As switches with ARP suppression do: for each broadcast question for the VIP or the director's own address, whether
    it lives or not."""
    link = json.loads(run("ip", "-n", director.namespace, "-j", "link", "show", "eth0").stdout)[0]
    mac = bytes.fromhex(link["address"].replace(":", ""))
    answered = []
    with inside_network(pair.switch):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        tap.bind(("br0", 0x0806))

    def answer():
        with contextlib.suppress(OSError):
            while True:
                frame = tap.recv(2048)
                asked = socket.inet_ntoa(frame[38:42])
                if frame[:6] == b"\xff" * 6 and frame[21] == 1 and asked in (VIP, f"192.0.2.{director.number}"):
                    tap.send(frame[6:12] + mac + frame[12:20] + b"\0\2" + mac + frame[38:42] + frame[22:32])
                    answered.append(asked)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield answered
    finally:
        tap.close()


def a_switch_that_answers_for_the_dead_does_not_keep_the_backup_passive(pair):
    pair.start(keepalive="200ms", deadtime="3s")
    with switch_that_answers_for(pair, pair.primary) as answered:
        run("ip", "-n", pair.switch, "link", "set", "primary-br0", "down")
        run("ip", "-n", pair.switch, "link", "set", "primary-br1", "down")
        pair.backup.reaches("active")
        expect(VIP in answered, "the switch was asked, and answered")


def the_peers_hardware_addresses_are_known_after_a_change_and_after_a_boot(pair):
    pair.start()

    def known():
        return pair.backup.ask("status")["peer"]["macs"]

    run("ip", "-n", pair.primary.namespace, "link", "set", "eth0", "address", "02:00:00:00:07:07")
    eventually("the new one is told", lambda: "02:00:00:00:07:07" in known())
    told = known()
    eventually("and kept", lambda: "02:00:00:00:07:07" in pair.backup.run(
        "sh", "-c", "cat /var/lib/lvs/pulse/*-backup.peer", check=False).stdout)
    pair.backup.service("stop")
    pair.backup.run("rm", "-r", "/run/lvs")
    drop_heartbeats(pair.backup)
    pair.backup.service("start")
    pair.backup.reaches("listening")
    expect(known() == told, f"{known()} after a boot")


def comes_back_as_active(pair, killed):
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("active")
    end = time.monotonic() + 5.5  # Longer than a lease, and than the peer's patience.
    while time.monotonic() < end:
        expect(pair.primary.holds() and pair.backup.state() == "standby", "the address stays")


def an_arbiter_that_dies_over_a_broken_file_goes_on_with_the_last_good_one(pair):
    pair.start()
    pair.primary.write("/etc/sysconfig/ha/lvs.cf", "primary = 192.0.2.1\nkeepalive = soon\n")
    comes_back_as_active(pair, pair.primary.signal_arbiter(signal.SIGKILL))
    text, code = pair.primary.lvsctl("status")
    expect(re.search(r"! pulse runs with an older configuration: .*lvs\.cf:2: keepalive: ", text) and code == 1, text)
    eventually("it says so in the log", lambda: pair.primary.said("last-good-configuration"))
    pair.primary.configure(2)
    pair.primary.service("reload")
    eventually("the mended one is read", lambda: pair.primary.ask("status")["config_serial"] == 2)
    expect(not pair.primary.ask("status")["reload_errors"], "and all is well")


def a_file_that_is_edited_counts_when_the_operator_says_so(pair):
    """Not when a process happens to die, nor is a broken file the end of lvsd."""
    pair.start(more="backup = 192.0.2.2")
    for text, word in ((config(2, more=MORE), "is not what runs"), ("keepalive = soon\n", "keepalive")):
        pair.primary.write("/etc/sysconfig/ha/lvs.cf", text)
        for name in ("pulse", "lvsd"):
            killed = pair.primary.children()[name]
            os.kill(killed, signal.SIGKILL)
            eventually("the keeper starts another", lambda: pair.primary.children().get(name, killed) != killed)
        eventually("lvsd is back", lambda: pair.primary.ask("status")["able"])
        eventually("it is said", lambda: word in pair.primary.lvsctl("status")[0])
        expect("192.0.2.11" not in pair.primary.lvsctl("status")[0], "nothing new is served")
        expect(pair.primary.holds() and pair.primary.state() == "active", "all as it was")
    pair.primary.configure(3, more=MORE)
    pair.primary.service("reload")
    eventually("now it counts", lambda: pair.primary.holds("192.0.2.11"))
    expect("edited" not in pair.primary.lvsctl("status")[0], "and nothing is left to say")


def what_is_settled_at_the_start_is_refused_until_the_next(pair):
    """Else an arbiter that dies would come back with heartbeats of its own, and be deaf."""
    pair.start()
    pair.primary.configure(2, more="heartbeat_port = 540")
    expect(pair.primary.service("reload", check=False).returncode == 1, "the operator is told")
    eventually("both say so", lambda: pair.primary.lvsctl("status")[0].count(
        "heartbeat_port: another value needs a restart") == 2)
    text, code = pair.primary.lvsctl("plan")
    expect("a reload would be refused" in text and code == 1, text)
    pair.backup.configure(2, more="heartbeat_key = /etc/no-such-key")
    text, code = pair.backup.lvsctl("plan")
    expect("a reload would be refused" in text and "/etc/no-such-key" in text and code == 1, text)
    comes_back_as_active(pair, pair.primary.signal_arbiter(signal.SIGKILL))
    eventually("all paths are alive", lambda: all(
        path["alive"] for director in pair.both for path in director.ask("status")["paths"]))


def an_arbiter_that_dies_while_its_own_address_is_missing_comes_back(pair):
    pair.start()
    run("ip", "-n", pair.primary.namespace, "address", "del", "192.0.2.1/24", "dev", "eth0")
    comes_back_as_active(pair, pair.primary.signal_arbiter(signal.SIGKILL))
    run("ip", "-n", pair.primary.namespace, "address", "add", "192.0.2.1/24", "dev", "eth0")
    eventually("the public path comes back", lambda: all(p["alive"] for p in pair.backup.ask("status")["paths"]))


def switchover_and_back(pair):
    pair.start()
    expect(pair.primary.lvsctl("switchover") == ("the backup director serves\n", 0), "it is done when it says so")
    eventually("one holder", lambda: pair.holders() == [pair.backup])
    expect(pair.primary.lvsctl("switchover") == ("this director serves\n", 0), "and when the standby asks")
    eventually("one holder", lambda: pair.holders() == [pair.primary])


def a_switchover_that_comes_to_nothing_is_told(pair):
    pair.start()
    os.kill(pair.backup.arbiter(), signal.SIGSTOP)
    began = time.monotonic()
    expect(pair.primary.lvsctl("switchover") == ("", 1), "nobody took over")
    expect(time.monotonic() - began < 9, "told before the deadline")
    expect(pair.primary.holds(), "the service stays")


def a_held_standby_leaves_the_service_alone_until_it_is_released(pair):
    pair.start(keepalive="200ms", deadtime="3s")
    text, code = pair.backup.lvsctl("hold")
    expect((text, code) == ("held: this director stays standby, and does not take over, until lvsctl release\n", 0), f"{text} {code}")
    eventually("the log says who asked", lambda: any("event=asked what=hold" in line and "uid=0" in line for line in pair.backup.logged))
    killed = pair.backup.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.backup.arbiter() not in (0, killed))
    pair.backup.reaches("standby")
    text, code = pair.backup.lvsctl("status")
    expect(re.search(r"^! held by \S+ since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d: it takes over", text, re.MULTILINE) and code == 1, text)
    held = json.loads(pair.backup.lvsctl("status", "--json")[0])["pulse"]["held"]
    expect(held["by"] and abs(held["since"] - time.time()) < PATIENCE_S, f"{held}")
    eventually("the peer knows", lambda: "! the peer is held: it would not take over" in pair.primary.lvsctl("status")[0])
    expect(pair.primary.lvsctl("switchover")[1] == 1, "and hands nothing over to it")
    pair.primary.service("stop")
    eventually("what it does not do is told", lambda: pair.backup.said("held-back"))
    expect(not pair.holders(), "nobody serves")
    expect(pair.backup.lvsctl("release") == ("released\n", 0), "released")
    pair.backup.reaches("active", patience=5)


def events_tell_what_happened_and_outlive_the_daemons(pair):
    pair.start(keepalive="200ms", deadtime="3s")

    def events():
        return [json.loads(line) for line in pair.primary.lvsctl("events", "--json")[0].splitlines()]

    def told(daemon, event, **fields):
        return [one for one in events() if (one["daemon"], one["event"]) == (daemon, event)
                and fields.items() <= one["fields"].items()]

    expect(told("pulse", "takeover", to="active") and told("lvsd", "armed"), f"how it began: {events()}")
    follower = subprocess.Popen(pair.primary.inside("/usr/sbin/lvsctl", "events", "--follow"), stdout=subprocess.PIPE, text=True)
    known = next(line for line in follower.stdout if " pulse takeover " in line)
    expect("to=active" in known, f"it begins with what is known: {known}")
    pair.primary.lvsctl("switchover")
    line = next(line for line in follower.stdout if "handed-over" in line)
    follower.kill()
    follower.wait()
    expect(re.search(r"^\S+ \S+\.\d\d\d pulse standdown from=handing-over to=standby reason=handed-over$", line), line)
    expect(told("pulse", "asked", what="switchover", uid="0"), f"who asked: {events()}")
    expect(told("lvsd", "disarmed"), f"lvsd too: {events()}")

    before = events()
    killed = pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("standby")
    after = events()
    expect(all(one in after for one in before), f"nothing is lost: {before} {after}")
    threads = run("ps", "--ppid", str(pair.primary.arbiter()), "-o", "stat=", check=False).stdout.split()
    expect(not any(state.startswith("Z") for state in threads), f"no writer is left: {threads}")

    pair.primary.service("stop")
    expect(told("pulse", "stopped") and told("lvsd", "stop"), f"after the end from the files: {events()}")
    pair.primary.write("/var/lib/lvs/events/pulse", "rubbish\n")
    pair.primary.service("start")
    pair.primary.reaches("standby")
    expect([one["event"] for one in events() if one["daemon"] == "pulse"][0] == "events-unreadable", f"begun anew: {events()}")


def commands_are_run_at_start_and_have_time_at_stop(pair):
    """inactive_cmd waits for a file that comes after the stop began: who is killed with the daemon never sees it."""
    pair.primary.write("/run/note", "#!/bin/sh\necho told >>/run/told\nwhile ! test -e /run/go; do sleep 0.05; done\necho ended >>/run/told\n", 0o755)
    pair.primary.configure(1, deadtime="1s", checks="", witness="inactive_cmd = /run/note")
    pair.primary.service("start")
    pair.primary.reaches("active")
    told = lambda: pair.primary.run("cat", "/run/told", check=False).stdout.split()
    eventually("it is told at start", lambda: told() == ["told"])
    os.kill(pair.primary.keeper(), signal.SIGTERM)
    eventually("and when it stops", lambda: told() == ["told", "told"])
    expect(pair.primary.arbiter() != 0, "the arbiter gives it time")
    pair.primary.write("/run/go", "")
    eventually("it ends", lambda: told() == 2 * ["told"] + 2 * ["ended"])
    pair.primary.configure(2, deadtime="1s", witness="inactive_cmd = /usr/bin/no-such-program")
    eventually("pulse has ended", lambda: not os.path.exists(f"/proc/{pair.primary.holder.pid}/root/run/pulse.pid"))
    pair.primary.service("start")
    eventually("a mistyped one is told", lambda: any(
        "event=command-failed command=/usr/bin/no-such-program" in line for line in pair.primary.logged))


def bad_heartbeats_are_counted_and_change_nothing(pair):
    pair.start()
    with inside_network(pair.primary.namespace):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        tap.bind(("eth0", 0x0800))
    with inside_network(pair.backup.namespace):
        sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        sender.bind(("192.0.2.2", 0))
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        run("ip", "-n", pair.backup.namespace, "address", "add", "192.0.2.77/24", "dev", "eth0")
        stranger.bind(("192.0.2.77", PORT))
    recorded = []
    while len(recorded) < 5:
        packet, where = tap.recvfrom(2048)
        # IPv4 without options from the backup, UDP: the datagram begins at 28.
        if where[2] != socket.PACKET_OUTGOING and packet[9] == 17 and packet[12:16] == socket.inet_aton("192.0.2.2"):
            recorded.append(packet[28:])
    before = pair.primary.ask("status")

    def send(data):
        sender.sendto(struct.pack("!HHHH", PORT, PORT, 8 + len(data), 0) + data, ("192.0.2.1", 0))

    for junk in (b"", b"x", recorded[0][:40], b"\0" * 100, os.urandom(300), os.urandom(1400)):
        send(junk)
    for bit in range(0, len(recorded[0]) * 8, 97):
        forged = bytearray(recorded[-1])
        forged[bit // 8] ^= 1 << bit % 8
        send(bytes(forged))
    for old in recorded * 3:
        send(old)
    stranger.sendto(recorded[-1], ("192.0.2.1", PORT))

    def refused(kind):
        return pair.primary.ask("status")["counters"]["refused"][kind] - before["counters"]["refused"][kind]

    eventually("replays are counted", lambda: refused("replay") >= 15)
    eventually("forgeries are counted", lambda: refused("bad-hmac") >= 5)
    eventually("junk is counted", lambda: refused("malformed") >= 6)
    eventually("strangers are counted", lambda: sum(s["foreign"] for s in pair.primary.ask("status")["sockets"]) == 1)
    after = pair.primary.ask("status")
    for field in ("state", "term", "holding"):
        expect(after[field] == before[field], f"{field}: {after[field]}")
    expect(pair.backup.state() == "standby" and pair.holders() == [pair.primary], "nobody moved")


def nobody_else_can_bind_the_heartbeat_port(pair):
    pair.start(more="heartbeat_port = 5539\n")
    with inside_network(pair.primary.namespace):
        thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        thief.bind(("192.0.2.1", 5539))
    except OSError as error:
        expect(error.errno == errno.EADDRINUSE, f"{error}")
    else:
        raise AssertionError("the port can be taken")
    # And a successor gets it.
    killed = pair.primary.signal_arbiter(signal.SIGKILL)
    eventually("the keeper starts another", lambda: pair.primary.arbiter() not in (0, killed))
    pair.primary.reaches("active")


def reload_changes_the_addresses_by_difference(pair):
    pair.start()
    pair.primary.configure(2, more=MORE)
    pair.primary.service("reload")
    eventually("the new address comes", lambda: pair.primary.holds("192.0.2.11"))
    expect(pair.primary.holds(), "the old one stays")
    pair.primary.configure(3)
    expect("reloaded: serial 3 runs" in pair.primary.service("reload").stdout, "and what runs")
    eventually("and goes", lambda: not pair.primary.holds("192.0.2.11"))
    pair.primary.configure(4, more="nonsense = 1\n")
    refused = pair.primary.service("reload", check=False)
    expect(refused.returncode == 1 and re.search(r"lvs\.cf:\d+: nonsense", refused.stderr), f"it is told: {refused}")
    errors = pair.primary.ask("status")["reload_errors"]
    expect(re.search(r"lvs\.cf:\d+: nonsense", errors[0]), f"with file and line: {errors}")
    status = pair.primary.ask("status")
    expect(status["config_serial"] == 3 and pair.primary.holds() and status["state"] == "active", "the old one runs on")
    pair.primary.service("reload", check=False)
    eventually("it is refused again", lambda: pair.primary.said("reload-refused") == 2)
    eventually("by both daemons", lambda: pair.primary.said("reload-failed-again") == 1)
    expect(pair.primary.said("configuration") == 1 and pair.primary.said("reload-failed") == 1,
           "what is wrong with it is told once, by each daemon")


def one_dead_path_is_an_alarm_and_no_takeover(pair):
    pair.start()
    run("ip", "-n", pair.primary.namespace, "address", "del", "10.0.0.1/24", "dev", "eth1")
    eventually("the private path is dead", lambda: [p["alive"] for p in pair.backup.ask("status")["paths"]] == [True, False])
    expect(pair.backup.state() == "standby" and pair.primary.state() == "active", "nobody moved")
    run("ip", "-n", pair.primary.namespace, "address", "add", "10.0.0.1/24", "dev", "eth1")
    eventually("it comes back with its address", lambda: pair.backup.ask("status")["paths"][1]["alive"])


def a_director_that_no_witness_answers_hands_over(pair):
    pair.start()
    run("ip", "-n", pair.primary.namespace, "route", "add", "blackhole", f"{WITNESS}/32")
    pair.backup.reaches("active")
    status = pair.primary.ask("status")
    expect(status["state"] == "standby" and status["reasons"] == "no-witness", f"{status['state']}, {status['reasons']}")
    run("ip", "-n", pair.primary.namespace, "route", "del", "blackhole", f"{WITNESS}/32")
    eventually("it is able again", lambda: pair.primary.ask("status")["able"])
    run("ip", "-n", pair.switch, "address", "del", f"{WITNESS}/24", "dev", "br0")
    eventually("nobody has a witness", lambda: not any(d.ask("status")["able"] for d in pair.both))
    expect(len(pair.holders()) == 1, "serving on is better than nobody")


def what_cannot_start_says_why_and_touches_nothing(pair):
    primary = pair.primary

    def refuses(pattern, status=1):
        done = primary.service("start", check=False)
        expect(done.returncode == status, f"exit status {done.returncode}: {done.stdout}{done.stderr}")
        expect(re.search(pattern, done.stdout + done.stderr), f"{pattern} in {done.stdout}{done.stderr}")
        expect(not primary.holds(), "no address")
        expect(primary.service("status", check=False).returncode == 3, "not running")
        expect(run("ip", "netns", "pids", primary.namespace).stdout.split() == [str(primary.holder.pid)], "no process")

    key = "/etc/sysconfig/ha/heartbeat.key"
    primary.write(key, pair.key, 0o644)
    refuses(r"must belong to root alone: .*chmod 600")
    primary.run("rm", key)
    refuses(r"heartbeat\.key: No such file.*lvsctl key.*heartbeat_key = none")
    primary.write(key, pair.key, 0o600)
    primary.write("/etc/sysconfig/ha/lvs.cf", "primary = 192.0.2.1\nkeepalive = soon\nservice = lvs\n")
    refuses(r"lvs\.cf:2: keepalive: ")
    primary.write("/etc/sysconfig/ha/lvs.cf", "primary = 192.0.2.1\nservice = lvs\n")
    refuses(r"no active lvs services defined")
    primary.run("rm", "/etc/sysconfig/ha/lvs.cf")
    refuses(r"lvs\.cf is missing", 6)
    done = primary.run("/usr/sbin/pulse", "--check", check=False)
    expect(done.returncode == 1 and "No such file" in done.stderr, f"--check: {done.stderr}")


def an_own_address_that_comes_late_is_waited_for(pair):
    primary = pair.primary
    run("ip", "-n", primary.namespace, "address", "del", "192.0.2.1/24", "dev", "eth0")
    done = primary.service("start")
    expect(re.search(r"waiting: .*neither director: .*192\.0\.2\.1.*192\.0\.2\.2", done.stdout + done.stderr),
           f"it says what for: {done.stdout}{done.stderr}")
    status = primary.ask("status")
    expect(status["state"] == "waiting" and "192.0.2.1" in status["reason"], f"{status}")
    text, code = primary.lvsctl("status")
    expect(re.search("^pulse +waiting, because this machine is neither", text) and code == 1, text)
    expect("! this director is not able to serve: own-address-missing" in text, text)
    expect(not primary.ask("switchover")["ok"], "there is nothing to switch")
    primary.service("stop")
    expect(run("ip", "netns", "pids", primary.namespace).stdout.split() == [str(primary.holder.pid)], "it can be stopped")
    primary.service("start")
    run("ip", "-n", primary.namespace, "address", "add", "192.0.2.1/24", "dev", "eth0")
    primary.reaches("active")
    eventually("and serves", primary.holds)


NAMES = {"192.0.2.1": "director-a.example.test", "192.0.2.2": "director-b.example.test",
         "10.0.0.2": "inner-b.example.test", WITNESS: "gateway.example.test"}


@contextlib.contextmanager
def name_server(pair, **addresses):
    """At the witness's address. Without addresses it takes questions and is silent."""
    with inside_network(pair.switch):
        silent = socket.socket(type=socket.SOCK_DGRAM)
    if not addresses:
        silent.bind((WITNESS, 53))
        with silent:
            yield
        return
    silent.close()
    server = subprocess.Popen(
        ["ip", "netns", "exec", pair.switch, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
         "--no-hosts", "--user=root", "--pid-file=", "--bind-interfaces", f"--listen-address={WITNESS}",
         *(f"--address=/{name}.example.test/{address}" for name, address in addresses.items())], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def name_everything(director, serial=1):
    text = config(serial, keepalive="200ms", deadtime="3s")
    for address, name in NAMES.items():
        text = re.sub(rf"(?m)^((?:primary|backup|witness).*= ){re.escape(address)}\b", rf"\g<1>{name}", text)
    director.write("/etc/sysconfig/ha/lvs.cf", text)
    director.write("/etc/resolv.conf", f"nameserver {WITNESS}\n")


def names_stand_for_directors_and_never_move_the_service(pair):
    right = {"director-a": "192.0.2.1", "director-b": "192.0.2.2", "inner-b": "10.0.0.2", "gateway": WITNESS}
    for director in pair.both:
        name_everything(director)
    with name_server(pair):
        pair.primary.service("start")
        status = pair.primary.ask("status")
        expect(status["state"] == "waiting" and "director-a.example.test (no address yet)" in status["reason"], f"{status}")
        expect(not pair.primary.holds(), "who does not know which director it is holds nothing")
    with name_server(pair, **right):
        pair.backup.service("start")
        pair.primary.reaches("active")
        pair.backup.reaches("standby")
        eventually("all paths are alive", lambda: all(
            path["alive"] for director in pair.both for path in director.ask("status")["paths"]))
        eventually("both are able", lambda: all(director.ask("status")["able"] for director in pair.both))
        expect(not any(director.ask("status")["names_unresolved"] for director in pair.both), "nothing is told")

    def nobody_moved(what):
        expect(pair.primary.holds() and not pair.backup.holds() and pair.backup.state() == "standby", f"{what}: nobody moved")

    with name_server(pair):
        for director in pair.both:
            killed = director.signal_arbiter(signal.SIGKILL)
            eventually("the keeper starts another", lambda: director.arbiter() not in (0, killed))
        pair.primary.reaches("active")
        pair.backup.reaches("standby")
        nobody_moved("after a restart with the last addresses")
        told = eventually("the silence is told", lambda: pair.backup.ask("status")["names_unresolved"])
        expect(any(re.search(r"director-a\.example\.test does not resolve .*: 192\.0\.2\.1 is kept", one) for one in told), f"{told}")
        expect("director-a.example.test does not resolve" in pair.backup.lvsctl("status")[0], "to the operator too")
    with name_server(pair, **{**right, "director-a": "192.0.2.77", "gateway": "192.0.2.78"}):
        for director in pair.both:
            eventually("the mistake is read", lambda: any("event=name-address" in line and "192.0.2.77" in line
                                                          for line in director.logged))
        end = time.monotonic() + 4  # Longer than deadtime, and than a witness may be silent.
        while time.monotonic() < end:
            nobody_moved("who is heard is heard")
        for director in pair.both:
            status = director.ask("status")
            expect(status["able"] and all(path["alive"] for path in status["paths"]), f"{director.name}: {status}")


def a_backup_that_cannot_name_its_peer_is_no_second_holder(pair):
    """The primary has all names in its hosts file; the backup only its own, and a name server that is silent."""
    hosts = "".join(f"{address} {name}\n" for address, name in NAMES.items())
    for director, known in ((pair.primary, hosts), (pair.backup, f"192.0.2.2 {NAMES['192.0.2.2']}\n10.0.0.2 {NAMES['10.0.0.2']}\n")):
        name_everything(director)
        director.write("/etc/hosts", known)
        text = pathlib.Path(f"/proc/{director.holder.pid}/root/etc/sysconfig/ha/lvs.cf")
        named = text.read_text(encoding="utf-8").replace("= 10.0.0.1\n", "= inner-a.example.test\n")
        text.write_text(re.sub("(?m)^witness.*$", "", named), encoding="utf-8")
    pair.primary.write("/etc/hosts", hosts + "10.0.0.1 inner-a.example.test\n")
    with name_server(pair):
        pair.primary.service("start")
        pair.primary.reaches("active")
        pair.backup.service("start")
        eventually("it asks who holds the address", lambda: any(
            "event=split-guard reason=peer-holds-address" in line for line in pair.backup.logged))
        stays_with_one_holder(pair, 1)
        expect(pair.backup.state() == "listening", "and waits")
        expect("! director-a.example.test does not resolve" in pair.backup.lvsctl("status")[0], "it says why")
        pair.backup.write("/etc/hosts", hosts + "10.0.0.1 inner-a.example.test\n")
        eventually("it hears its peer when the names resolve", lambda: pair.backup.state() == "standby" and all(
            path["alive"] for path in pair.backup.ask("status")["paths"]))
        expect(pair.holders() == [pair.primary], "nobody moved")


def a_director_that_is_frozen_is_stopped_all_the_same(pair):
    primary = pair.primary
    primary.run("sed", "-i", "s/^STOP_PATIENCE=300/STOP_PATIENCE=10/", "/etc/init.d/pulse")
    pair.start()
    for pid in (primary.keeper(), *primary.children().values()):
        os.kill(pid, signal.SIGSTOP)
    stopped = primary.service("stop", check=False)
    expect("FAILED (killed)" in stopped.stdout, f"what had to be killed is told: {stopped.stdout}{stopped.stderr}")
    expect("lvsd runs" not in stopped.stderr, f"no lvsd is left over: {stopped.stderr}")
    expect("ipvs0" not in primary.run("ip", "-o", "link").stdout, "and no core")
    primary.service("start")
    eventually("it starts again", lambda: primary.state() in ("standby", "active"))


def the_init_script_has_its_verbs(pair):
    primary = pair.primary
    expect(primary.service("status", check=False).returncode == 3, "stopped")
    expect(primary.service("reload", check=False).returncode == 7, "nothing to reload")
    expect(primary.service("condrestart").returncode == 0, "condrestart of nothing")
    expect(primary.service("status", check=False).returncode == 3, "still stopped")
    expect(primary.service("dance", check=False).returncode == 2, "usage")
    expect(primary.service("stop").returncode == 0, "stopping nothing is no error")
    primary.service("start")
    before = primary.keeper()
    expect(primary.service("status").returncode == 0, "running")
    expect("already" in primary.service("start").stdout and primary.keeper() == before, "a second start is none")
    for verb in ("status", "start", "stop", "restart", "reload", "condrestart"):
        done = primary.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/etc/init.d/pulse", verb, check=False)
        expect(done.returncode == 4 and primary.keeper() == before, f"{verb} by another user: {done.returncode} {done.stdout}")
    done = primary.run("/usr/sbin/pulse", check=False)
    expect(done.returncode == 1 and "held by a running process" in done.stderr, f"a second pulse: {done.stderr}")
    primary.reaches("active")
    primary.service("restart")
    expect(primary.keeper() != before, "restarted")
    os.kill(primary.keeper(), signal.SIGKILL)
    eventually("dead with a pid file", lambda: primary.service("status", check=False).returncode == 1)


STORIES = [value for value in list(globals().values())
           if callable(value) and getattr(value, "__code__", None) and value.__code__.co_varnames[:1] == ("pair",)
           and value.__code__.co_argcount == 1]


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    binaries, wanted = sys.argv[1], sys.argv[2:]
    failed = []
    for story in STORIES:
        if wanted and story.__name__ not in wanted:
            continue
        begun = time.monotonic()
        with Pair(binaries) as pair:
            try:
                story(pair)
                verdict = "ok"
            except AssertionError as failure:
                verdict = f"FAILED: {failure}"
                for director in pair.both:
                    print(f"--- {director.name} logged:", *director.logged, sep="\n", flush=True)
                failed.append(story.__name__)
        print(f"{story.__name__.replace('_', ' ')}: {verdict} ({time.monotonic() - begun:.1f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
