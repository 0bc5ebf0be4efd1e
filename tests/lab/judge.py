"""The verdict on a drill: a list of expectations, each with its figure and its bound.

Every bound stands in BOUNDS: the one that the suite promises (--strict), a generous one for machines that have other
things to do, and one for the tempo of an emulated machine (tempo.py) where the generous one is not enough. A drill
holds when it has expectations and every one of them held.
"""
import dataclasses

NO_BOUND = float("inf")


@dataclasses.dataclass(frozen=True)
class Bound:
    strict: float
    generous: float
    unit: str
    emulated: float = None

    def limit(self, strict, tempo):
        if strict:
            return self.strict
        return self.emulated if tempo == "emulated" and self.emulated is not None else self.generous


MS, PERCENT, COUNT = "ms", "% of attempts", ""

BOUNDS = {
    "steady.failed": Bound(0, 1, PERCENT),
    "steady.silence": Bound(100, 1000, MS),
    "marks.unanswered": Bound(0, 0, COUNT),
    "marks.split": Bound(0, 0, COUNT),
    "shares.failed-before": Bound(0, 1, PERCENT),
    "shares.failed-after": Bound(0, 1, PERCENT),
    "shares.silence": Bound(100, 1000, MS),
    "shares.unanswered": Bound(0, 0, COUNT),
    "server.noticed": Bound(2000, 6000, MS, emulated=10000),
    "server.failed-after-notice": Bound(0, 1, PERCENT),
    "server.silence": Bound(250, 1500, MS),
    "server.back": Bound(3000, 10000, MS),
    "repair.table-cleared": Bound(5500, 8000, MS, emulated=10000),
    "repair.marks-flushed": Bound(100, 1000, MS, emulated=2000),
    "repair.nft-flushed": Bound(100, 1000, MS),
    "repair.address-deleted": Bound(100, 1000, MS, emulated=2000),
    "repair.filter-removed": Bound(100, 1000, MS),
    "repair.device-deleted": Bound(100, 1000, MS),
    "uplink.silence": Bound(400, 2000, MS, emulated=3000),
    "uplink.failed-after-mending": Bound(0, 1, PERCENT),
    "link.silence": Bound(400, 2000, MS, emulated=3000),
    "link.failed-after-mending": Bound(0, 1, PERCENT),
    "power.silence": Bound(400, 2000, MS, emulated=3000),
    "power.failed-after-return": Bound(0, 1, PERCENT),
    "stop.silence": Bound(100, 1000, MS, emulated=2000),
    "stop.failed-after-handover": Bound(0, 1, PERCENT),
    "lvsd.failed": Bound(0, 1, PERCENT),
    "lvsd.silence": Bound(100, 1000, MS),
    "expiry.seconds": Bound(30, 150, "s"),
}


@dataclasses.dataclass(frozen=True)
class Expectation:
    name: str
    what: str
    figure: object
    bound: str
    held: bool

    def __str__(self):
        verdict = "held  " if self.held else "BROKEN"
        return f"{verdict}  {self.name}: {self.what}: {self.figure}{f' ({self.bound})' if self.bound else ''}"


class Judge:
    def __init__(self, strict, tempo="machine"):
        self.strict = strict
        self.tempo = tempo
        self.expectations = []

    def _add(self, name, what, figure, bound, held):
        expectation = Expectation(name, what, figure, bound, bool(held))
        self.expectations.append(expectation)
        return expectation

    def at_most(self, name, what, figure):
        """A figure against the bound of that name in BOUNDS."""
        bound = BOUNDS[name]
        limit = bound.limit(self.strict, self.tempo)
        shown = f"{figure:.3g}" if bound.unit == PERCENT else f"{figure:.0f}"
        unit = f" {bound.unit}" if bound.unit else ""
        return self._add(name, what, f"{shown}{unit}", f"at most {limit}{unit}", figure <= limit)

    def share(self, name, what, failed, attempts):
        """Failures as a share of the attempts; a window without attempts proves nothing and does not hold."""
        if attempts == 0:
            return self._add(name, what, "no attempts", "some", False)
        return self.at_most(name, f"{what} ({failed} of {attempts})", 100.0 * failed / attempts)

    def true(self, name, what, held, figure=None):
        return self._add(name, what, figure if figure is not None else ("yes" if held else "no"), "", held)

    @property
    def broken(self):
        return [e for e in self.expectations if not e.held]

    @property
    def held(self):
        return bool(self.expectations) and not self.broken
