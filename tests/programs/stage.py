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
    def __init__(self, binaries, core):
        self.folder = tempfile.mkdtemp(prefix="programs-")
        os.chmod(self.folder, 0o755)
        self.processes, self.core, self.title, self.ways = [], core, "", 0
        self.topology = Topology()
        self.director = Director(self.topology["director"], binaries, core, self.folder)

    def close(self):
        for process in self.processes:
            self.end(process)
        self.director.stop()
        self.topology.close()
        shutil.rmtree(self.folder, ignore_errors=True)

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

    def finished(self, process, status=0):
        """What it said, once it has ended with this status."""
        got = process.wait(timeout=2 * PATIENCE_S)
        expect(got == status, f"{' '.join(process.args)}: {got} instead of {status}\n{self.said(process)[-3000:]}")
        return self.said(process)

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
                   lambda: f":{port} " in self.run(node, "ss", f"-Hln{kind}") or expect(process.poll() is None, self.said(process)))

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

    def counted(self, method, family, protocol, port, column=1):
        """Connections (column 1) of each server of a service, by `lvsadm --stats`."""
        names = {addresses[family == 6]: name for name, addresses in OWN.items()}
        service = self.director.service(protocol, port, method, family)
        lines = self.director.lvsadm("-L", "-n", *service, "--stats", "--exact").splitlines()
        found = {}
        for line in lines:
            words = line.split()
            if words and words[0] == "->":
                address = words[1].rpartition(":")[0].strip("[]")
                if address in names:
                    found[names[address]] = int(words[1 + column])
        return found

    def drops(self):
        return self.director.lvsadm("--drops") if self.core != "kernel" else ""
