"""The scene of a pair whose directors are its real servers: each connection is scheduled once, by the active director.

What that one sends to the other arrives there for a virtual address that the other owns, too, with the same services in
its table. If the standby took it for a client's it would schedule it again, half of the time back to where it came
from, until its TTL ended. So the standby may forward nothing at all.
"""
import observe

CONNECTIONS = 1000


class Scene:
    def __init__(self, story):
        self._story = story
        self._judge = story.judge

    def play(self):
        story = self._story
        begin = observe.boottime_ns()
        active, standby = story.roles()
        self._serve("before", active, standby)
        self._switch_over(active, standby)
        self._serve("after", standby, active)
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

    def _switch_over(self, active, standby):
        story = self._story
        begin = observe.boottime_ns()
        story.say(f"{active.name}: lvsctl switchover")
        story.lab.on(active, "lvsctl", "switchover")
        story.takeover("shares", standby, begin)
