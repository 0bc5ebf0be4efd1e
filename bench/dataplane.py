#!/usr/bin/env python3
"""What one packet costs, in instructions: the embedded core beside the kernel's ip_vs and beside plain forwarding.

usage: dataplane.py BIN-FOLDER [--runs N] [--json]

Each run boots Debian's kernel, emulated, with a clock that counts instructions, and measures all cases there
(dataplane_run.py). docs/bench.md tells what is measured, and what it means.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
RUN_LIMIT_S = 280  # Of a run on average: three end within a quarter of an hour, whatever happens.
COLUMNS = ("router", "ip_vs", "embedded", "program")


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


def one_run(binaries, which, end):
    limit_s = max(1, int(end - time.monotonic()))
    with tempfile.TemporaryDirectory() as scratch:
        result = f"{scratch}/result"
        boot = subprocess.Popen(
            [f"{TREE}/tests/kernel/boot", "--qemu", "build/linux-6.1", "--count", "--memory", "1G", "--timeout",
             str(limit_s), "--scratch", scratch, f"bench/dataplane_run.py {binaries} {result}"],
            stdout=subprocess.PIPE, text=True, cwd=TREE)
        for line in boot.stdout:
            say(f"{which}: {line.rstrip()}")
        if boot.wait() == 124:
            sys.exit(f"bench: {which} did not end within {limit_s} s: it takes about 100 on an idle machine; end what else "
                     "runs on this one, and try again")
        if boot.returncode != 0:
            sys.exit(f"bench: {which} failed (status {boot.returncode}); above is why")
        with open(result, encoding="utf-8") as file:
            return json.load(file)


def summary(runs):
    """Of each case the median of the runs for each director, the ratio, and the ratios of the runs."""
    cases = {}
    for name in runs[0]:
        ratios = [run[name]["embedded"] / run[name]["ip_vs"] for run in runs]
        cases[name] = {who: round(statistics.median(run[name][who] for run in runs)) for who in runs[0][name]}
        cases[name]["ratio"] = round(statistics.median(ratios), 3)
        cases[name]["ratios"] = [round(ratio, 3) for ratio in ratios]
    return cases


def show(cases):
    print("\nInstructions for each packet (connection-*: for its six packets), sender and wires taken off:")
    print(f"{'':24}" + "".join(f"{who:>10}" for who in COLUMNS) + f"{'ratio':>8}   of the runs")
    for name, case in cases.items():
        print(f"{name:24}" + "".join(f"{case.get(who, '-'):>10}" for who in COLUMNS) + f"{case['ratio']:>8.2f}   "
              + " ".join(f"{ratio:.3f}" for ratio in case["ratios"]))
    print()
    for name, case in cases.items():
        print(f"ratio {name} = {case['ratio']:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    runs, end = [], time.monotonic() + RUN_LIMIT_S * options.runs
    for number in range(1, options.runs + 1):
        begun = time.monotonic()
        which = f"run {number} of {options.runs}"
        say(f"{which}: booting")
        runs.append(one_run(options.binaries, which, end))
        say(f"{which}: done in {time.monotonic() - begun:.0f} s")
    cases = summary(runs)
    if options.json:
        print(json.dumps({"unit": "instructions", "runs": options.runs, "cases": cases}, indent=1))
    else:
        show(cases)


main()
