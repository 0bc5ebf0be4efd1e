"""A Debian machine in namespaces, with systemd as its first process and our package at hand: its root is made once by
mmdebstrap, and each machine has an overlay over it."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

PATIENCE_S = 60
# What is in the root besides the package's own Depends: a system that boots, and hands to look at it.
TOOLS = ["systemd", "systemd-sysv", "dbus", "iproute2", "procps", "nftables", "psmisc"]
BOOT = r"""
set -e
mount --make-rprivate /
if [ -n "$3" ]; then mount --bind "$3" /mnt; else mount -t tmpfs tmpfs /mnt; fi
mkdir -p /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
root=/mnt/root
find "$2" -name '*.deb' -exec cp -t $root/root {} +
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=755 tmpfs $root/dev
mkdir -p $root/dev/pts $root/dev/shm $root/old
mount -t devpts -o newinstance,ptmxmode=666 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
for device in null zero full random urandom tty; do touch $root/dev/$device; mount --bind /dev/$device $root/dev/$device; done
ip link set lo up
echo ready
cd $root && pivot_root . old && umount -l /old && rmdir /old
read plugged_in
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=journal
"""


def run(*command, check=True, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def eventually(what, condition):
    end = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < end, f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.05)


def field(deb, name):
    return run("dpkg-deb", "--field", deb, name).stdout.strip()


def make_root(folder, deb):
    root, ready = folder / "system", folder / "system.ready"
    needs = [re.split(r"[ (|]", each.strip())[0] for each in field(deb, "Depends").split(",")]
    wanted = ",".join(sorted(set(needs + TOOLS) - {"systemd-standalone-sysusers"}))
    if ready.exists() and ready.read_text() == wanted:
        return root
    shutil.rmtree(root, ignore_errors=True)
    code = run("sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME").stdout.strip()
    archives = [file for file in ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
                if os.path.exists(file) and os.path.getsize(file)]
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={wanted}", code, str(root), *archives)
    ready.write_text(wanted)
    return root


def fetch(folder, *packages):
    """The packages themselves, once, for a machine that has no way to an archive."""
    kept = folder / "fetched"
    kept.mkdir(exist_ok=True)
    if not all(list(kept.glob(f"{package}_*.deb")) for package in packages):
        run("apt-get", "download", *packages, cwd=kept)
    return [file for package in packages for file in kept.glob(f"{package}_*.deb")]


def newer(deb, folder, version):
    """The same package as another version, whose unit differs too."""
    with tempfile.TemporaryDirectory() as scratch:
        run("dpkg-deb", "--raw-extract", str(deb), f"{scratch}/tree")
        control = pathlib.Path(scratch, "tree/DEBIAN/control")
        control.write_text(re.sub("^Version: .*", f"Version: {version}", control.read_text(), flags=re.M))
        unit = pathlib.Path(scratch, "tree/lib/systemd/system/pulse.service")
        unit.write_text(unit.read_text().replace("[Service]", f"[Service]\nEnvironment=CARIBE_TRIAL={version}"))
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", f"{scratch}/tree", f"{folder}/caribe_{version}.deb")


def cgroup_parent():
    for folder in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        if os.path.exists(f"{folder}/cgroup.procs") and os.path.exists(f"{folder}/cgroup.controllers"):
            return pathlib.Path(folder)
    return None


def lacking():
    """Why this machine cannot hold another one; empty: it can."""
    if os.geteuid() != 0:
        return "not root"
    if not cgroup_parent():
        return "no cgroup2 here"
    return "" if os.path.exists("/lib/systemd/systemd") else "no systemd installed here"


class Machine:
    """Number NUMBER of the segments 192.0.2.0/24 (eth0) and 10.0.0.0/24 (eth1). What it writes is in DISK, so that it is there
    after a reboot; without one, nowhere."""

    def __init__(self, root, debs, number=1, disk=""):
        self.root, self.debs, self.number, self.disk = root, debs, number, disk
        self.cgroup = cgroup_parent() / f"caribe-machine-{os.getpid()}-{number}"

    def __enter__(self):
        self.power_on()
        return self

    def __exit__(self, *_):
        if self.cgroup.exists():
            self.power_cut()

    def power_on(self, devices=(0, 1)):
        self.cgroup.mkdir()
        script = f'echo $$ > "{self.cgroup}/cgroup.procs" && exec "$@"'
        self.first = subprocess.Popen(
            ["sh", "-c", script, "sh", "unshare", "--cgroup", "--pid", "--fork", "--kill-child", "--mount", "--net", "--ipc",
             "--uts", "--mount-proc", "sh", "-c", BOOT, "boot", str(self.root), str(self.debs), str(self.disk),
             str(self.number)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.PIPE, text=True)
        said = []
        for line in self.first.stdout:
            said.append(line)
            if line == "ready\n":
                break
        expect(said and said[-1] == "ready\n", f"the machine's root: {''.join(said)}")
        self.pid = run("pgrep", "-P", str(self.first.pid)).stdout.split()[0]
        for device in devices:
            self.plug_in(device)
        self.first.stdin.write("plugged in\n")
        self.first.stdin.close()
        eventually("systemd runs", lambda: re.search("running|degraded", self("systemctl", "is-system-running", check=False)))

    def plug_in(self, device):
        address = (f"192.0.2.{self.number}/24", f"10.0.0.{self.number + 1}/24")[device]
        near, far = f"eth{device}", f"far{device}"
        for words in (("link", "add", near, "type", "veth", "peer", "name", far), ("link", "set", far, "up"),
                      ("address", "add", address, "dev", near), ("link", "set", near, "up")):
            run("nsenter", "-t", self.pid, "-n", "ip", *words)
        self.wire(device)

    def wire(self, device):
        """Where the far end of a device goes."""

    def power_cut(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(self.pid), 9)
        self.is_off()

    def is_off(self):
        self.first.wait(timeout=PATIENCE_S)
        eventually("its processes are gone", lambda: not (self.cgroup / "cgroup.procs").read_text())
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            os.rmdir(folder)

    def __call__(self, *command, check=True):
        done = run("nsenter", "-t", self.pid, "-m", "-p", "-n", "-C", "-u", "-i", "--", *command, check=False,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"})
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def write(self, path, text):
        pathlib.Path(f"/proc/{self.pid}/root{path}").write_text(text, encoding="utf-8")

    def read(self, path):
        return pathlib.Path(f"/proc/{self.pid}/root{path}").read_text(encoding="utf-8")

    def keeper(self):
        return int(self("systemctl", "show", "--value", "-p", "MainPID", "pulse"))

    def is_active(self):
        return "active" in re.findall(r"^pulse +(\w+)", self("lvsctl", "status", check=False), re.M)

    def holds(self):
        return "192.0.2.10/" in self("ip", "address", "show", "dev", "eth0")

    def traces(self):
        """What the suite leaves in the kernel."""
        found = [line for line in self("nft", "list", "tables").splitlines() if "lvs" in line]
        for device in ("eth0", "eth1", "lo"):
            found += self("tc", "filter", "show", "dev", device, "ingress").splitlines()
        return found + re.findall(r"\bipvs0\b", self("ip", "link"))

    def files(self):
        skip = "/proc|/sys|/dev|/run|/tmp|/root|/var/log|/var/lib/dpkg|/var/cache|/var/lib/systemd|/var/tmp"
        listing = self("find", "/", "-regextype", "egrep", "-regex", f"({skip})", "-prune", "-o", "-print")
        return set(listing.splitlines())
