"""What clients may notice of each misfortune, as the design's failure table says it, and what they may not.

One table of promises; a misfortune names its row. D is the pair's deadtime. The figures are generous for a machine that
has other things to do, and still far from an outage that nobody ends. Of two misfortunes that overlap the silences add.
"""
import dataclasses

# The prober waits this long for an answer; a second is lost with the first SYN.
BLINK_S = 1.0
# Nobody can serve for so long where both directors are struck.
BLACKOUT_S = 5.0


@dataclasses.dataclass(frozen=True)
class Promise:
    what: str
    silence_s: object           # a function of deadtime: the longest gap between two answers
    fails: bool                 # whether requests may fail at all, within that silence
    moves: bool                 # whether the service may move to the other director
    keeps_connections: bool     # whether a connection from before must live, unless the service moved


PROMISES = {
    "nothing": Promise("clients notice nothing, no role changes", lambda d: BLINK_S, False, False, True),
    "handover": Promise("at most a blink while the other director takes the addresses", lambda d: 2 * BLINK_S,
                        True, True, True),
    "takeover": Promise("silence until deadtime, a quarter more for the split guard, then service",
                        lambda d: 1.25 * d + 3 * BLINK_S, True, True, True),
    "blackout": Promise("no service while it lasts, up to 5 s; then as after a takeover",
                        lambda d: BLACKOUT_S + 1.25 * d + 4 * BLINK_S, True, True, False),
    "repair": Promise("a blink until it is made good", lambda d: 2 * BLINK_S, True, False, True),
    "drift": Promise("until the next drift check, 5 s", lambda d: 5 + 3 * BLINK_S, True, False, False),
    "server": Promise("what goes to the dead server fails until its check has failed", lambda d: 3 * BLINK_S,
                      True, False, False),
    "loss": Promise("single requests fail, no role changes", lambda d: 4 * BLINK_S, True, False, True),
}

# For how long two directors may answer for an address: a handover overlaps so that no request is lost.
TWO_HOLDERS_S = 0.5
# From the healing of everything to a pair of which one is active, one able, and of which nothing needs attention.
QUIET_S = 40
# After that not one request may fail for this long.
PROOF_S = 1.0


@dataclasses.dataclass(frozen=True)
class Bound:
    silence_s: float
    fails: bool
    moves: int
    keeps_connections: bool


def together(promises, deadtime_s):
    """What may be noticed of several promises whose times overlap."""
    chosen = [PROMISES[name] for name in promises]
    noticed = [p.silence_s(deadtime_s) for p in chosen if p.fails]
    return Bound(sum(noticed) or BLINK_S, bool(noticed), sum(p.moves for p in chosen),
                 all(p.keeps_connections for p in chosen))
