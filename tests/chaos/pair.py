"""The pair that misfortunes strike: the drill's lab, with what chaos needs beside it.

Its lvs.cf is the drill's, with a check script (so that there is a runner) and a real server known by a name. Each
director has a small /var/lib/lvs that can be filled.
"""
import difflib
import json
import os
import pathlib
import re
import signal

import config
import lab as labs
import scenes

NAMED = config.REAL_SERVERS[3]
NAME = "server.example.test"
STATE_ROOM = "size=1m,mode=755"
COMMAND_TIMEOUT_S = 60


def _lvs_cf(tempo, plane, site):
    text = config.lvs_cf(tempo, plane, site)
    text = text.replace("check = tcp", 'check = script command="/usr/bin/test -n %h"\n     script_user = nobody')
    return text.replace(f"address = {NAMED.address}\n", f"address = {NAME}\n", 1)


def _sorted_sets(ruleset):
    """nft lists what is in a set as it pleases."""
    def in_order(found):
        return f"elements {sorted(found[1].replace(',', ' ').split())}"
    return re.sub(r"elements = \{(.*?)\}", in_order, ruleset, flags=re.S)


class Pair:
    def __init__(self, lab, site, plane, tempo, diary, prober):
        self.lab, self._site, self._plane, self._tempo, self._diary = lab, site, plane, tempo, diary
        self.story = scenes.Story(lab, site, plane, tempo, None, diary, prober)
        self.lvs_cf = _lvs_cf(tempo, plane, site)
        self.hosts = f"127.0.0.1 localhost\n{NAMED.address} {NAME}\n"
        self._watches = []
        self._usual = {}

    def build(self, install):
        self.lab.build(self._site, install, self.lvs_cf)
        for director in config.DIRECTORS:
            self._begin(director)

    def boot(self, director):
        self.lab.power_on(director)
        self._begin(director)

    def _begin(self, director):
        self._furnish(director)
        self._watches.append(scenes.AddressWatch(self.lab, director, {config.VIP_PLAIN}, self._diary.tell))
        self.service(director, "start")

    def _furnish(self, director):
        self.on(director, "sh", "-c", f"mkdir -p /var/lib/lvs && mount -t tmpfs -o {STATE_ROOM} tmpfs /var/lib/lvs")
        self.on(director, "tee", "/etc/hosts", text=self.hosts)
        # Nobody lives there: a name server that is silent.
        self.on(director, "tee", "/etc/resolv.conf", text="nameserver 10.11.12.99\n")

    # ---- what misfortunes do

    def on(self, director, *argv, **options):
        return self.lab.on(director, *argv, timeout=COMMAND_TIMEOUT_S, **options)

    def service(self, director, verb):
        return self.lab.service(director, verb)

    def roles_of(self, director):
        """{pid: role} of the suite's processes there."""
        found = {}
        for pid, name in self.lab.processes(director).items():
            if name == "pulse":
                name = "arbiter" if self._is_arbiter(pid) else "keeper"
            elif name == "nanny-runner":
                name = "runner"
            if name in ("keeper", "arbiter", "lvsd", "nanny", "runner"):
                found[pid] = name
        return found

    @staticmethod
    def _is_arbiter(pid):
        try:
            return b"--arbiter" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def signal(self, director, role, number):
        """To each process of that role, or of the suite; returns whom it reached."""
        return self.signal_all([pid for pid, name in self.roles_of(director).items() if role in (None, name)], number)

    @staticmethod
    def signal_all(pids, number):
        reached = []
        for pid in pids:
            try:
                os.kill(pid, number)
                reached.append(pid)
            except ProcessLookupError:
                pass
        return reached

    def thaw(self, pids):
        self.signal_all(pids, signal.SIGCONT)

    def unplug(self, director, segments):
        self._set_links(director, segments, "down")

    def plug_in(self, director, segments):
        self._set_links(director, segments, "up")

    def pull_card(self, director, segment):
        self.on(director, "ip", "link", "del", f"eth{labs.PORTS.index(segment)}")

    def put_card(self, director, segment):
        self.lab.put_card(director, labs.PORTS.index(segment))

    def _set_links(self, director, segments, to):
        """Of all links in one step of the kernel, as the lab cuts a node."""
        if len(segments) == len(labs.PORTS):
            (self.lab.cut if to == "down" else self.lab.mend)(director)
        else:
            for segment in segments:
                (self.lab.unplug if to == "down" else self.lab.plug_in)(f"{director.letter}-{segment}")

    # ---- what can be seen of it

    def status(self, director):
        """(exit status of lvsctl, what both daemons say)."""
        done = self.on(director, "lvsctl", "status", "--json", check=False)
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.returncode, {}

    def held(self, director):
        """Floating addresses that its kernel has."""
        lines = self.on(director, "ip", "-o", "-4", "addr").stdout
        return {a for a in self._site.floating if f" {a}/32 " in lines}

    def processes(self, director):
        names = sorted(self.roles_of(director).values())
        return {name: names.count(name) for name in names}

    def who_is_active(self):
        states = {d: (self.status(d)[1].get("pulse") or {}).get("state") for d in config.DIRECTORS}
        return next((d for d, state in states.items() if state == "active"), None)

    def missing(self):
        """What is not yet as it must be in a quiet pair; an empty list when it is quiet."""
        statuses = {d: self.status(d) for d in config.DIRECTORS}
        states = {d: (said.get("pulse") or {}).get("state") for d, (_, said) in statuses.items()}
        found = []
        if sorted(map(str, states.values())) != ["active", "standby"]:
            found.append("states " + ", ".join(f"{d.name} {state}" for d, state in states.items()))
        for director, (code, said) in statuses.items():
            wanted = set(self._site.floating) if states[director] == "active" else set()
            if self.held(director) != wanted:
                found.append(f"{director.name} is {states[director]} and holds "
                             f"{', '.join(sorted(self.held(director))) or 'nothing'}")
            if code != 0:
                found.append(f"{director.name} {said.get('condition', 'does not answer')}: {self._complaints(director)}")
            if not self.story.table_is_full(director):
                found.append(f"{director.name}'s table is not complete: {self.story.table(director)}")
            if self.processes(director) != {"arbiter": 1, "keeper": 1, "lvsd": 1, "nanny": 1, "runner": 1}:
                found.append(f"{director.name} runs {self.processes(director)}")
        return found

    def _complaints(self, director):
        lines = self.on(director, "lvsctl", "status", check=False).stdout.splitlines()
        return "; ".join(line.strip() for line in lines if line.lstrip().startswith("!"))

    def moves_since(self, begin):
        """How often the virtual address came to another director than the one that had it last."""
        moves, holder = 0, None
        for event in sorted((e for w in self._watches for e in w.events if e.added), key=lambda e: e.at):
            moves += event.at >= begin and holder not in (None, event.director)
            holder = event.director
        return moves

    # ---- what must not add up

    def belongings(self, director):
        """{what: a text} of all that the suite makes on a director, without what counts or is numbered."""
        def ask(*argv):
            return self.on(director, *argv, check=False).stdout
        filters = "".join(f"{card} {direction} {program}\n" for card in ("eth0", "eth1", "eth2", "ipvs0")
                          for direction in ("ingress", "egress")
                          for program in re.findall(r"handle \S+ ([a-z0-9_]+)",
                                                    ask("tc", "filter", "show", "dev", card, direction)))
        tables = re.findall(r"(?ms)^table .*?^}", _sorted_sets(ask("nft", "-s", "list", "ruleset")))
        return {"links": "\n".join(sorted(re.findall(r"^\d+: (\S+?)[:@]", ask("ip", "-o", "link"), re.M))),
                "nftables": "\n".join(sorted(tables)),
                "rules": ask("ip", "rule"), "filters": filters}

    def leftovers(self):
        """What differs from the first time that the director was seen in its role."""
        found = []
        for director in config.DIRECTORS:
            now = self.belongings(director)
            first = self._usual.setdefault((director, bool(self.held(director))), now)
            for what, usual in first.items():
                lines = difflib.unified_diff(usual.splitlines(), now[what].splitlines(), "before", "now", lineterm="", n=0)
                if now[what] != usual:
                    found.append(f"{director.name}'s {what} are not as before: " + "\n      ".join(lines))
        return found

    def descriptors(self):
        """{(director's name, role, pid): open descriptors}."""
        counts = {}
        for director in config.DIRECTORS:
            for pid, role in self.roles_of(director).items():
                try:
                    counts[director.name, role, pid] = len(os.listdir(f"/proc/{pid}/fd"))
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return counts
