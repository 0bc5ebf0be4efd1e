"""Process 1 of a director of the lab: a machine with a disk and a memory of its own.

Runs in fresh network, mount, process and host name namespaces. /etc, /usr and /var are overlays: below them the
machine that the lab runs on and what was installed for the lab, above them the director's disk, which outlives a
power loss. /run, /tmp and /dev are memory and do not. Then it is what an init is: it reaps orphans, and it listens
on /dev/log and writes /var/log/messages, so that daemons find a syslog as on a real machine.

Killing this process kills everything on the machine at once: the kernel ends all processes of a PID namespace with
its first one.

usage: machine.py NAME DISK_FOLDER INSTALL_FOLDER    (prints "ready" when up)
"""
import datetime
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DATAGRAM_MAX = 65536
# "<30>Nov 22 07:40:00 pulse[7]: text": priority and the sender's time stamp are replaced by our own.
SYSLOG_PREFIX = re.compile(rb"^<\d+>(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def lay_disk(disk, install):
    for top in ("etc", "usr", "var"):
        upper, work = disk / top, disk / f"{top}.work"
        upper.mkdir(parents=True, exist_ok=True)
        work.mkdir(exist_ok=True)
        installed = install / top
        lower = f"{installed}:/{top}" if installed.is_dir() else f"/{top}"
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", f"/{top}")


def lay_memory():
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for folder in ("lock", "lock/subsys"):
        os.mkdir(f"/run/{folder}")
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/tmp")
    mount("-t", "proc", "proc", "/proc")
    mount("-t", "sysfs", "sysfs", "/sys")
    subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=False)
    # Everything of the old /dev that is needed is bound into the new one before that covers it.
    new = pathlib.Path("/run/dev")
    new.mkdir()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(new))
    for name in DEVICES:
        (new / name).touch()
        mount("--bind", f"/dev/{name}", str(new / name))
    for name in ("pts", "shm"):
        (new / name).mkdir()
        mount("--rbind", f"/dev/{name}", str(new / name))
    (new / "fd").symlink_to("/proc/self/fd")
    (new / "ptmx").symlink_to("pts/ptmx")
    mount("--move", str(new), "/dev")
    new.rmdir()


def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass


def keep_log(log, name):
    while True:
        message = SYSLOG_PREFIX.sub(b"", log.recv(DATAGRAM_MAX)).rstrip(b"\0\n")
        now = datetime.datetime.now().isoformat(timespec="milliseconds")
        with open("/var/log/messages", "ab") as messages:
            messages.write(f"{now} {name} ".encode() + message + b"\n")


def main():
    name, disk, install = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    socket.sethostname(name)
    lay_disk(disk, install)
    lay_memory()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    signal.signal(signal.SIGCHLD, reap)
    print("ready", flush=True)
    keep_log(log, name)


main()
