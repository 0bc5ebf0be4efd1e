"""The story that a drill tells: what is done to the pair, and what its clients may notice.

A scene knows only roles. Whoever holds the virtual addresses when it begins is the active director, the other one the
standby, so scenes can be played in any selection (--only). Each returns nothing and leaves its findings with the
judge; it begins and ends with a pair of which one is active and the other able to take over.
"""
import collections
import datetime
import json
import re
import shlex
import signal
import subprocess
import threading
import time

import config
import lab as labs
import observe
import shares

# How long anything is waited for; how long it may take is judged by the traffic (judge.py).
READY_TIMEOUT_S = 30
TAKEOVER_TIMEOUT_S = 15
LET_GO_TIMEOUT_S = 30
LVSD_AWAY_S = 5
# One TIME_WAIT: wrk opens with a connection that it closes; played alone, this scene has to wait for that one.
EXPIRY_TIMEOUT_S = 150
REPAIR_WATCHED_S = 0.7
# ip_vs tells of a connection from its third packet on, at the latest after two seconds.
SYNC_PAGES = 3
SYNC_DELAY_S = 2.5

# As `lvsadm -S` prints them: masquerading, direct routing, tunnel.
METHODS = ("-m", "-g", "-i")

AddressEvent = collections.namedtuple("AddressEvent", "at director added address")
MONITOR_LINE = re.compile(r"^\[([^]]+)\] (Deleted )?.*\binet (\d+\.\d+\.\d+\.\d+)/")


class AddressWatch:
    """Follows which floating addresses a director holds, with the kernel's own notifications."""

    def __init__(self, lab, director, floating, tell):
        self.director = director
        self._floating = set(floating)
        self.held = set()
        self.events = []
        self._tell = tell
        self._monitor = lab.spawn(director.name, "ip", "-o", "-ts", "monitor", "address",
                                  stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        for line in self._monitor.stdout:
            found = MONITOR_LINE.match(line)
            if not found or found[3] not in self._floating:
                continue
            added = found[2] is None
            if added == (found[3] in self.held):  # A renewed lease is no news.
                continue
            (self.held.add if added else self.held.discard)(found[3])
            ago = time.time() - datetime.datetime.fromisoformat(found[1]).timestamp()
            at = observe.boottime_ns() - int(ago * 1e9)
            self.events.append(AddressEvent(at, self.director.name, added, found[3]))
            self._tell(at, f"{self.director.name} {'holds' if added else 'lets go of'} {found[3]}")

    def holds_all(self):
        return self.held == self._floating

    def first_added_after(self, since):
        return min((e.at for e in self.events if e.added and e.at >= since and e.address == config.VIP_PLAIN),
                   default=None)


class Clients:
    """client.py running in the client's namespace."""

    def __init__(self, lab, timeout_s):
        self._process = lab.spawn("client", "/usr/bin/python3", "-B", labs.HERE / "client.py", timeout_s,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do, **order):
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def visit(self, source, port=80):
        return self.ask("visit", source=source, target=config.VIP_WEB, port=port)


class Story:
    def __init__(self, lab, site, plane, tempo, judge, timeline, prober, sabotage=None):
        self.lab = lab
        self.site = site
        self.plane = plane
        self.tempo = tempo
        self.judge = judge
        self.timeline = timeline
        self.sabotage = sabotage
        self._prober_program = prober
        self._log = lab.folder / "attempts.log"
        self._prober = None
        self._load = None
        self._watches = {}

    # ---- what every scene needs

    def clients(self):
        return Clients(self.lab, self.tempo.visit_timeout_s)

    def say(self, text):
        self.timeline.tell(observe.boottime_ns(), text)

    def start_director(self, director):
        self._watches[director] = AddressWatch(self.lab, director, self.site.floating, self.timeline.tell)
        self.lab.service(director, "start")
        self.say(f"{director.name}: service pulse start")

    def start_traffic(self):
        self.start_prober()
        self._load = self.lab.spawn("client", "wrk", "-t1", f"-c{self.tempo.load_connections}", "-d600s",
                                    "-s", labs.HERE / "pace.lua", f"http://{config.VIP_PLAIN}/", "--",
                                    self.tempo.load_pause_ms, stdout=subprocess.PIPE, text=True)
        self.say(f"load (wrk, {self.tempo.load_connections} connections) and prober (a new connection every "
                 f"{self.tempo.probe_interval_ms} ms) run")

    def start_prober(self):
        self._log.touch()
        self._prober = self.lab.spawn("client", "chrt", "--rr", "2", self._prober_program, "--target",
                                      f"{config.VIP_PLAIN}:80", "--source", config.CLIENT, "--log", self._log,
                                      "--interval", self.tempo.probe_interval_ms, "--limit", self.tempo.probe_limit_ms)

    def stop_traffic(self):
        if self._prober is None:
            return
        self._prober.send_signal(signal.SIGTERM)
        self._prober.wait()
        self._load.send_signal(signal.SIGINT)
        out, _ = self._load.communicate(timeout=READY_TIMEOUT_S)
        requests = re.search(r"(\d+) requests in", out)
        errors = re.search(r"Socket errors:.*", out)
        self.say(f"load: {requests[1] if requests else 'no'} requests. {errors[0] if errors else 'No errors.'}")
        self._prober = self._load = None

    def window(self, begin, end):
        return observe.window(observe.load(self._log), begin, end)

    def roles(self):
        """(active, standby), once one holds everything, the other nothing, and both have their tables."""
        first, second = config.DIRECTORS

        def settled():
            for active, standby in ((first, second), (second, first)):
                if self._watches[active].holds_all() and not self._watches[standby].held:
                    return (active, standby) if all(self.table_is_full(d) for d in (active, standby)) else None
            return None
        return self._until("one director active, the other ready", settled)

    def table(self, director):
        """{service: {real server's address: weight}}, as `lvsadm -S -n` prints it."""
        services = {}
        for line in self.lab.on(director, "lvsadm", "-S", "-n", check=False).stdout.splitlines():
            words = shlex.split(line)
            if words[:1] == ["-A"]:
                services[words[2]] = {}
            elif words[:1] == ["-a"]:
                server = words[words.index("-r") + 1].split(":")[0]
                services.setdefault(words[2], {})[server] = int(words[words.index("-w") + 1])
        return services

    def serving(self, director, server):
        """In how many services the real server gets connections."""
        return sum(servers.get(server.address, 0) > 0 for servers in self.table(director).values())

    def table_is_full(self, director):
        table = self.table(director)
        wanted = {s.address for s in self.site.servers}
        return len(table) == 2 and all({a for a, weight in servers.items() if weight > 0} == wanted
                                       for servers in table.values())

    def counted(self, director):
        """The sum of ActiveConn and InActConn over all services."""
        total = 0
        for line in self.lab.on(director, "lvsadm", "-L", "-n").stdout.splitlines():
            words = line.split()
            if words[:1] == ["->"] and words[-1].isdigit():
                total += int(words[-1]) + int(words[-2])
        return total

    def passed(self, director):
        """(packets from clients, replies) that the director forwarded, over all services. The replies of a real server
        that is the director itself are no others' and count for nothing."""
        requests = replies = 0
        for line in self.lab.on(director, "lvsadm", "-L", "-n", "--stats", "--exact").stdout.splitlines():
            words = line.split()
            if words[:1] == ["->"] and words[-1].isdigit():
                requests += int(words[3])
                replies += 0 if words[1].startswith(f"{director.public}:") else int(words[4])
        return requests, replies

    def listed(self, director):
        """Lines of the connection list, without persistence templates."""
        lines = [line.split() for line in self.lab.on(director, "lvsadm", "-L", "-c", "-n").stdout.splitlines()]
        return sum(words[:1] in (["TCP"], ["UDP"]) and not words[3].endswith(":0") for words in lines)

    def answered(self):
        """Attempts that were due before this moment have ended."""
        return observe.boottime_ns() - self.tempo.in_flight_ns

    def watch(self, seconds):
        """Lets traffic run until all attempts that were due in this time have ended."""
        time.sleep(seconds + self.tempo.in_flight_ns / 1e9)

    def summary(self, scene, begin, end):
        seen = self.window(begin, end)
        self.timeline.scene(scene, seen)
        return seen

    # ---- the scenes

    def steady(self):
        active, _ = self.roles()
        self.say(f"lvsadm -L -n on {active.name}:")
        self.timeline.quote(self.lab.on(active, "lvsadm", "-L", "-n").stdout)
        if self.sabotage == "drop-1%":
            for chain in ("INPUT", "OUTPUT"):
                self.lab.on("client", "iptables", "-A", chain, "-m", "statistic", "--mode", "random",
                            "--probability", "0.01", "-j", "DROP")
        if self.sabotage == "no-vip":
            self.lab.forget_virtual_addresses(self.site.servers[0])
        begin = observe.boottime_ns()
        self.watch(3)
        seen = self.summary("steady", begin, self.answered())
        self.judge.share("steady.failed", "with nothing wrong nothing fails", len(seen.failed), len(seen.attempts))
        self.judge.at_most("steady.silence", "and nothing pauses", seen.silence_ms)
        repairs = self.lab.on(active, "grep", "--count", self.plane.repair_event, "/var/log/messages",
                              check=False).stdout
        self.judge.true("steady.no-repairs", "the core finds nothing to repair", repairs.strip() == "0",
                        f"{repairs.strip()} repairs")
        self.judge.true("steady.all-servers", "all real servers serve",
                        seen.servers == [s.name for s in self.site.servers], " ".join(seen.servers))
        self._judge_replies(active)

    def _judge_replies(self, active):
        """A core counts the replies that pass it. Real servers that have a way of their own send none through it."""
        saved = self.lab.on(active, "lvsadm", "-S", "-n").stdout.splitlines()
        methods = {word for line in saved if line.startswith("-a ") for word in line.split() if word in METHODS}
        self.judge.true("steady.method", "packets reach every real server as lvs.cf says",
                        methods == {self.site.method}, " ".join(sorted(methods)))
        requests, replies = self.passed(active)
        if self.site.replies_pass_directors:
            self.judge.true("steady.replies", "replies go back through the director", requests > 0 and replies > 0,
                            f"{requests} packets from clients, {replies} back")
        else:
            self.judge.true("steady.replies", "no reply goes back through the director",
                            requests > 0 and replies == 0, f"{requests} packets from clients, {replies} back")

    def marks(self):
        active, _ = self.roles()
        begin = observe.boottime_ns()
        clients = self.clients()
        self._use_saved_rules(active)
        answers = {source: (clients.visit(source, 80), clients.visit(source, 443)) for source in config.VISITORS}
        unanswered = [s for s, pair in answers.items() if any("error" in a for a in pair)]
        split = [s for s, (http, https) in answers.items() if http.get("server") != https.get("server")]
        used = {http.get("server") for http, _ in answers.values()}
        self.say(f"{len(config.VISITORS)} clients asked over ports 80 and 443: {len(unanswered)} without an answer, "
                 f"{len(split)} with two servers")
        self.judge.at_most("marks.unanswered", "clients without an answer", len(unanswered))
        if not unanswered:
            self.judge.at_most("marks.split", "clients whose two ports reach different servers", len(split))
            self.judge.true("marks.shared", "the clients are spread over the servers",
                            len(used) == len(self.site.servers), f"{len(used)} servers")
            self._block_one_client(active, clients, answers)
        self.summary("marks", begin, self.answered())

    def _use_saved_rules(self, active):
        """The marks must be those of the file that the distribution restores at boot."""
        file = "/etc/iptables/rules.v4"
        saved = self.lab.on(active, "cat", file, check=False).stdout
        self.lab.on(active, "iptables", "-t", "mangle", "-F")
        self.lab.on(active, "iptables-restore", file, check=False)
        self.say(f"mark rules of {active.name} flushed and restored from {file}")
        self.judge.true("marks.saved", "the mark rules are saved, and restored from the file",
                        "LVS" in saved and self._mark_rules(active))

    def _mark_rules(self, director):
        """Whether rules that set the web service's mark are in force."""
        rules = self.lab.on(director, "iptables-save", "-t", "mangle").stdout
        return f"--set-xmark {config.FIREWALL_MARK:#x}/" in rules

    def _block_one_client(self, active, clients, answers):
        # What a director serves itself meets its INPUT chain packet by packet.
        source = next(s for s in reversed(config.VISITORS) if answers[s][0]["server"] != active.name)
        other = next(s for s in config.VISITORS if s != source)
        clients.ask("open", source=source, target=config.VIP_WEB)

        def living():
            return clients.ask("ask", source=source)
        rule = ["INPUT", "-s", source, "-j", "DROP"]
        self.lab.on(active, "iptables", "-A", *rule)
        self.say(f"{active.name}: iptables -A {' '.join(rule)}")
        self.judge.true("marks.dropped", "INPUT DROP keeps that client's new connections out",
                        "error" in clients.visit(source))
        self.judge.true("marks.dropped-one", "and no other client's", "server" in clients.visit(other))
        if self.plane.obeys_input_always:
            self.judge.true("marks.held-up", "and stops its living connection", "error" in living())
        else:
            self.judge.true("marks.living", "its living connection goes on", "server" in living())
        killed = self.lab.on(active, "lvsadm", "--kill", f"{source}/32", check=False)
        self.say(f"{active.name}: lvsadm --kill {source}/32: {(killed.stdout + killed.stderr).strip()}")
        if self.plane.obeys_input_always:
            self.judge.true("marks.no-kill", "which lvsadm --kill cannot do on this core, and says so",
                            killed.returncode != 0 and "only the embedded core" in killed.stderr)
        else:
            self.judge.true("marks.killed", "until lvsadm --kill cuts it", "error" in living())
        clients.ask("close", source=source)
        self.lab.on(active, "iptables", "-D", *rule)
        self.judge.true("marks.admitted", "without the rule the client is served again",
                        "server" in clients.visit(source))

    def shares(self):
        shares.Scene(self).play()

    def server(self):
        active, _ = self.roles()
        victim = next(s for s in self.site.servers[1:] + self.site.servers if s.name != active.name)
        begin = observe.boottime_ns()
        self.lab.take_down(victim)
        self.say(f"{victim.name} dies")
        self._until(f"{victim.name} is taken out", lambda: self.serving(active, victim) == 0)
        noticed = observe.boottime_ns()
        self.say(f"{active.name} has taken {victim.name} out")
        time.sleep(1)
        self.lab.bring_up(victim)
        returned = observe.boottime_ns()
        self.say(f"{victim.name} is back")
        self._until(f"{victim.name} is used again", lambda: self.serving(active, victim) == 2)
        used = observe.boottime_ns()
        self.say(f"{active.name} uses {victim.name} again")
        self.watch(1)
        seen = self.summary("server", begin, self.answered())
        after = self.window(noticed + self.tempo.in_flight_ns, seen.end)
        self.judge.at_most("server.noticed", "the dead server is noticed after", (noticed - begin) / 1e6)
        self.judge.share("server.failed-after-notice", "then nothing fails any more", len(after.failed),
                         len(after.attempts))
        self.judge.at_most("server.silence", "and the others serve all the time", seen.silence_ms)
        self.judge.at_most("server.back", "a returning server is used after", (used - returned) / 1e6)
        self.judge.true("server.serves", "and serves", victim.name in self.window(used, seen.end).servers)

    def repair(self):
        """Damage done to the active director while everything runs; the traffic tells how long it lasted."""
        active, _ = self.roles()
        begin = observe.boottime_ns()
        for command, name in self.plane.damages:
            at = observe.boottime_ns()
            self.lab.on(active, *command.split())
            self.say(f"{active.name}: {command}")
            self._waited(lambda: self.table_is_full(active))
            self.watch(REPAIR_WATCHED_S)
            seen = self.window(at, self.answered())
            self.judge.at_most(f"repair.{name}", f"after `{command}` the longest silence is", seen.silence_ms)
        self._waited(lambda: self._mark_rules(active))
        self.judge.true("repair.marks", "the flushed mark rules are made again", self._mark_rules(active))
        self.summary("repair", begin, self.answered())

    def uplink(self):
        active, standby = self.roles()
        begin = observe.boottime_ns()
        self.lab.unplug(f"{active.letter}-public")
        self.say(f"the public link of {active.name} is cut")
        if not self.takeover("uplink", standby, begin):
            return
        self._lost_server_is_out(standby, active)
        self.lab.plug_in(f"{active.letter}-public")
        self._lost_server_is_back(active)
        mended = observe.boottime_ns()
        self.say(f"the public link of {active.name} is mended")
        self._stays_passive("uplink", active, mended, "uplink.failed-after-mending")
        self.summary("uplink", begin, self.answered())

    def link(self):
        active, standby = self.roles()
        if self.sabotage == "no-takeover":
            self.lab.kill(standby, "pulse", signal.SIGSTOP)
        begin = observe.boottime_ns()
        self.lab.cut(active)
        self.say(f"all links of {active.name} are cut")
        if not self.takeover("link", standby, begin):
            return
        let_go = self._waited(lambda: not self._watches[active].held,
                              LET_GO_TIMEOUT_S * self.tempo.patience)
        self.judge.true("link.let-go", f"the cut-off {active.name} lets go of the addresses", let_go)
        time.sleep(0.5)
        self._lost_server_is_out(standby, active)
        self.lab.mend(active)
        self._lost_server_is_back(active)
        mended = observe.boottime_ns()
        self.say(f"the links of {active.name} are mended")
        self._stays_passive("link", active, mended, "link.failed-after-mending")
        self.summary("link", begin, self.answered())

    def power(self):
        active, standby = self.roles()
        living = self._open_connection()
        begin = observe.boottime_ns()
        self.lab.power_off(active)
        self.say(f"{active.name} loses power")
        if not self.takeover("power", standby, begin):
            return
        self._goes_on("power", living)
        time.sleep(1)
        self._lost_server_is_out(standby, active)
        self.lab.power_on(active)
        self.say(f"{active.name} boots")
        returned = observe.boottime_ns()
        self.start_director(active)
        self._stays_passive("power", active, returned, "power.failed-after-return")
        self.summary("power", begin, self.answered())

    def stop(self):
        active, standby = self.roles()
        living = self._open_connection()
        time.sleep(0.5)
        begin = observe.boottime_ns()
        self.say(f"{active.name}: service pulse stop")
        self.lab.service(active, "stop")
        self.say(f"{active.name} has stopped")
        if not self.takeover("stop", standby, begin):
            return
        handover = self._watches[standby].first_added_after(begin)
        self._goes_on("stop", living)
        self.watch(1)
        after = self.window(handover, self.answered())
        self.judge.share("stop.failed-after-handover", "no connection opened after the handover fails",
                         len(after.failed), len(after.attempts))
        self._nothing_left(active)
        self.start_director(active)
        self._stays_passive("stop", active, observe.boottime_ns(), None)
        self.summary("stop", begin, self.answered())

    def lvsd(self):
        active, standby = self.roles()
        before = self.lab.on(active, "lvsadm", "-S", "-n").stdout
        begin = observe.boottime_ns()
        self.say(f"{active.name}: lvsd is killed, and every lvsd that follows, for {LVSD_AWAY_S} s")
        deadline = time.monotonic() + LVSD_AWAY_S
        killed = 0
        while time.monotonic() < deadline:
            dead = self.lab.kill(active, "lvsd")
            if dead and self.sabotage == "no-adopt":
                self.lab.on(active, *self.plane.removal, check=False)
            killed += dead
            time.sleep(self.tempo.poll_s)
        left_alone = observe.boottime_ns()
        self.say(f"{killed} processes killed")
        back = self._waited(lambda: self.lab.pids(active, "lvsd"))
        self.watch(3)
        seen = self.summary("lvsd", begin, self.answered())
        self.judge.share("lvsd.failed", "without lvsd nothing fails", len(seen.failed), len(seen.attempts))
        self.judge.at_most("lvsd.silence", "and nothing pauses", seen.silence_ms)
        self.judge.true("lvsd.returns", "lvsd is started again", back)
        self.judge.true("lvsd.stays-active", f"{active.name} is still the active director",
                        self._watches[active].holds_all() and not self._watches[standby].held)
        after = self.lab.on(active, "lvsadm", "-S", "-n", check=False).stdout
        self.judge.true("lvsd.table", "the table is unchanged", before and after == before)
        if after != before:
            self.timeline.quote(f"before:\n{before}after:\n{after}")
        del left_alone

    def expiry(self):
        active, _ = self.roles()
        # The lvsd of the scene before may still be on its way back, and sets the time-outs of lvs.cf when it is there.
        self._until("lvsd is ready", lambda: self._is_lvsd_ready(active))
        self.lab.on(active, *self.plane.short_timeouts)
        time.sleep(1)
        # Closed in the ordinary way, each connection of the load would stay in the table for two minutes.
        no_more = ["OUTPUT", "-d", config.VIP_PLAIN, "-j", "DROP"]
        self.lab.on("client", "iptables", "-I", *no_more)
        self.say("the client falls silent")
        self.stop_traffic()
        # Entries expire while one asks, and no new ones come: the list must lie between two sums.
        before, entries, after = self.counted(active), self.listed(active), self.counted(active)
        self.judge.true("expiry.counted", "ActiveConn + InActConn equal the connections listed",
                        before >= entries >= after > 0, f"{before} counted, {entries} listed, {after} counted")
        begin = time.monotonic()
        self._waited(lambda: self.counted(active) == 0 and self.listed(active) == 0, EXPIRY_TIMEOUT_S)
        took = time.monotonic() - begin
        left = self.counted(active), self.listed(active)
        if left != (0, 0):
            self.timeline.quote(self.lab.on(active, "lvsadm", "-L", "-c", "-n").stdout)
        self.judge.true("expiry.zero", "all expire", left == (0, 0), f"{left[0]} counted, {left[1]} listed")
        self.judge.at_most("expiry.seconds", "within", took)
        self.lab.on("client", "iptables", "-D", *no_more)

    # ---- steps that scenes share

    def _until(self, what, holds, timeout=None):
        return labs.wait_until(what, holds, timeout or READY_TIMEOUT_S * self.tempo.patience, self.tempo.poll_s)

    def _is_lvsd_ready(self, director):
        page = self.lab.on(director, "lvsctl", "status", "--json", check=False).stdout
        return json.loads(page)["pulse"]["lvsd"]["ready"]

    def _waited(self, holds, timeout=None):
        try:
            return bool(self._until("", holds, timeout))
        except labs.LabError:
            return False

    def _open_connection(self):
        """A connection that the other director knows too; nothing where directors do not tell each other."""
        if not self.plane.shares_connections:
            return None
        clients = self.clients()
        opened = clients.ask("open", source=config.CLIENT, target=config.VIP_PLAIN)
        for _ in range(SYNC_PAGES):
            clients.ask("ask", source=config.CLIENT)
        time.sleep(SYNC_DELAY_S)
        return clients, opened.get("server")

    def _goes_on(self, scene, living):
        if living is None:
            return
        clients, server = living
        answer = clients.ask("ask", source=config.CLIENT)
        self.judge.true(f"{scene}.living", "a connection from before goes on",
                        server and answer.get("server") == server, answer.get("server") or answer["error"])
        clients.ask("close", source=config.CLIENT)

    def takeover(self, scene, standby, begin):
        took = self._waited(self._watches[standby].holds_all, TAKEOVER_TIMEOUT_S * self.tempo.patience)
        self.watch(0.5)
        seen = self.window(begin, self.answered())
        self.judge.true(f"{scene}.takeover", f"{standby.name} takes over", took)
        self.judge.at_most(f"{scene}.silence", "the longest silence is", seen.silence_ms)
        return took

    def _stays_passive(self, scene, director, since, failed_bound):
        """The pair is whole again; the returning director must leave the addresses where they are."""
        active, _ = self.roles()
        self.watch(2)
        self.judge.true(f"{scene}.stays-passive", f"the returning {director.name} stays passive",
                        active is not director and self._watches[director].first_added_after(since) is None)
        if failed_bound:
            after = self.window(since, self.answered())
            self.judge.share(failed_bound, "its return costs nothing", len(after.failed), len(after.attempts))

    def _lost_server_is_out(self, director, lost):
        """A director that is lost takes the real server with it that it is in a shared pair."""
        for server in self.site.servers:
            if server.name == lost.name:
                self._until(f"{server.name} is taken out", lambda: self.serving(director, server) == 0)
                self.say(f"{director.name} has taken the server {server.name} out")

    def _lost_server_is_back(self, lost):
        if self.site.servers_are_directors:
            self.lab.forget_neighbours(lost)

    def _nothing_left(self, director):
        lines = self.lab.on(director, "ip", "-o", "-4", "addr").stdout.splitlines()
        addresses = [words[3] for words in map(str.split, lines) if words[1] != "lo"]
        left = [name for name, there in (
            ("addresses", any(f"{a}/32" in addresses for a in self.site.floating)),
            ("processes", any(self.lab.pids(director, p) for p in ("pulse", "lvsd", "nanny")))) if there]
        left += self.plane.remains(self.lab, director)
        self.judge.true("stop.removed", f"the stopped {director.name} has removed what it made", not left,
                        f"left: {', '.join(left)}" if left else "nothing left")
