"""Two real pulses with their real lvsd, on a public and a private segment, in network namespaces of their own.

Nothing outside these namespaces is touched: each director has its own /run and overlays of /etc, /var and /usr/sbin.
"""
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
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
connections = 16384
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
