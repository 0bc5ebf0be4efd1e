"""What the clients saw: the prober's log as values, and the silence in it.

Silence is the longest gap between two successes: what a client that tries all the time has to wait. The edges of the
window count as successes, so a window without any success is silent for its whole length. An attempt that the prober
could not start in time (the machine was busy) says nothing about the service: it is counted apart.
"""
import dataclasses
import time

NS_PER_MS = 1_000_000
OWN_LATENESS_MAX_NS = 20 * NS_PER_MS


def boottime_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@dataclasses.dataclass(frozen=True)
class Attempt:
    due: int
    started: int
    ended: int
    ok: bool
    detail: str  # the server's name, or why it failed

    @property
    def measured(self):
        return self.ok or (self.detail != "not-started" and self.started - self.due <= OWN_LATENESS_MAX_NS)


def parse_line(line):
    """None for a line that is not complete (the prober was writing it)."""
    fields = line.split(" ")
    if len(fields) != 6 or not line.endswith("\n") or fields[3] not in ("ok", "fail"):
        return None
    return Attempt(int(fields[0]), int(fields[1]), int(fields[2]), fields[3] == "ok", fields[4])


def load(path):
    with open(path, encoding="ascii") as log:
        attempts = [attempt for attempt in map(parse_line, log) if attempt]
    return sorted(attempts, key=lambda a: a.due)


@dataclasses.dataclass(frozen=True)
class Window:
    """The attempts that were due from `begin` up to `end`."""
    begin: int
    end: int
    attempts: tuple

    @property
    def ok(self):
        return [a for a in self.attempts if a.ok]

    @property
    def failed(self):
        return [a for a in self.attempts if not a.ok and a.measured]

    @property
    def unmeasured(self):
        return [a for a in self.attempts if not a.measured]

    @property
    def silence_ms(self):
        times = [self.begin, *sorted(min(a.ended, self.end) for a in self.ok), self.end]
        return max(later - earlier for earlier, later in zip(times, times[1:])) / NS_PER_MS

    @property
    def reasons(self):
        counts = {}
        for attempt in self.failed:
            counts[attempt.detail] = counts.get(attempt.detail, 0) + 1
        return counts

    @property
    def servers(self):
        return sorted({a.detail for a in self.ok})


def window(attempts, begin, end):
    return Window(begin, end, tuple(a for a in attempts if begin <= a.due < end))
