"""From a seed to rounds. Each round has its own numbers, drawn from seed and round alone, so that one of them can be
played again without those before it. Victims are roles, not names: who is active when the round begins is a matter of
what came before.
"""
import dataclasses
import random

import bounds
import misfortunes

ROLES = ("active", "standby")
TWO_AT_ONCE = 0.5
ACTIVE_SHARE = 0.65


@dataclasses.dataclass(frozen=True)
class Blow:
    misfortune: misfortunes.Misfortune
    role: str
    begins: float
    lasts: float
    seed: str

    @property
    def ends(self):
        return self.begins + self.lasts

    def numbers(self):
        return random.Random(self.seed)

    def __str__(self):
        return f"{self.misfortune.name} on {self.role} for {self.lasts:.1f} s" + (
            f" from {self.begins:.1f} s" if self.begins else "")


def promises(blows):
    """The rows of bounds.PROMISES that hold together. Where another one moves the service, it may well move to the
    standby that is struck."""
    def moves(blow):
        return bounds.PROMISES[blow.misfortune.promise_for(blow.role)].moves
    return [b.misfortune.promise if any(moves(other) for other in blows if other is not b)
            else b.misfortune.promise_for(b.role) for b in blows]


def promised(first, second):
    """Whether the design promises service under both at once."""
    a, b = first.misfortune, second.misfortune
    if a.alone or b.alone:
        return False
    if a.exclusive and a.exclusive == b.exclusive and (first.role == second.role or a.exclusive == "server"):
        return False
    # A director without power can suffer nothing else, and nobody can heal it.
    if "power" in (a.name, b.name) and first.role == second.role:
        return False
    if first.role != second.role and a.disables and b.disables:
        return False
    if (a.holds and b.disables) or (b.holds and a.disables):
        return False
    if first.role == second.role and ((a.keeps_lvsd_away and b.needs_lvsd) or (b.keeps_lvsd_away and a.needs_lvsd)):
        return False
    # Who cannot serve and cannot say so keeps the service from the other one.
    return not ((a.blinds and b.wants_to_tell) or (b.blinds and a.wants_to_tell))


def _blow(draw, kinds, begins, seed):
    kind = draw.choice(kinds)
    role = ROLES[0] if draw.random() < ACTIVE_SHARE else ROLES[1]
    return Blow(kind, role, begins, draw.uniform(*kind.lasts), seed)


def round_of(seed, number, only=None):
    """The blows of one round, the earliest first."""
    draw = random.Random(f"{seed}/{number}")
    kinds = [misfortunes.ALL[name] for name in only or misfortunes.ALL]
    first = _blow(draw, kinds, 0.0, f"{seed}/{number}/1")
    if only or first.misfortune.alone or draw.random() >= TWO_AT_ONCE:
        return [first]
    while True:
        second = _blow(draw, kinds, draw.uniform(0, max(first.lasts, 0.3)), f"{seed}/{number}/2")
        if promised(first, second):
            return [first, second]
