#!/usr/bin/env python3
"""What one packet costs, in instructions: the embedded core beside the kernel's ip_vs and beside plain forwarding.

usage: dataplane.py BIN-FOLDER [--runs N] [--json]

Each run boots Debian's kernel, emulated, with a clock that counts instructions, and measures all cases there
(dataplane_run.py). docs/bench.md tells what is measured, and what it means.
"""
import argparse
import json
import statistics
import time

import emulated

RUN_LIMIT_S = 280  # Of a run on average: three end within a quarter of an hour, whatever happens.
COLUMNS = ("router", "ip_vs", "embedded", "express", "program")


def summary(runs):
    """Of each case the median of the runs for each director, the ratio, and the ratios of the runs."""
    cases = {}
    for name in runs[0]:
        ratios = [run[name]["embedded"] / run[name]["ip_vs"] for run in runs]
        cases[name] = {who: round(statistics.median(run[name][who] for run in runs)) for who in runs[0][name]}
        cases[name]["ratio"] = round(statistics.median(ratios), 3)
        cases[name]["ratios"] = [round(ratio, 3) for ratio in ratios]
        if "express" in runs[0][name]:
            cases[name]["express-ratio"] = round(statistics.median(run[name]["express"] / run[name]["ip_vs"]
                                                                   for run in runs), 3)
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
        if "express-ratio" in case:
            print(f"ratio {name}-express = {case['express-ratio']:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    end = time.monotonic() + RUN_LIMIT_S * options.runs
    runs = [emulated.run(f"run {number} of {options.runs}", "dataplane_run.py", [options.binaries], end)
            for number in range(1, options.runs + 1)]
    cases = summary(runs)
    if options.json:
        print(json.dumps({"unit": "instructions", "runs": options.runs, "cases": cases}, indent=1))
    else:
        show(cases)


main()
