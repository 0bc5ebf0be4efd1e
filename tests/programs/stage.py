"""What every story has: the network, the director with its core, a folder, and the programs that it started. All of them end
with the stage, which lives in a process namespace of its own (run.py): not even a killed run leaves one behind.
"""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

from director import Director
from topology import OWN, Topology

PATIENCE_S = 60.0
PAUSE_S = 0.02
FAMILIES = (4, 6)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def eventually(what, condition):
    """Polls until the condition holds, and returns what it returned."""
    end = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < end, f"not within {PATIENCE_S:.0f} s: {what}")
        time.sleep(PAUSE_S)


class Stage:
    def __init__(self, binaries, core, is_long=False):
        self.folder = tempfile.mkdtemp(prefix="programs-")
        os.chmod(self.folder, 0o755)
        self.processes, self.core, self.is_long, self.title, self.ways = [], core, is_long, "", 0
        self.topology = Topology()
        self.director = Director(self.topology["director"], binaries, core, self.folder)

    def close(self):
        for process in self.processes:
            self.end(process)
        self.director.stop()
        self.topology.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def some(self, all_ways, few):
        """In a long run all ways, else these."""
        return all_ways if self.is_long else few

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start(self, node, *command, log=None):
        """A program that lives on; what it says goes to a file of its own."""
        log = log or self.path(f"{node}-{os.path.basename(command[0])}-{len(self.processes)}.log")
        with self.topology[node], open(log, "w", encoding="utf-8") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder)
        process.log = log
        self.processes.append(process)
        return process

    def finished(self, process, *statuses):
        """What it said, once it has ended with one of these statuses; 0, if there are none."""
        got = process.wait(timeout=2 * PATIENCE_S)
        expect(got in (statuses or (0,)), f"{' '.join(process.args)}: {got} instead of {statuses or 0}\n{self.said(process)[-3000:]}")
        return self.said(process)

    def lives(self, process):
        """For a condition that waits for what this process does: it fails at once when that has ended."""
        expect(process.poll() is None, f"{' '.join(process.args)} ended: {process.poll()} {self.said(process)[-3000:]}")

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    @staticmethod
    def said(process):
        with open(process.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def run(self, node, *command, status=0, given=None, limit=120):
        """The output of a program, which has to end with this status; None: with any, and the finished process."""
        with self.topology[node]:
            done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=limit, cwd=self.folder,
                                  stdin=subprocess.DEVNULL if given is None else None, errors="replace")
        if status is None:
            return done
        expect(done.returncode == status,
               f"{' '.join(command)}: {done.returncode} instead of {status}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def listens(self, node, port, process, kind="t"):
        eventually(f"port {port} open at {node}: {self.said(process)[-2000:]}",
                   lambda: f":{port} " in self.run(node, "ss", f"-Hln{kind}") or self.lives(process))

    @contextlib.contextmanager
    def way(self, *words):
        """One of the ways in which a story is played: what fails in it is told with its name."""
        name = " ".join(str(word) for word in words)
        try:
            yield
        except (AssertionError, subprocess.TimeoutExpired) as error:
            raise AssertionError(f"{self.title} [{name}]: {error}") from error
        self.ways += 1

    def kill_lvsd_while(self, is_running):
        """Killed and started again, as often as there is time while the traffic goes on."""
        times = 0
        while is_running() or times == 0:
            self.director.kill()
            self.director.start()
            times += 1
        return times

    def server_named(self, address):
        return next((name for name, addresses in OWN.items() if address in addresses), None)

    def connected(self, family, port):
        """The server that the established connection from this port of a client has, if there is one."""
        for line in self.director.lvsadm("-L", "-n", "-c").splitlines():
            words = line.split()
            if "ESTABLISHED" in words and words[3].endswith(f":{port}") and ("[" in words[3]) == (family == 6):
                return self.server_named(words[5].rpartition(":")[0].strip("[]"))
        return None

    def counted(self, method, family, protocol, port, column=1):
        """Connections (column 1) of each server of a service, by `lvsadm --stats`."""
        service = self.director.service(protocol, port, method, family)
        lines = self.director.lvsadm("-L", "-n", *service, "--stats", "--exact").splitlines()
        found = {}
        for line in lines:
            words = line.split()
            name = self.server_named(words[1].rpartition(":")[0].strip("[]")) if words[:1] == ["->"] else None
            if name:
                found[name] = int(words[1 + column])
        return found

    def drops(self):
        return self.director.lvsadm("--drops") if self.core != "kernel" else ""
