#!/usr/bin/env python3
"""What a failover costs a client: pulse beside keepalived's VRRP, one after the other in the same namespaces.

usage: failover.py BIN-FOLDER [--runs N] [--json]

Two directors on one network, one floating address, heartbeats or adverts on that network alone. A client sends an echo
request to the floating address every millisecond, whatever comes back, while something happens to the active director;
its outage is the longest row of requests without an answer. docs/bench.md tells what is measured and why.
"""
import argparse
import json
import statistics
import sys

from echo import Echoes
from pairs import Caribe, Keepalived, Laboratory, eventually

INTERVALS_MS = (10, 100, 1000)
SUITES = (Caribe, Keepalived)
BUSY = 64
BUSY_S = 20
MANY = 4000
EVENTS = {
    "link-cut": lambda lab, suite: lab.cut(0),
    "clean-stop": lambda lab, suite: suite.stop(0),
    "kill": lambda lab, suite: suite.kill_vital(0),
    "switchover": lambda lab, suite: suite.switchover(),
}


def outage_ms(binaries, suite_of, event, interval_ms):
    """Of the client, from the event until it has been answered for a while."""
    with Laboratory(binaries) as lab, suite_of(lab, interval_ms) as suite:
        suite.start()
        with Echoes(lab.client, lab.VIP) as echoes:
            eventually("the client is answered", lambda: echoes.answered_row() > 100)
            EVENTS[event](lab, suite)
            if event != "kill":
                eventually("the other holds the address", lambda: lab.holds(1))
            eventually("the client is answered again", lambda: echoes.answered_row() > 500)
            return echoes.longest_outage_ms()


def takeover_of_many_ms(binaries, suite_of, interval_ms):
    """From the cut until the other director's kernel has all of them, and the outage of a client of the last one."""
    with Laboratory(binaries) as lab, suite_of(lab, interval_ms, MANY) as suite:
        suite.start()
        lab.route_to(suite.more)
        with Echoes(lab.client, suite.more[-1]) as echoes:
            eventually("the client is answered", lambda: echoes.answered_row() > 100)
            complete_s = lab.seconds_until(lambda: lab.cut(0), lambda: lab.count_addresses(1) > MANY)
            eventually("the client is answered again", lambda: echoes.answered_row() > 500)
            return 1000 * complete_s, echoes.longest_outage_ms()


def false_takeovers(binaries, suite_of, interval_ms):
    with Laboratory(binaries) as lab, suite_of(lab, interval_ms) as suite:
        suite.start()
        with lab.busy(BUSY):
            return lab.moves_within(BUSY_S)


def measure(binaries, runs):
    """{case: {suite: [figure of each run]}}"""
    figures = {}

    def note(case, suite_of, figure):
        figures.setdefault(case, {}).setdefault(suite_of.NAME, []).append(figure)
        print(f"{case}: {suite_of.NAME} {figure:.1f}", file=sys.stderr, flush=True)

    for number in range(runs):
        print(f"run {number + 1} of {runs}", file=sys.stderr, flush=True)
        for event in EVENTS:
            for interval_ms in INTERVALS_MS:
                for suite_of in SUITES:
                    note(f"{event}-{interval_ms}ms", suite_of, outage_ms(binaries, suite_of, event, interval_ms))
        for suite_of in SUITES:
            complete_ms, outage_of_last_ms = takeover_of_many_ms(binaries, suite_of, 100)
            note(f"addresses-{MANY}", suite_of, complete_ms)
            note(f"addresses-{MANY}-last", suite_of, outage_of_last_ms)
        for interval_ms in INTERVALS_MS:
            for suite_of in SUITES:
                note(f"false-takeovers-{interval_ms}ms", suite_of, false_takeovers(binaries, suite_of, interval_ms))
    return figures


def show(figures):
    names = [suite.NAME for suite in SUITES]
    print(f"\n{'milliseconds, median (most)':>28}" + "".join(f"{name:>22}" for name in names))
    for case, by_suite in figures.items():
        cells = (f"{statistics.median(by_suite[name]):.0f} ({max(by_suite[name]):.0f})" for name in names)
        print(f"{case:>28}" + "".join(f"{cell:>22}" for cell in cells))
    print()
    ours, theirs = names
    for case, by_suite in figures.items():
        divisor = statistics.median(by_suite[theirs])
        if divisor and not case.startswith("false-takeovers"):
            print(f"ratio {case} = {statistics.median(by_suite[ours]) / divisor:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.binaries, options.runs)
    if options.json:
        print(json.dumps({"runs": options.runs, "figures": figures}, indent=1))
    else:
        show(figures)


main()
