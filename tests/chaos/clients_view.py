"""What the clients of the pair see while it is struck: requests in an even rhythm, who answers ARP for the virtual
address, and one connection that stays open."""
import bisect
import pathlib
import subprocess

import config
import observe

HERE = pathlib.Path(__file__).resolve().parent
ARP_INTERVAL_S = 0.05
# Answers of one director that are no further apart belong to one time of holding.
ARP_GAP_NS = 4 * int(ARP_INTERVAL_S * 1e9)
LIVING_CLIENT = config.VISITORS[0]


def spells(times):
    """The times in which somebody answered without a pause, as (first, last)."""
    found = []
    for at in sorted(times):
        if found and at - found[-1][1] <= ARP_GAP_NS:
            found[-1][1] = at
        else:
            found.append([at, at])
    return [tuple(spell) for spell in found]


def overlap_ns(ours, theirs):
    """The longest time in which both answered."""
    return max((min(a[1], b[1]) - max(a[0], b[0]) for a in spells(ours) for b in spells(theirs)), default=0)


class Log:
    """A log that grows; each look reads what is new."""

    def __init__(self, path, parse):
        self._path, self._parse = path, parse
        self._offset = 0
        self._entries = []

    def read(self):
        with open(self._path, encoding="ascii") as log:
            log.seek(self._offset)
            for line in iter(log.readline, ""):
                if not line.endswith("\n"):
                    break
                self._offset += len(line)
                entry = self._parse(line)
                if entry:
                    self._entries.append(entry)
        return self._entries

    def forget(self):
        self.read()
        self._entries.clear()


def _arp_line(line):
    at, mac = line.split()
    return int(at), mac


class ClientsView:
    def __init__(self, lab, story):
        self._story = story
        self.attempts_path, self.arp_path = lab.folder / "attempts.log", lab.folder / "arp.log"
        self.arp_path.touch()
        story.start_prober()
        lab.spawn("client", "/usr/bin/python3", "-B", HERE / "arp_watch.py", config.VIP_PLAIN, config.CLIENT, "eth0",
                  ARP_INTERVAL_S, self.arp_path, stderr=subprocess.DEVNULL)
        stall_path = lab.folder / "stalls.log"
        stall_path.touch()
        lab.spawn("switch", "taskset", "--cpu-list", lab.director_cpus, "chrt", "--rr", "3", "/usr/bin/python3", "-B",
                  HERE / "stall_watch.py", stall_path)
        self._stalls = Log(stall_path, lambda line: tuple(map(int, line.split())))
        self._attempts = Log(self.attempts_path, observe.parse_line)
        self._answers = Log(self.arp_path, _arp_line)
        self._clients = story.clients()
        self._living = False

    def begin(self):
        """A new round: what was before is forgotten, a connection is opened."""
        self._attempts.forget()
        self._answers.forget()
        self._stalls.forget()
        if self._living:
            self._clients.ask("close", source=LIVING_CLIENT)
        self._living = "server" in self._clients.ask("open", source=LIVING_CLIENT, target=config.VIP_PLAIN)

    def connection_lives(self):
        return self._living and "server" in self._clients.ask("ask", source=LIVING_CLIENT)

    def unmarked(self):
        """What is wrong with the other service, the one by firewall mark."""
        answer = self._clients.visit(config.VISITORS[1])
        return [f"the service by firewall mark does not answer: {answer['error']}"] if "error" in answer else []

    def requests(self, begin, end):
        attempts = sorted(self._attempts.read(), key=lambda a: a.due)
        first = bisect.bisect_left([a.due for a in attempts], begin)
        return observe.window(attempts[first:], begin, end)

    def two_holders_s(self):
        """For how long both directors answered for the virtual address."""
        times = [[at for at, mac in self._answers.read() if mac == d.mac(0)] for d in config.DIRECTORS]
        return overlap_ns(*times) / 1e9

    def longest_stall_s(self):
        return max((late for _, late in self._stalls.read()), default=0) / 1e9

    def strangers(self):
        known = {d.mac(0) for d in config.DIRECTORS}
        return {mac for _, mac in self._answers.read()} - known
