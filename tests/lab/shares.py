"""The scene of a pair whose directors are its real servers: each connection is scheduled once, by the active director.

What that one sends to the other arrives there for a virtual address that the other owns, too, with the same services in
its table. If the standby took it for a client's it would schedule it again, half of the time back to where it came
from, until its TTL ended. So the standby may forward nothing at all.
"""
import config
import observe

CONNECTIONS = 1000
CLIENT_PORT = 20000


class Scene:
    def __init__(self, story):
        self._story = story
        self._judge = story.judge

    def play(self):
        story = self._story
        begin = observe.boottime_ns()
        active, standby = story.roles()
        self._serve("before", active, standby)
        clients = story.clients()
        kept = self._open(clients)
        self._switch_over(active, standby)
        self._serve("after", standby, active)
        self._use_ports_again(clients, kept)
        story.summary("shares", begin, story.answered())

    def _serve(self, when, active, standby):
        story = self._story
        story.watch(0)  # What was under way to another active director has ended.
        scheduled, forwarded = story.passed(active), story.passed(standby)
        begin = observe.boottime_ns()
        story.watch(CONNECTIONS * story.tempo.probe_interval_ms / 1000)
        seen = story.window(begin, story.answered())
        served = {server.name: sum(a.detail == server.name for a in seen.ok) for server in story.site.servers}
        by_active = story.passed(active)[0] - scheduled[0]
        by_standby = story.passed(standby)[0] - forwarded[0]
        story.say(f"{active.name} is active: {len(seen.attempts)} connections, "
                  + ", ".join(f"{count} served by {name}" for name, count in served.items()))
        self._judge.share(f"shares.failed-{when}", f"with {active.name} active nothing fails", len(seen.failed),
                          len(seen.attempts))
        self._judge.true(f"shares.enough-{when}", "over many connections", len(seen.attempts) >= CONNECTIONS - 1,
                         len(seen.attempts))
        self._judge.true(f"shares.both-{when}", "both directors serve", min(served.values()) > len(seen.ok) / 3,
                         " ".join(map(str, served.values())))
        self._judge.true(f"shares.once-{when}", f"{active.name} forwards, {standby.name} forwards nothing once more",
                         by_active > 0 and by_standby == 0, f"{by_active} packets, {by_standby} once more")

    def _open(self, clients):
        """Connections from ports that will be used again: {client: the director that serves it}."""
        return {source: self._ask(clients, "open", source).get("server") for source in config.VISITORS}

    @staticmethod
    def _ask(clients, do, source):
        return clients.ask(do, source=source, own_port=CLIENT_PORT, target=config.VIP_PLAIN)

    def _switch_over(self, active, standby):
        story = self._story
        begin = observe.boottime_ns()
        story.say(f"{active.name}: lvsctl switchover")
        story.lab.on(active, "lvsctl", "switchover")
        story.takeover("shares", standby, begin)

    def _use_ports_again(self, clients, kept):
        """The director that is the standby now remembers connections that ended after it had let go. A client that
        opens another one from the same port must not be taken for them."""
        for source in kept:
            clients.ask("close", source=source)
        answers = [self._ask(clients, "visit", source) for source in kept]
        unanswered = sum("error" in answer for answer in answers)
        self._story.say(f"{len(kept)} clients with a connection from before the switchover open another one from the "
                        f"same port: {unanswered} without an answer")
        self._judge.true("shares.kept", "all of them had a connection", all(kept.values()))
        self._judge.at_most("shares.unanswered", "clients without an answer", unanswered)
