"""One round: strike, heal, wait until the pair is quiet, and judge what the clients saw."""
import dataclasses
import time

import bounds
import config
import lab as labs
import observe
import schedule

POLL_S = 0.2
SETTLED_S = 3
# A daemon that lives through a round opens and closes; more than this is a leak.
DESCRIPTORS_MORE_MAX = 12


@dataclasses.dataclass
class Result:
    number: int
    blows: list
    violations: list = dataclasses.field(default_factory=list)
    requests: int = 0
    failed: int = 0
    silence_ms: float = 0
    bound: bounds.Bound = None
    moves: int = 0
    quiet_after_s: float = 0
    active: str = ""
    stall_s: float = 0

    @property
    def struck(self):
        return " + ".join(map(str, self.blows))

    def line(self):
        verdict = "ok" if not self.violations else "BROKEN"
        return (f"round {self.number:4}  {verdict:6} {self.struck}: {self.failed} of {self.requests} requests failed, "
                f"silence {self.silence_ms / 1000:.2f} s (at most {self.bound.silence_s:.1f}), "
                f"{self.moves} moves, quiet after {self.quiet_after_s:.1f} s, {self.active} is active")

    def as_dict(self):
        return {"round": self.number, "misfortunes": [str(b) for b in self.blows], "violations": self.violations,
                "requests": self.requests, "failed": self.failed, "silence_ms": round(self.silence_ms, 1),
                "silence_at_most_ms": self.bound.silence_s * 1000, "moves": self.moves,
                "quiet_after_s": round(self.quiet_after_s, 2), "active": self.active, "stall_ms": round(self.stall_s * 1000)}


class Referee:
    def __init__(self, pair, view, tempo, diary):
        self._pair, self._view, self._tempo, self._diary = pair, view, tempo, diary
        self._descriptors = {}

    def say(self, text):
        self._diary.tell(observe.boottime_ns(), text)

    def play(self, number, blows):
        result = Result(number, blows)
        active = self._pair.who_is_active()
        victims = {"active": active, "standby": next(d for d in config.DIRECTORS if d is not active)}
        result.bound = bounds.together(schedule.promises(blows), self._tempo.deadtime_ms / 1000)
        self._view.begin()
        begin = observe.boottime_ns()
        self._strike_and_heal(blows, victims, result)
        self._wait_until_quiet(result)
        proof = observe.boottime_ns()
        self._watch(bounds.PROOF_S)
        end = observe.boottime_ns() - self._tempo.in_flight_ns
        self._judge_requests(result, begin, end)
        self._judge_proof(result, proof, end)
        self._judge_roles(result, begin, active)
        self._judge_leftovers(result)
        result.stall_s = self._view.longest_stall_s()
        return result

    # ---- what is done

    def _strike_and_heal(self, blows, victims, result):
        began = time.monotonic()
        heals = {}
        steps = sorted([(b.begins, 0, b) for b in blows] + [(b.ends, 1, b) for b in blows], key=lambda s: s[:2])
        for at, healing, blow in steps:
            time.sleep(max(0, began + at - time.monotonic()))
            victim = victims[blow.role]
            self.say(f"{victim.name}, the {blow.role}: {blow.misfortune.name}{' is healed' if healing else ''}")
            try:
                if healing:
                    if blow in heals:
                        heals[blow]()
                else:
                    heals[blow] = blow.misfortune.strike(self._pair, victim, blow.numbers())
            except labs.LabError as error:
                result.violations.append(f"{blow.misfortune.name} cannot be {'healed' if healing else 'done'}: {error}")
        self.say("everything is healed")

    def _wait_until_quiet(self, result):
        began = time.monotonic()
        while True:
            missing = self._pair.missing()
            result.quiet_after_s = time.monotonic() - began
            if not missing:
                self.say("quiet")
                return
            if result.quiet_after_s > bounds.QUIET_S:
                result.violations += [f"not quiet {bounds.QUIET_S} s after everything was healed: {what}" for what in missing]
                return
            time.sleep(POLL_S)

    def _watch(self, seconds):
        time.sleep(seconds + self._tempo.in_flight_ns / 1e9)

    # ---- what is judged

    def _judge_requests(self, result, begin, end):
        seen = self._view.requests(begin, end)
        result.requests, result.failed, result.silence_ms = len(seen.attempts), len(seen.failed), seen.silence_ms
        if not seen.attempts:
            result.violations.append("no requests at all: the round proves nothing")
        if seen.silence_ms > result.bound.silence_s * 1000:
            result.violations.append(f"clients had no answer for {seen.silence_ms:.0f} ms, "
                                     f"at most {result.bound.silence_s * 1000:.0f} are permitted ({self._times(seen)})")
        if seen.failed and not result.bound.fails:
            result.violations.append(f"{len(seen.failed)} requests failed, none may ({self._times(seen)})")
        both = self._view.two_holders_s()
        if both > bounds.TWO_HOLDERS_S:
            result.violations.append(f"both directors answered for {config.VIP_PLAIN} for {both:.2f} s")
        if self._view.strangers():
            result.violations.append(f"strangers answered for {config.VIP_PLAIN}: {self._view.strangers()}")

    def _times(self, seen):
        if not seen.failed:
            return "no request failed"
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(seen.reasons.items()))
        return (f"{reasons}; the first was due at {self._diary.seconds(seen.failed[0].due):.3f}, "
                f"the last at {self._diary.seconds(seen.failed[-1].due):.3f}")

    def _judge_proof(self, result, begin, end):
        if result.violations and result.quiet_after_s > bounds.QUIET_S:
            return
        seen = self._view.requests(begin, end)
        if seen.failed or not seen.ok:
            result.violations.append(f"{len(seen.failed)} of {len(seen.attempts)} requests failed after the pair was quiet "
                                     f"again ({self._times(seen)})")
    def _judge_roles(self, result, begin, active):
        result.moves = self._pair.moves_since(begin)
        now = self._pair.who_is_active()
        result.active = now.name if now else "nobody"
        if result.moves > result.bound.moves:
            result.violations.append(f"the service moved {result.moves} times, at most {result.bound.moves} are permitted")
        if result.bound.keeps_connections and result.moves == 0 and now is active and not self._view.connection_lives():
            result.violations.append("the connection that was open before is lost, though the service has not moved")

    def _judge_leftovers(self, result):
        if result.quiet_after_s > bounds.QUIET_S:
            return
        # Mark rules follow a moment later, by iptables-restore.
        deadline = time.monotonic() + SETTLED_S
        while (left := self._pair.leftovers() + self._view.unmarked()) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        result.violations += left
        now = self._pair.descriptors()
        for who, count in now.items():
            first = self._descriptors.setdefault(who, count)
            if count > first + DESCRIPTORS_MORE_MAX:
                result.violations.append(f"{who[0]}'s {who[1]} has {count} descriptors open, {first} before")
