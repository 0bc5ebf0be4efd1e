#!/usr/bin/env python3
"""lvsd, nanny and the embedded core on real packets: a client, a director and two web servers in network namespaces.

Usage: lvsd.py BIN-FOLDER [STORY...]. Each story is a function; the director lives on from one to the next, as a real
one does. Nothing outside these namespaces is touched: the director has its own /run and overlays of /etc.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 60
START_S = 300  # On an emulated kernel the programs of the core take a minute to load.
SILENCE_S = 2  # So long does nobody answer where nobody should.
VIP = "192.0.2.1"
PREFIX = f"lvsd-{os.getpid()}-"

CONFIG = """
serial_no = {serial}
primary = 10.0.0.254
connections = 16384
service = lvs
network = nat
virtual web {{
     active = 1
     address = {vip} eth0:1
     port = 80
     scheduler = rr
     timeout = 20s
     interval = 100ms
     fall = 2
     rise = 1
     send = "GET / HTTP/1.0\\r\\n\\r\\n"
     expect = "HTTP"
{extra}
     server one {{
         address = 10.0.0.1
         active = 1
         weight = {weight}
     }}
     server two {{
         address = 10.0.0.2
         active = 1
     }}
}}
{more}
"""


def run(*command, check=True, **options):
    done = subprocess.run(command, text=True, capture_output=True, **options)
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
        time.sleep(0.02)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class Net:
    """client 192.0.2.100 -- 192.0.2.254 director 10.0.0.254 -- bridge -- servers 10.0.0.1, 10.0.0.2"""

    NODES = ("client", "director", "one", "two")

    def __init__(self):
        self.names = {node: PREFIX + node for node in self.NODES}

    def inside(self, node, *command):
        return ["ip", "netns", "exec", self.names[node], *command]

    def build(self):
        for node in self.NODES:
            run("ip", "netns", "add", self.names[node])
            run(*self.inside(node, "ip", "link", "set", "lo", "up"))
        self.link("client", "eth0", "192.0.2.100/24", "director", "eth0", "192.0.2.254/24")
        director = self.names["director"]
        run("ip", "-n", director, "link", "add", "br0", "type", "bridge")
        for port, node in (("eth1", "one"), ("eth2", "two")):
            address = "10.0.0.1/24" if node == "one" else "10.0.0.2/24"
            self.link(node, "eth0", address, "director", port, None)
            run("ip", "-n", director, "link", "set", port, "master", "br0")
            run("ip", "-n", self.names[node], "route", "add", "default", "via", "10.0.0.254")
        run("ip", "-n", director, "addr", "add", "10.0.0.254/24", "dev", "br0")
        run("ip", "-n", director, "link", "set", "br0", "up")
        run("ip", "-n", director, "addr", "add", f"{VIP}/32", "dev", "eth0", "label", "eth0:1")

    def link(self, a, a_device, a_address, b, b_device, b_address):
        run("ip", "link", "add", a_device, "netns", self.names[a], "type", "veth", "peer", "name", b_device, "netns",
            self.names[b])
        for node, device, address in ((a, a_device, a_address), (b, b_device, b_address)):
            if address:
                run("ip", "-n", self.names[node], "addr", "add", address, "dev", device)
            run("ip", "-n", self.names[node], "link", "set", device, "up")

    def remove(self):
        for name in self.names.values():
            run("ip", "netns", "del", name, check=False)


class Lab:
    def __init__(self, binaries):
        self.binaries = os.path.abspath(binaries)
        self.net = Net()
        self.folder = tempfile.mkdtemp(prefix="lvsd-test-", dir="/dev/shm")
        self.children = {}
        self.holder = None
        self.serial = 0

    # The director's own files: a mount namespace that lives as long as the test.
    def enter_director(self, *command):
        return ["nsenter", f"--target={self.holder.pid}", "--mount", "--net", "--root", "--", *command]

    def up(self):
        self.net.build()
        script = (
            f"mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && mkdir -p {self.folder}/up {self.folder}/work && "
            f"mount -t overlay overlay -o lowerdir=/etc,upperdir={self.folder}/up,workdir={self.folder}/work /etc && "
            "mkdir -p /etc/sysconfig/ha /etc/iptables && echo ready && exec sleep infinity"
        )
        self.holder = subprocess.Popen(self.net.inside("director", "unshare", "--mount", "sh", "-c", script),
                                       stdout=subprocess.PIPE, text=True)
        expect(self.holder.stdout.readline() == "ready\n", "the director has its own files")
        for node in ("one", "two"):
            self.start_server(node)
        self.configure()

    def down(self):
        for child in [*self.children.values(), self.holder]:
            if child and child.poll() is None:
                child.kill()
                child.wait()
        self.net.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_server(self, node):
        www = f"{self.folder}/www-{node}"
        os.makedirs(www, exist_ok=True)
        with open(f"{www}/index.html", "w", encoding="utf-8") as page:
            page.write(node)
        conf = f"{self.folder}/nginx-{node}.conf"
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"daemon off; master_process off; pid {self.folder}/{node}.pid; error_log /dev/null;\n"
                       f"events {{}}\nhttp {{ access_log off; client_body_temp_path {www}/b; proxy_temp_path {www}/p;"
                       f" fastcgi_temp_path {www}/f; uwsgi_temp_path {www}/u; scgi_temp_path {www}/s;\n"
                       f"server {{ listen 80; listen 443; listen 8080; root {www}; }} }}\n")
        self.children[node] = subprocess.Popen(self.net.inside(node, "nginx", "-c", conf), stderr=subprocess.DEVNULL)

    def kill_server(self, node):
        self.children[node].kill()
        self.children[node].wait()

    def configure(self, weight=1, extra="", more="", text=None):
        self.serial += 1
        text = text or CONFIG.format(serial=self.serial, vip=VIP, weight=weight, extra=extra, more=more)
        path = f"{self.folder}/lvs.cf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        run(*self.enter_director("cp", path, "/etc/sysconfig/ha/lvs.cf"))

    def text_of_configuration(self):
        with open(f"{self.folder}/lvs.cf", encoding="utf-8") as file:
            return file.read()

    def start_lvsd(self, *options, until=None):
        self.log = open(f"{self.folder}/lvsd.log", "a", encoding="utf-8")
        self.children["lvsd"] = subprocess.Popen(self.enter_director(f"{self.binaries}/lvsd", "-n", *options),
                                                  stderr=self.log)
        eventually("lvsd is seen", until or (lambda: self.status()["ok"]), START_S)

    @property
    def lvsd(self):
        return self.children["lvsd"]

    def log_text(self):
        with open(f"{self.folder}/lvsd.log", encoding="utf-8") as file:
            return file.read()

    def hang_up(self):
        os.kill(self.lvsd.pid, signal.SIGHUP)

    def ask(self, **request):
        """One question to the control socket, from inside the director's namespace."""
        code = ("import json,os,socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.settimeout(60)\n"
                "s.connect(f'/run/lvs/{os.stat(\"/proc/self/ns/net\").st_ino}/lvsd')\n"
                "s.sendall(sys.argv[1].encode()+b'\\n')\n"
                "print(s.makefile().readline())")
        done = run(*self.enter_director(sys.executable, "-c", code, json.dumps(request)), check=False)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def status(self):
        return self.ask(do="status")

    def servers(self, service="TCP 192.0.2.1:80"):
        for entry in self.status()["services"]:
            if entry["service"] == service:
                return {server["name"] or server["standing"]: server for server in entry["servers"]}
        return {}

    def in_table(self, service="TCP 192.0.2.1:80"):
        return sorted(name for name, server in self.servers(service).items() if server["in_table"])

    def lvsadm(self, *arguments, check=True):
        return run(*self.enter_director(f"{self.binaries}/lvsadm", *arguments), check=check).stdout

    def get(self, port=80, source="192.0.2.100", patience=PATIENCE_S):
        """The name of the server that answers a request to the VIP, or the word 'nothing'."""
        done = run(*self.net.inside("client", "curl", "--silent", "--max-time", str(patience), "--interface", source,
                                    f"http://{VIP}:{port}/"), check=False)
        return done.stdout if done.returncode == 0 else "nothing"


    @contextlib.contextmanager
    def without_library(self, name):
        """As if this shared library were not installed on the director."""
        listed = run("ldconfig", "--print-cache").stdout
        path = os.path.realpath(re.search(rf"{re.escape(name)} .* => (.*)", listed).group(1))
        run(*self.enter_director("mount", "--bind", "/dev/null", path))
        yield
        run(*self.enter_director("umount", path))


# Stories, in the order in which they happen.

def without_libnftables_lvsd_says_what_to_install(lab):
    with lab.without_library("libnftables.so.1"):
        refused = run(*lab.enter_director(f"{lab.binaries}/lvsd", "-n"), check=False, timeout=PATIENCE_S)
    expect(refused.returncode == 1 and "install libnftables1" in refused.stderr, refused.stderr)


def table_appears_and_serves(lab):
    lab.start_lvsd()
    eventually("both servers in the table", lambda: lab.in_table() == ["one", "two"])
    status = lab.status()
    expect(status["ready"] and status["armed"] and status["core"] == "embedded", f"ready and armed: {status}")
    expect({lab.get() for _ in range(6)} == {"one", "two"}, "both servers answer through the VIP")
    for words in ("starting virtual service web active: 80", "create_monitor for web/one running as pid",
                  "[ active ] making 10.0.0.1:80 available"):
        expect(words in lab.log_text(), f"the log says: {words}")


def nanny_has_no_privileges(lab):
    pid = lab.status()["nanny"]["pid"]
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    expect(fields["Uid"].split()[0] != "0", f"nanny is not root: {fields['Uid']}")
    expect(int(fields["CapEff"], 16) == 0 and int(fields["CapPrm"], 16) == 0, "nanny has no capabilities")
    expect(fields["NoNewPrivs"] == "1", "nanny cannot gain privileges")
    with open(f"/proc/{pid}/environ", encoding="utf-8") as file:
        names = sorted(entry.split("=")[0] for entry in file.read().split("\0") if entry)
    expect(names == ["LANG", "PATH"], f"nanny is given a plain environment: {names}")
    with open("/etc/passwd", encoding="utf-8") as file:
        has_user = any(line.startswith("nanny:") for line in file)
    expect(lab.status()["nanny"]["user"] == ("nanny" if has_user else "nobody"), "the status says whose it is")
    expect(has_user or "event=nanny-user missing=nanny used=nobody" in lab.log_text(), "a missing user is said")


def where_says_beforehand_who_answers(lab):
    """Asked, then done: clients with ports of their own, also while nobody runs lvsd."""
    def where(port, to=VIP, *options):
        done = run(*lab.enter_director(f"{lab.binaries}/lvsadm", "--where", f"192.0.2.100:{port}", "-t", f"{to}:80", "--json",
                                       *options), check=False)
        expect(done.returncode == (0 if json.loads(done.stdout)["forwarded"] else 1) and not done.stderr, f"{done}")
        return json.loads(done.stdout)

    def answered(port):
        done = run(*lab.net.inside("client", "curl", "--silent", "--max-time", str(PATIENCE_S), "--local-port", str(port),
                                   f"http://{VIP}:80/"))
        return done.stdout

    def all_that_is_counted():
        ports = sorted(re.findall(r"192\.0\.2\.100:\d+", lab.lvsadm("-L", "-c", "-n")))
        return lab.lvsadm("-L", "-n", "--stats", "--exact"), lab.lvsadm("-L", "-n"), lab.lvsadm("--drops"), ports

    def settled():
        first = all_that_is_counted()
        return first if first == all_that_is_counted() else None

    nodes = {"10.0.0.1": "one", "10.0.0.2": "two"}
    seen = []
    for port in range(47001, 47007):
        before = eventually("the last packets are counted", settled)
        told = where(port)
        expect(all_that_is_counted() == before, "a question counts nothing and begins nothing")
        expect(told["chosen_by"] == "scheduler" and told["way"]["device"] == "br0", f"{told}")
        name = answered(port)
        expect(nodes[told["server"]["address"]] == name, f"{name} answers, told was {told}")
        seen.append(name)
        known = where(port)
        expect(known["connection"]["destination"]["address"] == told["server"]["address"], f"{known}")
    expect(set(seen) == {"one", "two"}, f"both take their turn: {seen}")
    text = lab.lvsadm("--where", "192.0.2.100:47100", f"{VIP}:80")
    expect("chosen by   the scheduler rr, if it came now\n" in text and "way         Masq, by device br0 to 10.0.0." in text,
           text)
    expect(where(47100, "192.0.2.77")["refused"] == "not-own-address", "what is not here is said")
    expect(where(47100, "192.0.2.254")["refused"] == "passed-no-service", "what is no service is said")


class Traced:
    """`lvsadm --trace` at work in the director."""

    def __init__(self, lab, *words):
        self.out = tempfile.TemporaryFile("w+")
        self.err = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(lab.enter_director(f"{lab.binaries}/lvsadm", "--trace", *words, "--json"), stdout=self.out,
                                        stderr=self.err)
        eventually("it traces, or says why not", lambda: "\n" in self.said() or self.process.poll() is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def said(self):
        return self.text(self.err)

    @staticmethod
    def text(file):
        file.seek(0)
        return file.read()

    def packets(self, **wanted):
        """Those with these values, so far."""
        told = [json.loads(line) for line in self.text(self.out).split("\n")[:-1]]
        return [one for one in told if all(one.get(name) == value for name, value in wanted.items())]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


def trace_shows_what_becomes_of_packets(lab):
    """Two clients and a service without servers; the packets are what they are without a trace."""
    def attached():
        filters = [run(*lab.enter_director("tc", "filter", "show", "dev", device, way)).stdout
                   for device in ("eth0", "br0", "ipvs0", "ipvs1") for way in ("ingress", "egress")]
        return [re.findall(r"\bid \d+", one) for one in filters]

    client, other, refused = "192.0.2.100", "192.0.2.101", f"{VIP}:8181"
    run("ip", "-n", lab.net.names["client"], "addr", "add", f"{other}/24", "dev", "eth0")
    lab.lvsadm("-A", "-t", refused, "-s", "rr")
    before = attached()
    with Traced(lab, client) as trace:
        expect({lab.get(source=other) for _ in range(2)} == {"one", "two"}, "the other client is served")
        expect({lab.get(source=client) for _ in range(2)} == {"one", "two"}, "so is the one that is looked at")
        expect(lab.get(8181, patience=SILENCE_S) == "nothing", "without a server nobody answers")
        eventually("all is told", lambda: trace.packets(verdict="answered"))
        expect(attached() == before, "nothing is attached beside what was")
        again = run(*lab.enter_director(f"{lab.binaries}/lvsadm", "--trace"), check=False)
        expect(again.returncode == 2 and f"another trace runs, of process {trace.process.pid}" in again.stderr, f"{again}")
        expect(trace.end() == 0, trace.said())
        told = trace.packets()
        expect(told and all(client in (one["from"]["address"], one["to"]["address"]) for one in told), f"of this client: {told}")
        expect(f"{len(told)} packets shown" in trace.said() and "no-destination 1\n" in trace.said(), trace.said())
        syn = trace.packets(device="eth0", tcp_flags="S", to={"address": VIP, "port": 80})
        expect([one["verdict"] for one in syn] == ["left-to-stack"] * 2 and syn[0]["connection"] == "none", f"{syn}")
        begun = trace.packets(device="ipvs0", connection="new", tcp_flags="S")
        expect({one["server"]["address"] for one in begun} == {"10.0.0.1", "10.0.0.2"}, f"{begun}")
        expect(all(one["verdict"] in ("forwarded", "waits") and one["server"]["forward"] == "Masq" for one in begun), f"{begun}")
        onward = trace.packets(device="eth0", connection="known", verdict="forwarded", reply=False)
        expect(len(onward) >= 6, f"mid-flow: {onward}")
        replies = trace.packets(reply=True, verdict="forwarded", virtual={"address": VIP, "port": 80})
        expect({one["from"]["address"] for one in replies} == {"10.0.0.1", "10.0.0.2"}, f"{replies}")
        last = trace.packets(verdict="answered")
        expect([one["reasons"] for one in last] == [["no-destination"]] and last[0]["device"] == "ipvs0", f"{last}")
    with Traced(lab, "drops", "-t", refused, "--count", "1") as trace:
        expect(lab.get() in ("one", "two") and lab.get(8181, patience=SILENCE_S) == "nothing", "one is served, one is not")
        expect(trace.process.wait(PATIENCE_S) == 0, "it ends by itself")
        expect([one["reasons"] for one in trace.packets()] == [["no-destination"]], f"{trace.packets()}")
    lab.lvsadm("-D", "-t", refused)
    with Traced(lab, client) as trace:
        trace.process.kill()
        trace.process.wait()
        expect(attached() == before and lab.get() in ("one", "two"), "killed, it leaves nothing behind")

    def may_trace():
        with Traced(lab, client) as another:
            return another.end() == 0
    eventually("its lease is over", may_trace)


def trace_names_a_server_without_a_way_back(lab):
    for node in ("one", "two"):
        run("ip", "-n", lab.net.names[node], "route", "del", "default")
    with Traced(lab, "192.0.2.100") as trace:
        expect(lab.get(patience=SILENCE_S) == "nothing", "no reply comes back")
        expect(trace.end() == 0, trace.said())
        expect("(Masq) and no reply of it came back" in trace.said() and "ip route get CLIENT" in trace.said(), trace.said())
    for node in ("one", "two"):
        run("ip", "-n", lab.net.names[node], "route", "add", "default", "via", "10.0.0.254")
    expect(lab.get() in ("one", "two"), "the way back is there")


def trace_outlives_lvsd(lab):
    """Without lvsd its programs tell of their packets all the same; those of the next one are looked for."""
    lab.lvsd.terminate()
    lab.lvsd.wait(PATIENCE_S)
    with Traced(lab, "-t", f"{VIP}:80") as trace:
        expect(lab.get() in ("one", "two"), "the core serves")
        eventually("it is told of", lambda: trace.packets(verdict="forwarded"))
        lab.start_lvsd()
        eventually("the exchange is told", lambda: "lvsd has exchanged its programs" in trace.said())
        seen = len(trace.packets(connection="new"))
        expect(lab.get() in ("one", "two"), "the core serves")
        eventually("the new programs tell", lambda: len(trace.packets(connection="new")) > seen)
        expect(trace.end() == 0, trace.said())


def dead_server_is_removed_and_comes_back(lab):
    lab.kill_server("one")
    eventually("server one out of the table", lambda: lab.in_table() == ["two"])
    expect({lab.get() for _ in range(4)} == {"two"}, "all requests reach the other")
    expect(lab.servers()["one"]["reason"] != "", "status gives a reason")
    lab.start_server("one")
    eventually("server one back", lambda: lab.in_table() == ["one", "two"])
    expect(lab.log_text().count("[inactive] shutting down 10.0.0.1:80 due to connection failure") == 1,
           "the log, which nanny writes to as well, says so once")


def own_link_down_is_no_fault_of_the_servers(lab):
    """Of two servers one is dead, and the director loses its own way to both: by route, by carrier, in whole."""
    def director(*words):
        run("ip", "-n", lab.net.names["director"], *words)

    def bridge_back():
        director("link", "set", "br0", "up")
        director("route", "replace", "10.0.0.0/24", "dev", "br0", "src", "10.0.0.254")

    def ports(state):
        director("link", "set", "eth1", state)
        director("link", "set", "eth2", state)

    ways = [
        ("the route leads to eth0 and no more to br0", lambda: director("route", "del", "10.0.0.0/24"), bridge_back),
        ("br0 of this director is down or has no carrier", lambda: ports("down"), lambda: ports("up")),
        ("br0 of this director is down or has no carrier", lambda: director("link", "set", "br0", "down"), bridge_back),
    ]
    # The re-entry time is longer than the story waits for a server.
    lab.configure(text=CONFIG.format(serial=98, vip=VIP, weight=1, extra="     reentry = 60s", more="")
                  .replace("     rise = 1\n", "").replace("timeout = 20s", "timeout = 300ms"))
    lab.hang_up()
    eventually("the re-entry time is taken", lambda: lab.in_table() == ["one", "two"])
    director("route", "add", "default", "via", "192.0.2.100")  # As most directors have one.
    lab.kill_server("two")
    eventually("two is dead", lambda: lab.servers()["two"]["health"] == "down")
    for reason, lose, restore in ways:
        lose()
        told = eventually(f"one is cut: {reason}", lambda: (one := lab.servers()["one"])["health"] == "cut" and one)
        expect(reason in told["reason"], f"the status says why: {told}")
        expect(lab.in_table() == ["one"], "one keeps its place, and two does not come back")
        restore()
        eventually("one is well", lambda: lab.servers()["one"]["health"] == "up", patience=10)
        expect(lab.get(patience=SILENCE_S) == "one", "and serves at once")
        expect(lab.in_table() == ["one"], "two is dead as before")
    director("route", "del", "default")
    lab.start_server("two")
    lab.configure()
    lab.hang_up()
    eventually("both again", lambda: lab.in_table() == ["one", "two"])


def connections_of(lab):
    return {name: server["connections"] for name, server in lab.servers().items()}


def reload_changes_only_what_changed(lab):
    for _ in range(4):
        lab.get()
    before = connections_of(lab)
    lab.configure(weight=5)
    lab.hang_up()
    eventually("the new weight", lambda: lab.servers()["one"]["weight"] == 5)
    expect(connections_of(lab) == before, "counters go on: nothing was taken away and put back")
    expect("rereading configuration file" in lab.log_text(), "the log says so")


class Kept:
    """A client's connection that stays open: a request is sent by `ask`, and waited for once more by `wait`."""
    CODE = """
import socket, sys
connection = socket.socket()
connection.bind((sys.argv[1], 0))
connection.connect((sys.argv[2], 80))
for line in sys.stdin:
    word, patience = line.split()
    connection.settimeout(float(patience))
    if word == "ask":
        connection.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    heard = ""
    try:
        while not heard.endswith(("one", "two")):
            heard += connection.recv(65536).decode() or " closed"
        print(heard[-3:], flush=True)
    except OSError:
        print("nothing", flush=True)
"""

    def __init__(self, lab, source):
        self.process = subprocess.Popen(lab.net.inside("client", sys.executable, "-c", self.CODE, source, VIP),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def hears(self, word, patience=PATIENCE_S):
        self.process.stdin.write(f"{word} {patience}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


def denied_client_stalls_and_comes_back(lab):
    """A prefix comes into the list by a reload and leaves it again, under a connection; another client notices nothing."""
    denied, other = "192.0.2.100", "192.0.2.102"
    lvsadm = f"{lab.binaries}/lvsadm"
    run("ip", "-n", lab.net.names["client"], "addr", "add", f"{other}/24", "dev", "eth0")

    def reload(deny):
        lab.configure(more=f"deny = {deny}\n" if deny else "")
        expect(lab.ask(do="reload")["ok"], "reloaded")

    def packets():
        return {one["prefix"]: one["packets"] for one in json.loads(lab.lvsadm("--deny", "--json"))["denied"]}

    def refused():
        return json.loads(run(*lab.enter_director(lvsadm, "--where", f"{denied}:47000", f"{VIP}:80", "--json"), check=False).stdout)

    reload("")
    with Kept(lab, denied) as kept, Kept(lab, other) as beside:
        expect(kept.hears("ask") in ("one", "two") and beside.hears("ask") in ("one", "two"), "both are connected")
        lab.configure(more=f"deny = {denied}/31\n")
        plan = lab.ask(do="plan")
        expect(plan["differences"] == [f"deny: from nothing to {denied}/31"] and not plan["operations"], f"planned: {plan}")
        reload(f"{denied}/31 198.51.100.7")
        with Traced(lab, denied, "drops") as trace:
            expect(kept.hears("ask", SILENCE_S) == "nothing", "its connection stalls")
            eventually("it is told", lambda: trace.packets(verdict="dropped", reasons=["denied"], connection="known"))
        expect(lab.get(source=denied, patience=SILENCE_S) == "nothing", "it gets no other one")
        expect(beside.hears("ask") in ("one", "two") and lab.get(source=other) in ("one", "two"), "another client is served")
        run(*lab.net.inside("client", "ping", "-c", "1", "-W", str(PATIENCE_S), "-I", denied, VIP))
        counted = packets()
        expect(counted[f"{denied}/31"] > 1 and counted["198.51.100.7"] == 0, f"{counted}")
        expect(lab.status()["core_status"]["drops"]["denied"] >= counted[f"{denied}/31"], "the reason is counted")
        expect(refused()["refused"] == "denied", f"where: {refused()}")
        lab.lvsd.kill()
        lab.lvsd.wait()
        expect(lab.get(source=denied, patience=SILENCE_S) == "nothing", "denied without lvsd")
        expect(lab.get(source=other) in ("one", "two"), "and nobody else")
        lab.start_lvsd()
        expect(packets()[f"{denied}/31"] > counted[f"{denied}/31"], "taken over with its counts")
        expect(kept.hears("wait", SILENCE_S) == "nothing", "still denied")
        reload("192.0.2.101/32 2001:db8::/32")
        expect(kept.hears("wait") in ("one", "two"), "its connection goes on")
        expect(lab.get(source=denied) in ("one", "two"), "and it gets new ones")
        expect(set(packets()) == {"192.0.2.101", "2001:db8::/32"}, f"{packets()}")
    lab.configure(more="deny = 192.0.2.77/24\n")
    expect("deny: 192.0.2.77/24 has bits behind its length" in lab.ask(do="reload")["error"], "told")
    expect(set(packets()) == {"192.0.2.101", "2001:db8::/32"}, "the former list stays")
    reload("")
    expect(packets() == {} and "event=core-deny prefixes=0" in lab.log_text(), "no list any more")


def broken_reload_keeps_what_runs(lab):
    before = lab.lvsadm("-S", "-n")
    lab.configure(text="virtual web {\n  actve = 1\n}\n")
    lab.hang_up()
    error = eventually("the error in status", lambda: lab.status()["reload_error"])
    expect(re.search(r"/etc/sysconfig/ha/lvs\.cf:2: actve: ", error), f"file and line: {error}")
    expect(lab.lvsadm("-S", "-n") == before, "the table is as it was")
    expect(lab.get() in ("one", "two"), "and serves")
    whole = CONFIG.format(serial=99, vip=VIP, weight=9, extra="", more="")
    lab.configure(text=whole.rstrip().removesuffix("}"))
    lab.hang_up()
    eventually("a file without its end is refused", lambda: "is the file whole?" in lab.status()["reload_error"])
    expect(lab.lvsadm("-S", "-n") == before, "the table is as it was")
    lab.configure()
    lab.hang_up()
    eventually("error gone", lambda: lab.status()["reload_error"] == "" and lab.servers()["one"]["weight"] == 1)


def killed_lvsd_adopts(lab):
    before = lab.lvsadm("-S", "-n")
    counted = connections_of(lab)
    lab.lvsd.kill()
    lab.lvsd.wait()
    expect({lab.get() for _ in range(4)} == {"one", "two"}, "forwarding goes on without lvsd")
    lab.start_lvsd()
    expect(lab.status()["ready"], "ready at once: the table was complete")
    eventually("all verdicts", lambda: all(s["health"] == "up" for s in lab.servers().values()))
    expect(lab.lvsadm("-S", "-n") == before, "the table is as it was")
    expect(lab.status()["drifts"] == 0, "no drift")
    expect(all(connections_of(lab)[name] >= counted[name] for name in counted), "counters go on")
    tail = lab.log_text().rsplit("starting virtual service", 1)[1]
    expect("event=applied" not in tail, f"nothing was changed: {tail}")


def without_counters(listing):
    """A listing's lines without ActiveConn and InActConn."""
    return [line.split()[:4] if "->" in line else line.split() for line in listing.splitlines()]


def stopped_lvsd_can_be_read(lab):
    listing = lab.lvsadm("-L", "-n")
    lab.lvsd.send_signal(signal.SIGSTOP)
    try:
        read = run(*lab.enter_director(f"{lab.binaries}/lvsadm", "-L", "-n"))
        status = lvsctl(lab, "status")
        plan = lvsctl(lab, "plan")
    finally:
        lab.lvsd.send_signal(signal.SIGCONT)
    expect(without_counters(read.stdout) == without_counters(listing), f"listed as before: {read.stdout}\n{listing}")
    expect(read.stderr == "lvsadm: lvsd does not answer; this is what its core in the kernel holds\n", read.stderr)
    expect(re.search(r"lvsd +does not answer \(pid \d+, stopped by a signal\)\n", status.stdout), status.stdout)
    expect(status.returncode == 1 and "kill -CONT" in status.stdout, f"it is there: {status}")
    expect(plan.returncode == 1 and "plan: lvsd: does not answer (pid " in plan.stderr, f"{plan}")


def killed_lvsd_can_be_read(lab):
    listing, saved = lab.lvsadm("-L", "-n"), lab.lvsadm("-S", "-n")
    lab.lvsd.kill()
    lab.lvsd.wait()
    lvsadm = f"{lab.binaries}/lvsadm"
    read = run(*lab.enter_director(lvsadm, "-L", "-n"))
    expect(without_counters(read.stdout) == without_counters(listing), f"listed as before: {read.stdout}\n{listing}")
    expect(read.stderr == "lvsadm: lvsd is not running; this is what its core in the kernel holds\n", read.stderr)
    expect(lab.lvsadm("-S", "-n") == saved, "saved as before")
    expect(lab.get() in ("one", "two"), "served meanwhile")
    expect("192.0.2.100:" in lab.lvsadm("-L", "-n", "-c"), "its connection is listed")
    expect(json.loads(lab.lvsadm("-L", "--json"))["services"], "JSON too")
    expect("no-service" in lab.lvsadm("--core", "embedded", "--drops"), "drops too")
    change = run(*lab.enter_director(lvsadm, "-C"), check=False)
    expect(change.returncode == 2 and "service pulse start" in change.stderr, f"refused: {change.stderr}")
    expect(lab.lvsadm("-S", "-n") == saved, "unchanged")
    status = lvsctl(lab, "status")
    expect(status.returncode == 3 and re.search(r"lvsd +not running\n", status.stdout), f"{status}")
    lab.start_lvsd(until=lambda: re.search(r"lvsd +starting \(pid \d+\)\n", lvsctl(lab, "status").stdout))
    eventually("and answers", lambda: lab.status()["ok"], START_S)
    expect(lab.lvsadm("-S", "-n") == saved, "adopted as it was")


def killed_again_and_again_serves(lab):
    before = lab.lvsadm("-S", "-n")
    for _ in range(5):
        lab.lvsd.kill()
        lab.lvsd.wait()
        expect(lab.get() in ("one", "two"), "served without lvsd")
        lab.start_lvsd()
    expect(lab.lvsadm("-S", "-n") == before, "the table is as it was")


def killed_nanny_costs_nothing(lab):
    pid = lab.status()["nanny"]["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually("another nanny", lambda: lab.status()["nanny"].get("pid", pid) != pid)
    expect(lab.in_table() == ["one", "two"], "the servers stayed")
    expect(lab.status()["drifts"] == 0 and lab.get() in ("one", "two"), "and serve")


def frozen_nanny_is_replaced_and_a_dead_server_found(lab):
    pid = lab.status()["nanny"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    lab.kill_server("two")
    eventually("another nanny", lambda: lab.status()["nanny"].get("pid", pid) != pid)
    eventually("the frozen one is dead", lambda: not os.path.exists(f"/proc/{pid}"))
    expect("frozen" in lab.status()["nanny"]["last_end"], "the status says why")
    eventually("the dead server leaves", lambda: lab.in_table() == ["one"])
    lab.start_server("two")
    eventually("and returns", lambda: lab.in_table() == ["one", "two"])


SCTP = """
virtual calls {{
     active = 1
     address = {vip} eth0:1
     protocol = sctp
     port = 3868
     interval = 100ms
     timeout = 20s
     {check}
     server one {{
         address = 10.0.0.1
         active = 1
     }}
}}
"""
SCRIPTS = """
virtual scripts {{
     active = 1
     address = {vip} eth0:1
     port = 8080
     interval = 100ms
     timeout = 20s
     {user}
     send_program = "/etc/check %h %p"
     expect = "OK"
     server one {{
         address = 10.0.0.1
         active = 1
     }}
     server two {{
         address = 10.0.0.2
         active = 1
     }}
}}
"""


def lvsctl(lab, *words):
    return run(*lab.enter_director(f"{lab.binaries}/lvsctl", *words), check=False)


def expect_serves_nobody(lab, why, name="scripts"):
    """What the operator is told by each way there is."""
    words = f"! {name} serves nobody: no server was ever checked: {why}"
    told = eventually("the status says so, and why", lambda: (page := lvsctl(lab, "status")) and words in page.stdout and page)
    expect(told.returncode == 1, f"it is not healthy: {told}")
    expect("not checked: " + why in told.stdout, f"of each server too: {told.stdout}")
    unserved = re.compile(rf"service-unserved.*{re.escape(why)}")
    eventually("an event with the cause", lambda: unserved.search(lvsctl(lab, "events").stdout))
    metrics = lvsctl(lab, "metrics").stdout
    expect(re.search(rf'lvs_service_unserved{{service="{name}",key="[^"]*"}} 1\n', metrics), f"a metric: {metrics}")
    expect('lvs_service_unserved{service="web",key="TCP 192.0.2.1:80"} 0\n' in metrics, "not of a service that serves")


def sctp_is_checked_or_the_kernel_is_named(lab):
    """This kernel may have SCTP or not: a server is judged, or the status says what to do, and never nothing."""
    lab.configure(more=SCTP.format(vip=VIP, check="check = tcp"))
    refused = lvsctl(lab, "check")
    expect(refused.returncode == 1 and "check: expected sctp, which tries an association" in refused.stdout, f"{refused}")
    lab.configure(more=SCTP.format(vip=VIP, check=""))
    lab.hang_up()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP):
            eventually("nobody listens", lambda: lab.servers(f"SCTP {VIP}:3868")["one"]["health"] == "down")
    except OSError:
        expect_serves_nobody(lab, "the kernel of this director has no SCTP: modprobe sctp", "calls")
    lab.configure()
    lab.hang_up()
    eventually("the service is gone", lambda: lab.servers(f"SCTP {VIP}:3868") == {})


def scripts_run_as_their_user_and_outlive_nobody(lab):
    service = f"TCP {VIP}:8080"
    # No interpreter in its first line; one server's answers, the other's says who it is.
    text = ("####\n[ \"$1\" = 10.0.0.1 ] && echo OK && exit 0\nid -un >&2\nexit 3\n")
    run(*lab.enter_director("sh", "-c", "cat > /etc/check; chmod 755 /etc/check"), input=text)
    run(*lab.enter_director("sed", "-i", "/^lvs-check:/d", "/etc/passwd"))
    lab.configure(more=SCRIPTS.format(vip=VIP, user=""))
    lab.hang_up()
    eventually("a missing user is said", lambda: "there is no user lvs-check" in lab.log_text())
    expect(lab.in_table(service) == [], "and says nothing about a server")
    expect_serves_nobody(lab, "script as lvs-check: there is no user lvs-check")
    for program, option in (("lvsctl", "check"), ("lvsd", "--check")):
        checked = run(*lab.enter_director(f"{lab.binaries}/{program}", option))
        expect("script_user: warning: this machine has no user lvs-check" in checked.stdout + checked.stderr, f"{checked}")
    lab.configure(more=SCRIPTS.format(vip=VIP, user="script_user = daemon"))
    lab.hang_up()
    eventually("one passes", lambda: lab.in_table(service) == ["one"])
    eventually("its clients are served", lambda: "event=service-served" in lab.log_text())
    expect("serves nobody" not in lvsctl(lab, "status").stdout, "and the status is content with it")
    reason = eventually("the other has a reason", lambda: lab.servers(service)["two"]["reason"])
    expect(reason == 'script as daemon: exit status 3, said "daemon"', reason)
    sleep = f"sleep 1000.{os.getpid()}"
    run(*lab.enter_director("sh", "-c", "cat > /etc/check"), input=f"setsid {sleep} & wait\n")
    sleepers = ["pgrep", "--full", sleep]
    eventually("scripts that last", lambda: len(run(*sleepers, check=False).stdout.split()) >= 2)
    pid = lab.status()["nanny"]["pid"]
    run(*lab.enter_director("sh", "-c", "cat > /etc/check"), input="echo OK\n")
    os.kill(pid, signal.SIGKILL)
    eventually("none of them is left", lambda: not run(*sleepers, check=False).stdout.split())
    eventually("both pass", lambda: lab.in_table(service) == ["one", "two"])
    lab.configure()
    lab.hang_up()
    eventually("the service is gone", lambda: lab.servers(service) == {})


def frozen_script_runner_is_replaced(lab):
    lab.configure(more=SCRIPTS.format(vip=VIP, user="script_user = daemon"))
    lab.hang_up()
    eventually("scripts pass", lambda: lab.in_table(f"TCP {VIP}:8080") == ["one", "two"])
    children = run("pgrep", "--parent", str(lab.lvsd.pid), "--exact", "nanny-runner").stdout.split()
    nanny = lab.status()["nanny"]["pid"]
    os.kill(int(children[0]), signal.SIGSTOP)
    eventually("another pair", lambda: lab.status()["nanny"].get("pid", nanny) != nanny)
    eventually("the frozen one is dead", lambda: not os.path.exists(f"/proc/{children[0]}"))
    lab.configure()
    lab.hang_up()


NAMED = """
virtual {name} {{
     active = 1
     address = {vip} eth0:1
     port = {port}
     protocol = {protocol}
     interval = 100ms
     timeout = 20s
     rise = 1
     check = {check}
     server one {{
         address = 10.0.0.1
         active = 1
     }}
     server two {{
         address = 10.0.0.2
         active = 1
     }}
}}
"""

# Name, protocol and port of the service, its check, and why server two is not well.
NAMED_CHECKS = [
    ("names", "udp", 53, "dns name=www.example.test", "dns: "),
    ("zones", "tcp", 53, "dns name=www.example.test", "dns: "),
    ("mail", "tcp", 25, "smtp helo=lb", "answer is not what was expected: \"421 not now"),
    ("files", "tcp", 21, "ftp user=probe", "answer is not what was expected: \"530 who"),
    ("app", "tcp", 443, "agent port=7777", "agent: \"drain\""),
]

# A server of lines: a greeting, and then the next line for each that comes.
LINES = """
import socketserver, sys
class Peer(socketserver.StreamRequestHandler):
    def handle(self):
        for line in sys.argv[3:]:
            self.wfile.write(line.encode() + b"\\r\\n")
            if not self.rfile.readline():
                break
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Peer).serve_forever()
"""


def serve_names(lab):
    """Real servers where the machine has them: dnsmasq, and the mail server of Python."""
    def start(node, *command):
        lab.children[f"{node}-{len(lab.children)}"] = subprocess.Popen(
            lab.net.inside(node, *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def lines(node, port, *words):
        start(node, sys.executable, "-c", LINES, "0.0.0.0", str(port), *words)

    for node, answers in (("one", ["--address=/example.test/10.9.9.9"]), ("two", [])):
        start(node, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
              "--user=root", "--pid-file=", *answers)
    start("one", sys.executable, "-W", "ignore", "-m", "smtpd", "-n", "-c", "DebuggingServer", "0.0.0.0:25")
    lines("two", 25, "421 not now")
    lines("one", 21, "220-files\r\n220 here", "331 password?", "221 bye")
    lines("two", 21, "220 files", "530 who?")
    lines("one", 7777, "up 50%")
    lines("two", 7777, "drain")


def named_checks_speak_their_protocols(lab):
    before = set(lab.children)
    serve_names(lab)
    lab.configure(more="".join(NAMED.format(vip=VIP, name=name, protocol=protocol, port=port, check=check)
                               for name, protocol, port, check, _ in NAMED_CHECKS))
    lab.hang_up()
    for name, protocol, port, _, reason in NAMED_CHECKS:
        service = f"{protocol.upper()} {VIP}:{port}"
        eventually(f"{name}: one is well, and two is not",
                   lambda s=service, r=reason: lab.in_table(s) == ["one"] and r in lab.servers(s)["two"]["reason"])
    for name in set(lab.children) - before:
        lab.children[name].kill()
        lab.children.pop(name).wait()
    eventually("none is well", lambda: all(lab.in_table(f"{protocol.upper()} {VIP}:{port}") == []
                                           for _, protocol, port, _, _ in NAMED_CHECKS))
    lab.configure()
    lab.hang_up()


def pings_are_answered_and_missed(lab):
    service = f"TCP {VIP}:443"
    lab.configure(more=NAMED.format(vip=VIP, name="pinged", protocol="tcp", port=443, check="ping").replace(
        "timeout = 20s", "timeout = 900ms"))
    lab.hang_up()
    eventually("both answer", lambda: lab.in_table(service) == ["one", "two"])
    pid = lab.status()["nanny"]["pid"]
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        expect("CapEff:\t0000000000000000" in status.read(), "though nanny has no right to open such a socket")
    run(*lab.net.inside("two", "sysctl", "-q", "net.ipv4.icmp_echo_ignore_all=1"))
    eventually("two does not", lambda: lab.in_table(service) == ["one"])
    expect(lab.servers(service)["two"]["reason"] == "ping: no answer to 3 echoes", "and that is said")
    os.kill(pid, signal.SIGKILL)
    eventually("another nanny", lambda: lab.status()["nanny"].get("pid", pid) != pid)
    run(*lab.net.inside("two", "sysctl", "-q", "net.ipv4.icmp_echo_ignore_all=0"))
    eventually("two answers the next nanny", lambda: lab.in_table(service) == ["one", "two"])
    lab.configure()
    lab.hang_up()


def without_libcurl_http_checks_wait_for_it(lab):
    with lab.without_library("libcurl.so.4"):
        os.kill(lab.status()["nanny"]["pid"], signal.SIGKILL)  # It may have loaded the library already.
        lab.configure(extra="     check = http")
        lab.hang_up()
        eventually("the log says what to install", lambda: "install libcurl4" in lab.log_text())
        expect(all(s["health"] == "unknown" for s in lab.servers().values()), "no verdict")
        expect(lab.in_table() == ["one", "two"] and lab.get() in ("one", "two"), "the servers stay")
    eventually("verdicts once it is there", lambda: all(s["health"] == "up" for s in lab.servers().values()))
    lab.configure()
    lab.hang_up()
    eventually("verdicts of the other check", lambda: all(s["health"] == "up" for s in lab.servers().values()))


def names_wait_for_nobody_and_keep_their_address(lab):
    def name_server(address):
        run(*lab.enter_director("sh", "-c", f"echo nameserver {address} >/etc/resolv.conf"))

    silent = subprocess.Popen(lab.net.inside("two", sys.executable, "-c",
                                             "import socket,time; s=socket.socket(type=socket.SOCK_DGRAM)\n"
                                             "s.bind(('10.0.0.2', 53)); print(flush=True); time.sleep(1000)"),
                              stdout=subprocess.PIPE)
    lab.children["silent"] = silent
    silent.stdout.readline()
    name_server("10.0.0.2")
    text = CONFIG.format(serial=7, vip=VIP, weight=1, extra="", more="").replace("10.0.0.1\n", "rs1.example.test\n")
    lab.configure(text=text)
    begin = time.monotonic()
    expect(lab.ask(do="reload")["ok"], "the file is taken")
    waiting = lab.servers()["one"]
    expect(time.monotonic() - begin < 4, "a silent name server, which the resolver would ask for 10 s, delays nothing")
    expect((waiting["standing"], waiting["address"]) == ("waiting", "rs1.example.test"), f"waits: {waiting}")
    expect("rs1.example.test does not resolve" in lab.status()["names_unresolved"][0], "and is told")
    expect(lab.get() == "two", "the other serves")

    lab.children["names"] = subprocess.Popen(
        lab.net.inside("one", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                       "--user=root", "--pid-file=", "--address=/rs1.example.test/10.0.0.1"), stderr=subprocess.DEVNULL)
    name_server("10.0.0.1")
    silent.kill()
    silent.wait()
    eventually("it has its address", lambda: lab.in_table() == ["one", "two"])
    expect(not lab.status()["names_unresolved"], "nothing is told any more")

    lab.children["names"].kill()
    lab.children["names"].wait()
    lab.lvsd.kill()
    lab.lvsd.wait()
    lab.start_lvsd()
    expect(lab.in_table() == ["one", "two"], "without a name server it starts with the last address")
    lab.configure()
    lab.ask(do="reload")


def foreign_service_is_left_alone(lab):
    lab.lvsadm("-A", "-t", "192.0.2.1:8080", "-s", "rr")
    lab.lvsadm("-a", "-t", "192.0.2.1:8080", "-r", "10.0.0.2:8080", "-m")
    lab.configure(weight=2)
    lab.hang_up()
    eventually("reloaded", lambda: lab.servers()["one"]["weight"] == 2)
    expect("192.0.2.1:8080" in lab.lvsadm("-L", "-n"), "the foreign service is there")
    expect(lab.get(port=8080) == "two", "and serves")
    lab.lvsadm("-D", "-t", "192.0.2.1:8080")


def flushed_table_is_repaired(lab):
    kept = run(*lab.enter_director(f"{lab.binaries}/lvsadm", "-e", "-t", f"{VIP}:80", "-r", "10.0.0.1:80", "-m", "-w", "7"))
    line = [number for number, text in enumerate(lab.text_of_configuration().split("\n"), 1) if "server one" in text][0]
    expect(f"lvsd keeps this server as /etc/sysconfig/ha/lvs.cf:{line} says" in kept.stderr, f"told at once: {kept}")
    eventually("set back", lambda: lab.servers()["one"]["weight"] != 7)
    drifts = lab.status()["drifts"]
    lab.lvsadm("-C")
    eventually("the drift check", lambda: lab.status()["drifts"] > drifts)
    eventually("the table again", lambda: lab.in_table() == ["one", "two"])
    expect(lab.status()["repairs"] >= 3 and lab.get() in ("one", "two"), "counted, and serves")


def rules_of_output_that_take_new_connections_away_are_told(lab):
    rule = ("OUTPUT", "-d", VIP, "-j", "DROP")
    run(*lab.enter_director("iptables", "-A", *rule))
    eventually("told", lambda: lab.status()["core_status"]["copies_lost"])
    expect("event=core-copies-lost" in lab.log_text(), "in the log")
    run(*lab.enter_director("iptables", "-I", "OUTPUT", "-o", "ipvs0", "-j", "ACCEPT"))
    eventually("the advice helps", lambda: not lab.status()["core_status"]["copies_lost"])
    expect(lab.get() in ("one", "two"), "and it serves")
    run(*lab.enter_director("iptables", "-F", "OUTPUT"))


ECHO = """
virtual echo {{
     active = 1
     address = {vip} eth0:1
     port = 7
     protocol = udp
     check = none
     server one {{
         address = 10.0.0.1
         active = 1
     }}
     server two {{
         address = 10.0.0.2
         active = 1
     }}
}}
"""

ECHOES = """
import socket
one = socket.socket(type=socket.SOCK_DGRAM)
one.bind(("0.0.0.0", 7))
while True:
    one.sendto(*one.recvfrom(100))
"""

# Sends numbers, a few ahead of the answers, until its input ends; prints how many, and which were not answered.
ASKS = """
import select, socket, sys, time
AHEAD, PATIENCE_S = 20, 10
one = socket.socket(type=socket.SOCK_DGRAM)
one.connect((sys.argv[1], 7))
begun = False
while not begun:
    try:
        one.send(b"0")
        begun = bool(select.select([one], [], [], 0.1)[0] and one.recv(100))
    except ConnectionRefusedError:  # The server has no socket yet.
        pass
print("begun", flush=True)
waiting, lost, sent, ends = {}, [], 0, False
while waiting or not ends:
    if not ends and len(waiting) < AHEAD:
        sent += 1
        waiting[sent] = time.monotonic()
        try:
            one.send(b"%d" % sent)
        except ConnectionRefusedError:
            lost.append(sent)
            waiting.pop(sent)
    ready, _, _ = select.select([one] if ends else [one, sys.stdin], [], [], 0.001)
    if one in ready:
        waiting.pop(int(one.recv(100)), None)
    ends = ends or (sys.stdin in ready and not sys.stdin.read())
    late = [number for number, at in waiting.items() if time.monotonic() > at + PATIENCE_S]
    lost += [number for number in late if waiting.pop(number)]
print(sent, lost)
"""


def tracking_is_switched_under_traffic(lab):
    """What the programs leave to the stack the chain catches: it is there before the first such packet and after the last."""
    lab.configure(more=ECHO.format(vip=VIP))
    lab.hang_up()
    for node in ("one", "two"):
        lab.children[f"echo-{node}"] = subprocess.Popen(lab.net.inside(node, sys.executable, "-c", ECHOES))
    eventually("the service stands", lambda: "192.0.2.1:7 " in lab.lvsadm("-L", "-n"))
    client = subprocess.Popen(lab.net.inside("client", sys.executable, "-c", ASKS, VIP), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    client.stdout.readline()
    for switch in range(20):
        lab.lvsadm("--setting", f"conntrack={(switch + 1) % 2}")
    said, _ = client.communicate(timeout=PATIENCE_S)
    sent, lost = said.split(" ", 1)
    expect(int(sent) > 20 and lost == "[]\n", f"{sent} datagrams, all answered, not so: {lost}")
    lab.configure()
    lab.hang_up()


def policies_of_ipsec_are_kept(lab):
    policy = ("dir", "out", "src", "192.0.2.1", "dst", "192.0.2.100")
    run(*lab.enter_director("ip", "xfrm", "policy", "add", *policy, "action", "block"))
    eventually("seen", lambda: lab.status()["core_status"]["encrypts"])
    expect(lab.get(patience=SILENCE_S) == "nothing", "no reply leaves against a policy")
    run(*lab.enter_director("ip", "xfrm", "policy", "delete", *policy))
    eventually("serves again", lambda: lab.get(patience=SILENCE_S) in ("one", "two"))


def sorry_server_serves_when_all_are_dead(lab):
    lab.configure(text=CONFIG.format(serial=99, vip=VIP, weight=1, extra="     sorry_server = 10.0.0.2\n", more="")
                  .replace("address = 10.0.0.2\n         active = 1", "address = 10.0.0.2\n         active = 0"))
    lab.hang_up()
    eventually("only server one", lambda: lab.in_table() == ["one"])
    lab.kill_server("one")
    eventually("the sorry server", lambda: lab.in_table() == ["sorry"])
    expect(lab.get() == "two", "the sorry server answers")
    lab.start_server("one")
    eventually("it steps aside", lambda: lab.in_table() == ["one"])
    lab.configure()
    lab.hang_up()
    eventually("both again", lambda: lab.in_table() == ["one", "two"])


def the_director_itself_is_the_sorry_server(lab):
    """As half of all how-tos have it, behind nat."""
    lab.start_server("director")
    lab.configure(text=CONFIG.format(serial=99, vip=VIP, weight=1, extra="     sorry_server = 127.0.0.1\n", more=""))
    lab.hang_up()
    for node in ("one", "two"):
        lab.kill_server(node)
    eventually("the director answers", lambda: lab.get(patience=SILENCE_S) == "director")
    for node in ("one", "two"):
        lab.start_server(node)
    eventually("it steps aside", lambda: lab.in_table() == ["one", "two"])
    lab.kill_server("director")
    lab.configure()
    lab.hang_up()


def servers_that_pass_serve_where_none_has_proved_itself(lab):
    """A re-entry time of a minute and more: clients of a service without any server do not wait for it."""
    lab.configure(text=CONFIG.format(serial=99, vip=VIP, weight=1, extra="", more="").replace("rise = 1", "rise = 900"))
    lab.hang_up()
    for server in ("one", "two"):
        lab.kill_server(server)
    eventually("no server", lambda: lab.in_table() == [])
    lab.start_server("one")
    eventually("the first serves", lambda: lab.in_table() == ["one"])
    expect(lab.get() == "one", "it answers")
    lab.start_server("two")
    eventually("the second as well", lambda: lab.in_table() == ["one", "two"])
    expect({lab.servers()[server]["health"] for server in ("one", "two")} == {"recovering"}, "neither has proved itself")
    expect(lab.log_text().count("[ active ] making 10.0.0.1:80 available event=early") == 1, "the log says why, once")
    one_that_fails_again_waits_where_another_serves(lab)
    lab.configure()
    lab.hang_up()
    eventually("both are up", lambda: {lab.servers()[server]["health"] for server in ("one", "two")} == {"up"})


def one_that_fails_again_waits_where_another_serves(lab):
    def passes_and_waits(server, other):
        lab.start_server(server)
        eventually(f"{server} passes some checks",
                   lambda: re.match(r"recovering, ([5-9]|\d\d+) of", lab.servers()[server]["reason"]))
        expect(lab.in_table() == [other], f"{server} waits: {lab.in_table()}")
    lab.kill_server("two")
    eventually("one serves", lambda: lab.in_table() == ["one"])
    passes_and_waits("two", "one")
    lab.kill_server("one")
    eventually("the other is the only hope", lambda: lab.in_table() == ["two"])
    expect(lab.get() == "two", "it answers")
    passes_and_waits("one", "two")
    for server in ("one", "two"):
        lab.kill_server(server)
    eventually("no server again", lambda: lab.in_table() == [])
    for server in ("one", "two"):
        lab.start_server(server)
    eventually("after another outage both serve", lambda: lab.in_table() == ["one", "two"])


MARKED = """
virtual marked {
     active = 1
     address = 192.0.2.1 eth0:1
     port = 80
     fwmark = 80
     mark_ports = tcp/80,443
     persistent = 60
     scheduler = rr
     timeout = 20s
     interval = 100ms
     server one {
         address = 10.0.0.1
         active = 1
     }
     server two {
         address = 10.0.0.2
         active = 1
     }
}
"""


def rules_of_marks(lab):
    """Those that run, and the saved ones."""
    saved = run(*lab.enter_director("sh", "-c", "cat /etc/iptables/rules.v4 /etc/sysconfig/iptables"), check=False)
    return run(*lab.enter_director("iptables-save", "-t", "mangle")).stdout, saved.stdout


def marks_are_set_and_saved(lab):
    lab.configure(more=MARKED)
    lab.hang_up()
    eventually("both servers behind the mark", lambda: lab.in_table("FWM 80") == ["one", "two"])
    rules, saved = rules_of_marks(lab)
    expect("-A PREROUTING -j LVS" in rules and "80" in rules, f"rules are set: {rules}")
    expect(":LVS " in saved, "and saved")
    told = lab.lvsadm("--where", "192.0.2.100:47200", f"{VIP}:443")
    expect("mark 80\nmarked by   lvsd's rule -A LVS" in told and "FWM 80" in told, f"where knows the mark: {told}")
    for last in range(101, 111):
        source = f"192.0.2.{last}"
        run("ip", "-n", lab.net.names["client"], "addr", "add", f"{source}/24", "dev", "eth0", check=False)
        first = lab.get(80, source)
        expect(first in ("one", "two") and lab.get(443, source) == first, f"{source}: one server for both ports")
    run(*lab.enter_director("nft", "flush", "ruleset"))
    eventually("flushed rules are back, and nobody had to wait for the drift check", lambda: "-A PREROUTING -j LVS" in run(
        *lab.enter_director("iptables-save", "-t", "mangle")).stdout, patience=3)
    lab.configure()
    lab.hang_up()
    eventually("mark service gone", lambda: not lab.servers("FWM 80"))


def marks_that_nobody_sets_are_warned_about(lab):
    def mangle(*words):
        return run(*lab.enter_director("iptables", "-t", "mangle", *words)).stdout

    marked = """
virtual {name} {{
     active = 1
     address = 192.0.2.1 eth0:1
     port = 80
     fwmark = {mark}
{ports}
     server one {{
         address = 10.0.0.1
         active = 1
     }}
}}
"""
    lab.configure(more=marked.format(name="marked", mark=80, ports="     mark_ports = tcp/80,443"))
    lab.hang_up()
    eventually("the rule", lambda: "--dports 80,443" in mangle("-S"))
    mangle("-F", "LVS")
    eventually("the rule again", lambda: "--dports 80,443" in mangle("-S"))
    expect(lab.status()["mark_warnings"] == [], "a repaired chain is no reason to warn")

    lab.configure(more=marked.format(name="bare", mark=90, ports=""))
    lab.hang_up()
    warnings = eventually("a warning", lambda: lab.status()["mark_warnings"])
    expect(len(warnings) == 1 and warnings[0].startswith("bare (fwmark 90): no iptables rule"), f"{warnings}")
    shown = run(*lab.enter_director(f"{lab.binaries}/lvsctl", "status"), check=False).stdout
    expect(f"! {warnings[0]}\n" in shown, f"lvsctl shows it: {shown}")
    by_hand = ("PREROUTING", "-d", VIP, "-p", "tcp", "--dport", "443", "-j", "MARK", "--set-mark", "90")
    mangle("-A", *by_hand)
    eventually("no warning", lambda: lab.status()["mark_warnings"] == [])
    mangle("-D", *by_hand)
    eventually("the warning again", lambda: lab.status()["mark_warnings"] == warnings)
    lab.configure()
    lab.hang_up()
    eventually("no mark, no warning", lambda: lab.status()["mark_warnings"] == [] and not lab.servers("FWM 90"))


def second_lvsd_refuses(lab):
    second = run(*lab.enter_director(f"{lab.binaries}/lvsd", "-n"), check=False)
    expect(second.returncode == 1 and "another lvsd runs in this network namespace" in second.stderr and
           f"pid {lab.lvsd.pid}" in second.stderr, second.stderr)
    expect(lab.get() in ("one", "two"), "the first serves")


def disarmed_and_killed_it_is_not_said_to_forward(lab):
    lab.ask(do="role", active=False)
    lab.lvsd.kill()
    lab.lvsd.wait()
    status = lvsctl(lab, "status").stdout
    expect("the core here has let go" in status and "as before" not in status, status)
    refused = run(*lab.enter_director(f"{lab.binaries}/lvsadm", "-C"), check=False)
    expect(refused.returncode == 2 and "has let go and begins no connection" in refused.stderr, f"{refused}")
    lab.start_lvsd()


def terminated_lvsd_leaves_forwarding(lab):
    lab.lvsd.terminate()
    expect(lab.lvsd.wait(PATIENCE_S) == 0, "exit status 0")
    expect(lab.get() in ("one", "two"), "forwarding goes on")
    lab.start_lvsd("--standby")
    expect(lab.status()["armed"] and lab.get() in ("one", "two"), "a returning one leaves the core armed")


AS_CHECKED = {"has_way": True, "checks_stopped": False, "cut_services": 0,
              "failing_if_active": 0, "failing_if_standby": 0, "failing": [], "doubtful": [],
              "uncheckable": [], "recovered": [], "certain": []}


def role_arms_and_disarms(lab):
    answer = lab.ask(do="role", active=False)
    expect(answer == {"ready": True, "armed": False, **AS_CHECKED, "ok": True}, f"standby: {answer}")
    expect(lab.get(patience=SILENCE_S) == "nothing", "a standby schedules nothing")
    expect(lab.in_table() == ["one", "two"], "its table is warm")
    answer = lab.ask(do="role", active=True)
    expect(answer == {"ready": True, "armed": True, **AS_CHECKED, "ok": True}, f"active: {answer}")
    expect(lab.get() in ("one", "two"), "and serves")
    expect(not lab.ask(do="role")["ok"] and not lab.ask(do="nonsense")["ok"], "wrong requests are refused")


def plan_tells_what_a_reload_would_do(lab):
    lvsctl = f"{lab.binaries}/lvsctl"
    nothing = run(*lab.enter_director(lvsctl, "plan"), check=False)
    expect((nothing.returncode, nothing.stdout) == (0, "nothing to change\n"), f"nothing to do: {nothing}")
    lab.configure(more="core = kernel")
    refused = run(*lab.enter_director(lvsctl, "plan"), check=False)
    expect(refused.returncode == 1 and "core: another value needs a restart" in refused.stdout, f"refused: {refused}")
    lab.configure(extra="".join(f"server s{i} {{\naddress = 10.1.{i // 250}.{1 + i % 250}\nactive = 1\n}}\n" for i in range(1025)))
    too_many = run(*lab.enter_director(lvsctl, "plan"), check=False)
    expect(too_many.returncode == 1 and "virtual: unsupported: " in too_many.stdout, f"cannot be served: {too_many}")
    lab.configure(weight=3)
    expect(len(lab.ask(do="plan")["operations"]) == 1, "one weight differs")
    planned = run(*lab.enter_director(f"{lab.binaries}/lvsd", "--plan")).stdout
    expect("10.0.0.1:80" in planned and len(planned.splitlines()) == 1, f"lvsd --plan says the same: {planned}")
    expect(lab.servers()["one"]["weight"] == 1, "and nothing was changed")
    lab.configure(more="conntrack = 1\ntcp_timeout = 61\n")
    settings = run(*lab.enter_director(lvsctl, "plan")).stdout
    expect(settings == "lvs.cf: tcp_timeout: from 0 to 61\nlvs.cf: conntrack: from 0 to 1\n"
                       "set net.ipv4.vs.conntrack to 1\nset time-outs: tcp 61 s\n", f"settings too: {settings}")
    lab.configure(more="nat_router = 10.0.0.253 eth7:1\n")
    lacking = run(*lab.enter_director(lvsctl, "plan"), check=False)
    expect(lacking.returncode == 1 and "this machine has no device eth7 for 10.0.0.253" in lacking.stdout, f"{lacking}")
    lab.configure(text="virtual web {\n")
    expect("lvs.cf" in lab.ask(do="reload")["error"], "reload by request tells the error")
    lab.configure()
    expect(lab.ask(do="reload")["ok"], "and works")


def forwarding_that_was_switched_off_is_on_again(lab):
    lab.configure()
    lab.ask(do="reload")
    run(*lab.enter_director("sysctl", "-qw", "net.ipv4.ip_forward=0"))
    eventually("repaired", lambda: run(*lab.enter_director("cat", "/proc/sys/net/ipv4/ip_forward")).stdout == "1\n",
               patience=1)
    expect(lab.status()["sysctl_repairs"] == 1, "and counted")


def defence_is_as_lvs_cf_says_and_as_before_without_it(lab):
    def said():
        return [lab.lvsadm("--setting", name).split()[-1] for name in ("drop_entry", "secure_tcp", "am_droprate")]
    before = said()
    lab.lvsadm("--setting", "am_droprate=7")
    lab.configure(more="drop_entry = 1\nsecure_tcp = 3\nam_droprate = 20\n")
    lab.ask(do="reload")
    eventually("as the file says", lambda: said() == ["1", "3", "20"])
    lab.lvsd.kill()
    lab.lvsd.wait()
    lab.start_lvsd()
    lab.configure()
    lab.ask(do="reload")
    eventually(f"as they were: {said()}", lambda: said() == [before[0], before[1], "7"])
    lab.lvsadm("--setting", f"am_droprate={before[2]}")


def remove_beside_a_running_lvsd_is_refused(lab):
    removal = run(*lab.enter_director(f"{lab.binaries}/lvsd", "--core", "--remove"), check=False)
    expect(removal.returncode == 1 and "lvsd runs in this network namespace" in removal.stderr, f"refused: {removal}")
    expect(lab.get() in ("one", "two"), "served all the same")


def remove_takes_everything_away(lab):
    lab.configure(more=MARKED)
    lab.hang_up()
    eventually("marked, and saved", lambda: all("LVS" in rules for rules in rules_of_marks(lab)))
    lab.lvsd.terminate()
    expect(lab.lvsd.wait(PATIENCE_S) == 0, "exit status 0")
    removal = run(*lab.enter_director(f"{lab.binaries}/lvsd", "--core", "--remove"))
    expect(not any("LVS" in rules for rules in rules_of_marks(lab)), f"no rule of ours: {rules_of_marks(lab)}")
    expect("event=marks-removed" in removal.stderr, f"and that is said: {removal.stderr}")
    expect(lab.get(patience=SILENCE_S) == "nothing", "no forwarding")
    listing = run(*lab.enter_director(f"{lab.binaries}/lvsadm", "-L", "-n"), check=False)
    expect(listing.returncode == 2 and "no embedded core listens" in listing.stderr, f"nothing to read: {listing}")
    trace = run(*lab.enter_director(f"{lab.binaries}/lvsadm", "--trace"), check=False)
    expect(trace.returncode == 2 and "no embedded core" in trace.stderr + trace.stdout, f"nothing to trace: {trace}")
    links = run(*lab.enter_director("ip", "-brief", "link")).stdout
    expect("ipvs0" not in links, f"no device left: {links}")
    forward = run(*lab.enter_director("cat", "/proc/sys/net/ipv4/ip_forward")).stdout.strip()
    expect(forward == "0", "ip_forward as it was before")


def core_that_is_left_serves_until_the_other_is_there(lab):
    lab.configure()
    lab.start_lvsd()
    eventually("the embedded core serves", lambda: lab.get(patience=SILENCE_S) in ("one", "two"))
    lab.lvsd.terminate()
    lab.lvsd.wait(PATIENCE_S)
    lab.configure(more="core = kernel")
    lab.start_lvsd()
    expect(lab.status()["core"] == "kernel", "the other core is driven, whether it can be or not")
    eventually("a core serves", lambda: lab.get(patience=SILENCE_S) in ("one", "two"))
    kernel_can = run(*lab.enter_director("test", "-e", "/proc/net/ip_vs"), check=False).returncode == 0
    embedded_is_there = "ipvs0" in run(*lab.enter_director("ip", "-brief", "link")).stdout
    expect(embedded_is_there != kernel_can, f"one of the two, and ip_vs if this kernel has it ({kernel_can})")

    lab.lvsd.terminate()
    lab.lvsd.wait(PATIENCE_S)
    folders = run(*lab.enter_director("sh", "-c", "echo /run/lvs/*/")).stdout.split()
    expect(len(folders) == 1, f"one network namespace: {folders}")
    record = f"{folders[0]}ip_vs"
    run(*lab.enter_director("sh", "-c", f"echo mark 4242 4 >{record}"))
    lab.configure()
    lab.start_lvsd()
    eventually("the embedded core serves again", lambda: lab.get(patience=SILENCE_S) in ("one", "two"))
    expect(run(*lab.enter_director("ls", record), check=False).returncode != 0, "nothing is ours in ip_vs any more")


STORIES = [
    without_libnftables_lvsd_says_what_to_install,
    table_appears_and_serves,
    where_says_beforehand_who_answers,
    trace_shows_what_becomes_of_packets,
    trace_names_a_server_without_a_way_back,
    trace_outlives_lvsd,
    nanny_has_no_privileges,
    dead_server_is_removed_and_comes_back,
    own_link_down_is_no_fault_of_the_servers,
    reload_changes_only_what_changed,
    denied_client_stalls_and_comes_back,
    broken_reload_keeps_what_runs,
    killed_lvsd_adopts,
    stopped_lvsd_can_be_read,
    killed_lvsd_can_be_read,
    killed_again_and_again_serves,
    killed_nanny_costs_nothing,
    frozen_nanny_is_replaced_and_a_dead_server_found,
    sctp_is_checked_or_the_kernel_is_named,
    scripts_run_as_their_user_and_outlive_nobody,
    frozen_script_runner_is_replaced,
    named_checks_speak_their_protocols,
    pings_are_answered_and_missed,
    without_libcurl_http_checks_wait_for_it,
    names_wait_for_nobody_and_keep_their_address,
    foreign_service_is_left_alone,
    flushed_table_is_repaired,
    rules_of_output_that_take_new_connections_away_are_told,
    policies_of_ipsec_are_kept,
    tracking_is_switched_under_traffic,
    sorry_server_serves_when_all_are_dead,
    the_director_itself_is_the_sorry_server,
    servers_that_pass_serve_where_none_has_proved_itself,
    marks_are_set_and_saved,
    marks_that_nobody_sets_are_warned_about,
    second_lvsd_refuses,
    plan_tells_what_a_reload_would_do,
    disarmed_and_killed_it_is_not_said_to_forward,
    terminated_lvsd_leaves_forwarding,
    role_arms_and_disarms,
    forwarding_that_was_switched_off_is_on_again,
    defence_is_as_lvs_cf_says_and_as_before_without_it,
    remove_beside_a_running_lvsd_is_refused,
    remove_takes_everything_away,
    core_that_is_left_serves_until_the_other_is_there,
]


def main(binaries, names):
    if os.geteuid() != 0:
        print("skipped: needs root for network namespaces")
        return 77
    lab = Lab(binaries)
    try:
        lab.up()
        for story in [story for story in STORIES if story.__name__ in names or not names]:
            begin = time.monotonic()
            try:
                story(lab)
            except AssertionError as error:
                print(f"FAILED {story.__name__}: {error}\n--- lvsd.log\n{lab.log_text()[-6000:]}")
                return 1
            print(f"ok {story.__name__} {time.monotonic() - begin:.1f} s", flush=True)
    finally:
        lab.down()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
