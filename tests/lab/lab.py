"""A pair of directors, a client and real servers on one machine.

                              client
                                |
           ----- public --------+-------------------
                |                           |
           director-a ---- private ---- director-b
                |                           |
           ----- inside ----+-----+-----+-----+-----
                           rs1   rs2   rs3   rs4

With direct routing each real server has a second card on `public`, or the directors are the real servers and there are
no others (sites.py). Each box is a network namespace, `switch` is one more with a bridge for each line; a link is a
veth pair, so every device has the name that it would have on a real machine and none ever appears in the machine's own
namespace. Directors are more than that: see machine.py. All namespaces are named LAB-NODE, all files live in one
folder; a lab is removed by killing what runs in its namespaces, deleting them, and deleting the folder.

All these machines share the processors of one. What is measured runs on the first processor, servers and prober with
real-time priority; directors run on the others. Otherwise a director that boots (its core's maps are 100 MB that the
kernel clears in one system call) would take time from clients and servers, which no real one can.
"""
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

import config

HERE = pathlib.Path(__file__).resolve().parent
READY_TIMEOUT_S = 60
PORTS = ("public", "inside", "private")


class LabError(Exception):
    """The lab itself cannot be made or used; says nothing about the suite."""


def run(*argv, check=True, text=None, timeout=60):
    done = subprocess.run([str(a) for a in argv], input=text, capture_output=True, text=True, timeout=timeout,
                          check=False)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: exit status {done.returncode}: {done.stderr.strip()}")
    return done


def split_processors(usable):
    """(for clients and servers, for directors), as taskset takes them."""
    first, *others = sorted(usable)
    return str(first), ",".join(map(str, others or [first]))


def wait_until(what, holds, timeout, poll_s=0.01):
    """Polls until `holds()` is true and returns its value; LabError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout} s in vain: {what}")
        time.sleep(poll_s)


def scratch_folder(name):
    """Overlays cannot lie on an overlay (a container's /tmp): then memory."""
    for parent in ("/tmp", "/dev/shm"):
        if run("stat", "-f", "-c", "%T", parent).stdout.strip() != "overlayfs":
            return pathlib.Path(parent) / f"lab-{name}"
    raise LabError("neither /tmp nor /dev/shm can carry an overlay's upper folder")


class Lab:
    def __init__(self, name):
        self.name = name
        self.folder = scratch_folder(name)
        self._claim = None
        self._site = None
        self._children = []  # Popen objects that we reap
        self._traffic_cpu, self.director_cpus = split_processors(os.sched_getaffinity(0))

    # ---- naming and entering

    def namespace(self, node):
        return f"{self.name}-{node}"

    def init_pid(self, director):
        file = self.folder / f"{director.name}.pid"
        return int(file.read_text()) if file.exists() else None

    def inside(self, node):
        """The command prefix that runs the rest on `node` (a director or a node's name)."""
        if isinstance(node, config.Director):
            pid = self.init_pid(node)
            if pid is None:
                raise LabError(f"{node.name} has no power")
            return [*self._on_processors(node.name), "nsenter", f"--target={pid}", "--mount", "--uts", "--net",
                    "--pid", "--"]
        return [*self._on_processors(node), "nsenter", f"--net=/run/netns/{self.namespace(node)}", "--"]

    def _on_processors(self, name):
        if self._traffic_cpu == self.director_cpus:
            return []
        return ["taskset", "--cpu-list", self.director_cpus if name.startswith("director") else self._traffic_cpu]

    def _for_traffic(self):
        return ["taskset", "--cpu-list", self._traffic_cpu]

    def on(self, node, *argv, **options):
        return run(*self.inside(node), *argv, **options)

    def spawn(self, node, *argv, **options):
        """A process on `node`, in a session of its own so that Ctrl-C reaches the drill alone."""
        options.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen([*self.inside(node), *map(str, argv)], start_new_session=True, cwd="/", **options)
        self._children.append(child)
        return child

    # ---- the whole

    def claim(self):
        """One drill at a time may use a lab's name. The claim is an abstract socket: it ends with its process and
        leaves no file behind."""
        self._claim = socket.socket(socket.AF_UNIX)
        try:
            self._claim.bind(f"\0lab-{self.name}")
        except OSError:
            raise LabError(f"another drill is using the lab `{self.name}`; give this one another --lab NAME") from None

    def build(self, site, install, lvs_cf):
        """Everything but the directors' daemons. `install(folder)` puts the suite's files below folder."""
        self._site = site
        self.folder.mkdir(parents=True)
        install(self.folder / "install")
        for node in ("switch", "client"):
            self._add_namespace(node)
        for bridge in PORTS:
            self._ip("switch", f"link add {bridge} type bridge\nlink set {bridge} up\n")
        self._plug("client", "eth0", "client", "public")
        addresses = [config.CLIENT, *config.VISITORS]
        self._ip("client", "".join(f"addr add {a}/24 dev eth0\n" for a in addresses) + "link set eth0 up\n")
        self._make_certificate()
        for server in site.servers:
            self._write_web_server(server)
            if not site.servers_are_directors:
                self._add_real_server(server)
        key = secrets.token_hex(32)
        for director in config.DIRECTORS:
            self._write_configuration(director, lvs_cf, key)
            self.power_on(director)

    def clean(self):
        names = [n for n in os.listdir("/run/netns") if n.startswith(f"{self.name}-")] if os.path.isdir(
            "/run/netns") else []
        for name in names:
            self._kill_all_in(name)
        for child in self._children:
            child.wait()
        self._children.clear()
        for name in names:
            run("ip", "netns", "del", name)
        if self.folder.exists():
            wait_until("the directors' disks are unmounted", self._remove_folder, READY_TIMEOUT_S)

    def _remove_folder(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        return not self.folder.exists()

    # ---- directors

    def power_on(self, director):
        """Plugs the director in and boots it; its disk is as the last power loss left it."""
        self._add_namespace(director.name)
        for number in range(len(PORTS)):
            self.put_card(director, number)
        if self._site.servers_are_directors:
            self._own_virtual_addresses(director.name)
        complaints = open(self.folder / f"{director.name}.boot", "w")
        machine = subprocess.Popen(
            [*self.inside(director.name), "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child",
             "/usr/bin/python3", "-B", HERE / "machine.py", director.name, self.folder / "disk" / director.name,
             self.folder / "install"],
            start_new_session=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints,
            text=True)
        self._children.append(machine)
        if machine.stdout.readline().strip() != "ready":
            raise LabError(f"{director.name} does not boot: see {complaints.name}")
        (pid,) = run("pgrep", "--parent", machine.pid).stdout.split()
        (self.folder / f"{director.name}.pid").write_text(pid)
        if self._site.servers_are_directors:
            self._start_web_server(self._server_on(director))

    def put_card(self, director, number):
        """Its network card of that number, with its addresses."""
        card, segment, address = f"eth{number}", PORTS[number], director.own_addresses[number]
        self._plug(director.name, card, f"{director.letter}-{segment}", segment, director.mac(number))
        self._ip(director.name, f"addr add {address}/24 dev {card}\nlink set {card} up\n")

    def power_off(self, director):
        """All processes at once, and the cards with them; the switch notices in the same moment."""
        os.kill(self.init_pid(director), signal.SIGKILL)
        self.cut(director)
        (self.folder / f"{director.name}.pid").unlink()
        name = self.namespace(director.name)
        self._kill_all_in(name)
        run("ip", "netns", "del", name)
        ports = {f"{director.letter}-{segment}" for segment in PORTS}
        wait_until(f"{director.name}'s cards are gone",
                   lambda: ports.isdisjoint(self.switch_ports()), READY_TIMEOUT_S)

    def cut(self, node):
        """All its links in one step of the kernel: cut one by one, it could still say goodbye over the others."""
        self._ip("switch", f"link set group {self._group(node.name)} down\n")

    def mend(self, node):
        self._ip("switch", f"link set group {self._group(node.name)} up\n")

    def unplug(self, port):
        self._ip("switch", f"link set {port} down\n")

    def plug_in(self, port):
        self._ip("switch", f"link set {port} up\n")

    def switch_ports(self):
        lines = self.on("switch", "ip", "-o", "link").stdout.splitlines()
        return [line.split(": ")[1].split("@")[0] for line in lines]

    def service(self, director, verb):
        return self.on(director, "service", "pulse", verb)

    def processes(self, director):
        """{pid: name} of the director's live processes, as the machine under the lab numbers them. All of its processes
        descend from its first one; walking down from there is quick enough to do a hundred times a second.
        """
        found, unseen = {}, [self.init_pid(director)]
        while unseen:
            pid = unseen.pop()
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    children = pathlib.Path(f"/proc/{pid}/task/{thread}/children").read_text()
                    unseen.extend(int(child) for child in children.split())
                found[pid] = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def pids(self, director, program):
        return [pid for pid, name in self.processes(director).items() if name == program]

    def kill(self, director, program, number=signal.SIGKILL):
        count = 0
        for pid in self.pids(director, program):
            try:
                os.kill(pid, number)
                count += 1
            except ProcessLookupError:
                pass
        return count

    # ---- real servers

    def take_down(self, server):
        """The machine is cut off; of one that is a director, too, the web server ends."""
        if self._site.servers_are_directors:
            self._stop_web_server(server)
        else:
            self.cut(server)

    def bring_up(self, server):
        if self._site.servers_are_directors:
            self._start_web_server(server)
        else:
            self.mend(server)
            self.forget_neighbours(server.name)

    def forget_neighbours(self, node):
        """A server that comes back has booted. With its old table it might still wait, for up to a second, for the
        answer to an ARP request for its gateway, or for a client, that it sent while it was cut off."""
        self.on(node, "ip", "neighbour", "flush", "all")

    def forget_virtual_addresses(self, server):
        self._ip(server.name, "".join(f"addr del {address}/32 dev lo\n" for address in config.VIRTUAL))

    def _add_real_server(self, server):
        self._add_namespace(server.name)
        self._plug(server.name, "eth0", server.name, "inside")
        self._ip(server.name, f"addr add {server.address}/24 dev eth0\nlink set eth0 up\n")
        if self._site.replies_pass_directors:
            self._ip(server.name, f"route add default via {config.NAT_ROUTER}\n")
        else:
            self._plug(server.name, "eth1", f"{server.name}-public", "public")
            self._ip(server.name, f"addr add {server.public}/24 dev eth1\nlink set eth1 up\n")
            self._own_virtual_addresses(server.name)
        self._start_web_server(server)

    def _own_virtual_addresses(self, node):
        """As lvs.cf(5) says: their packets are accepted, and nobody hears of them by ARP. Requests may come in by
        another card than the one that leads back to the client."""
        for name, value in (("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 2)):
            self.on(node, "sysctl", "--quiet", "--write", f"net.ipv4.conf.all.{name}={value}")
        self._ip(node, "".join(f"addr add {address}/32 dev lo\n" for address in config.VIRTUAL))

    def _server_on(self, director):
        return next(server for server in self._site.servers if server.name == director.name)

    # ---- pieces

    def _group(self, node):
        """The switch ports of one node are one device group; 0 is the kernel's default group."""
        return 1 + config.NODES.index(node)

    def _add_namespace(self, node):
        name = self.namespace(node)
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def _ip(self, node, batch):
        run("ip", "-n", self.namespace(node), "-batch", "-", text=batch)

    def _plug(self, node, card, port, segment, mac=None):
        address = ["address", mac] if mac else []
        run("ip", "link", "add", card, *address, "netns", self.namespace(node), "type", "veth",
            "peer", "name", port, "netns", self.namespace("switch"))
        self._ip("switch", f"link set {port} master {segment} group {self._group(node)}\nlink set {port} up\n")

    def _kill_all_in(self, name):
        """Until nothing is left: a process may fork between the list and the signal."""
        def empty():
            pids = run("ip", "netns", "pids", name).stdout.split()
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            for child in self._children:
                child.poll()
            return not pids
        wait_until(f"{name} has no processes", empty, READY_TIMEOUT_S)

    def _make_certificate(self):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=web.example", "-keyout", self.folder / "web.key",
            "-out", self.folder / "web.crt")

    def _web_folders(self, server):
        """(as this machine names it, as the server does): a director has its own /tmp, and a disk."""
        if self._site.servers_are_directors:
            return self.folder / "disk" / server.name / "var" / "web", pathlib.Path("/var/web")
        return self.folder / server.name, self.folder / server.name

    def _write_web_server(self, server):
        outside, folder = self._web_folders(server)
        outside.mkdir(parents=True)
        for file in ("web.key", "web.crt"):
            shutil.copy(self.folder / file, outside / file)
        temporary = "".join(f"  {kind}_temp_path {folder}/{kind};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (outside / "nginx.conf").write_text(f"""\
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type text/plain;
  keepalive_timeout 300s;
  keepalive_requests 1000000;
{temporary}  server {{
    listen 80;
    listen 443 ssl;
    ssl_certificate {folder}/web.crt;
    ssl_certificate_key {folder}/web.key;
    location / {{ return 200 "{server.name}\\n"; }}
  }}
}}
""")

    def _start_web_server(self, server):
        self.spawn(self._machine_of(server), *self._for_traffic(), "chrt", "--rr", "1", *self._nginx(server))

    def _stop_web_server(self, server):
        self.on(self._machine_of(server), *self._nginx(server), "-s", "stop")

    def _nginx(self, server):
        _, folder = self._web_folders(server)
        return ["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"]

    def _machine_of(self, server):
        return find_node(server.name)

    def _write_configuration(self, director, lvs_cf, key):
        folder = self.folder / "disk" / director.name / "etc" / "sysconfig" / "ha"
        folder.mkdir(parents=True)
        (folder / "lvs.cf").write_text(lvs_cf)
        secret = folder / "heartbeat.key"
        secret.touch(mode=0o600)
        secret.write_text(key + "\n")


def find_node(name):
    """A director or a plain node's name; LabError for an unknown one."""
    for director in config.DIRECTORS:
        if director.name == name:
            return director
    if name in config.NODES:
        return name
    raise LabError(f"no node `{name}`: client, switch, director-a, director-b, rs1..rs4")


def enter(argv):
    """./run enter [--lab NAME] NODE [CMD...]: a shell or a command on a node of a held lab."""
    name = "caribe"
    if argv[:1] == ["--lab"] and len(argv) > 2:
        name, argv = argv[1], argv[2:]
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: ./run enter [--lab NAME] NODE [CMD...]\n"
              "NODE: client, switch, director-a, director-b, rs1..rs4 of a lab kept by `./run drill --hold`")
        return 0 if argv else 2
    try:
        node = find_node(argv[0])
        lab = Lab(name)
        if not lab.folder.exists():
            raise LabError(f"there is no lab `{name}`: start one with `./run drill --hold`")
        prefix = lab.inside(node)
    except LabError as error:
        print(f"enter: {error}", file=sys.stderr)
        return 1
    command = argv[1:] or ["env", f"PS1={argv[0]}:\\w# ", "bash", "--norc"]
    os.chdir("/")
    os.execvp(prefix[0], [*prefix, *command])
