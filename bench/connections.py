#!/usr/bin/env python3
"""What a full table costs: new connections and packets of known ones, in instructions, and memory; the embedded core
beside the kernel's ip_vs.

usage: connections.py BIN-FOLDER [--runs N] [--json] [--size N]

Each run boots Debian's kernel twice, emulated, with a clock that counts instructions, once for each core
(connections_run.py). docs/bench.md tells what is measured.
"""
import argparse
import json
import statistics
import time

import emulated

SMALLEST = 1000
CORES = ("ip_vs", "embedded")
WHATS = ("new", "known", "kib")


def one_run(binaries, which, sizes):
    """{core: {size: {what: number}}}."""
    limit_s = 240 + sizes[-1] // 500
    memory = f"{1024 + sizes[-1] // 1000}M"
    return {core: emulated.run(f"{which}, {core}", "connections_run.py", [binaries, core, *map(str, sizes)],
                              time.monotonic() + limit_s, memory)
            for core in CORES}


def summary(runs, sizes):
    """{size: {what: {core: median}}}; of the memory all that is gone since the core is there."""
    cases = {}
    for size in map(str, sizes):
        cases[size] = {what: {core: round(statistics.median(run[core][size][what] for run in runs)) for core in CORES}
                       for what in WHATS}
    return cases


def show(cases):
    print("\nInstructions for each packet, sender and wires taken off; memory of the whole table:")
    print(f"{'flows':>10}" + "".join(f"{what + ', ' + core:>18}" for what in WHATS for core in CORES))
    for size, case in cases.items():
        print(f"{size:>10}" + "".join(f"{case[what][core]:>18}" for what in WHATS for core in CORES))
    print()
    for size, case in cases.items():
        for what in WHATS[:2]:
            print(f"ratio {what}-{size} = {case[what]['embedded'] / case[what]['ip_vs']:.2f}")
    size, case = list(cases.items())[-1]
    for core in CORES:
        print(f"memory {core}-{size} = {case['kib'][core] * 1024 / int(size):.0f} bytes for each connection")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", type=int, default=100000, help="of the largest table, a multiple of 1000")
    options = parser.parse_args()
    sizes = [SMALLEST, options.size]
    cases = summary([one_run(options.binaries, f"run {number} of {options.runs}", sizes)
                     for number in range(1, options.runs + 1)], sizes)
    if options.json:
        print(json.dumps({"runs": options.runs, "flows": cases}, indent=1))
    else:
        show(cases)


main()
